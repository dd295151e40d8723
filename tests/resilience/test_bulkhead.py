import asyncio

import pytest

from hub.core.errors import ProviderTransient
from hub.resilience.bulkhead import Bulkhead


async def hold(bulkhead, gate, timeout=None):  # noqa: ASYNC109
    async with bulkhead.acquire_slot(timeout):
        await gate.wait()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_are_inside():
    bulkhead, gate = Bulkhead("kiwi", max_active=2, max_waiting=5), asyncio.Event()
    calls = [asyncio.create_task(hold(bulkhead, gate)) for _ in range(5)]
    await settle()
    assert (bulkhead.active_calls, bulkhead.waiting_calls) == (2, 3)
    gate.set()
    await asyncio.gather(*calls)
    assert (bulkhead.active_calls, bulkhead.waiting_calls) == (0, 0)


async def test_a_full_queue_refuses_at_once():
    bulkhead, gate = Bulkhead("kiwi", max_active=1, max_waiting=1), asyncio.Event()
    calls = [asyncio.create_task(hold(bulkhead, gate)) for _ in range(2)]
    await settle()
    with pytest.raises(ProviderTransient) as busy:
        await hold(bulkhead, gate)
    assert busy.value.code == "provider_busy"
    gate.set()
    await asyncio.gather(*calls)


async def test_a_wait_in_vain_is_busy_and_leaves_the_queue():
    bulkhead, gate = Bulkhead("kiwi", max_active=1), asyncio.Event()
    inside = asyncio.create_task(hold(bulkhead, gate))
    await settle()
    with pytest.raises(ProviderTransient):
        await hold(bulkhead, gate, timeout=0.01)
    assert bulkhead.waiting_calls == 0
    gate.set()
    await inside


async def test_cancelled_callers_leave_their_places():
    bulkhead, gate = Bulkhead("kiwi", max_active=1), asyncio.Event()
    calls = [asyncio.create_task(hold(bulkhead, gate)) for _ in range(3)]
    await settle()
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    gate.set()
    await asyncio.wait_for(hold(bulkhead, gate), 1)
    assert (bulkhead.active_calls, bulkhead.waiting_calls) == (0, 0)
