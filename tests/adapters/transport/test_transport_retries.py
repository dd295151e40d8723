import asyncio
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from time import monotonic

import pytest

from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.core.errors import BreakerOpen, OutcomeUnknown, ProviderTimeout, ProviderTransient
from hub.resilience.breaker import BreakerState
from hub.resilience.deadline import enforce_deadline
from hub.resilience.policy import ResiliencePolicy
from hub.resilience.retry import Backoff


def opened(policy, **options):
    return Transport.open_with_session(
        clock=SystemClock(), chance=random.Random(1), policies={"kiwi": policy}, **options
    )


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
async def test_a_passing_trouble_is_asked_again(transport, provider, read, status):
    provider.will(provider.says(status), provider.says(200))
    assert (await transport.send_call(read())).status == 200


async def test_the_last_answer_comes_out_when_the_retries_run_out(transport, provider, read):
    provider.will(provider.says(503, Retry_After="0"))
    assert (await transport.send_call(read())).status == 503
    assert len(provider.seen) == 3


async def test_a_write_without_a_key_is_not_repeated_on_503(transport, provider, write):
    provider.will(provider.says(503), provider.says(200))
    assert (await transport.send_call(write())).status == 503


async def test_retry_after_in_seconds_is_waited_for(transport, provider, read):
    provider.will(provider.says(429, Retry_After="0.3"), provider.says(200))
    start = monotonic()
    assert (await transport.send_call(read())).status == 200
    assert monotonic() - start >= 0.3


async def test_retry_after_as_a_date_is_waited_for(provider, read):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    provider.will(provider.says(429, Retry_After=soon), provider.says(200))
    start = monotonic()
    async with opened(ResiliencePolicy(backoff=Backoff(initial_delay=0.001))) as transport:
        assert (await transport.send_call(read())).status == 200
    assert monotonic() - start >= 0.8  # a date has whole seconds


@pytest.mark.parametrize(
    ("headers", "advice"),
    [
        ({"Retry_After": "3600"}, 3600),
        ({"Ratelimit_Remaining": "0", "Ratelimit_Reset": "40"}, 40),
        ({"Ratelimit_Remaining": "5", "Ratelimit_Reset": "40"}, None),
    ],
)
async def test_long_advice_is_passed_on(transport, provider, read, headers, advice):
    provider.will(provider.says(429, **headers))
    answer = await transport.send_call(read())
    assert answer.retry_after == advice
    assert len(provider.seen) == (3 if advice is None else 1)


@pytest.mark.parametrize("header", ["Stripe_Should_Retry", "X_Should_Retry"])
async def test_a_provider_may_forbid_the_retry(transport, provider, read, header):
    provider.will(provider.says(500, **{header: "false"}))
    await transport.send_call(read())
    assert len(provider.seen) == 1


async def test_an_adapter_may_know_that_a_429_is_final(transport, provider, read):
    provider.will(provider.says(429, {"code": "quota"}))
    await transport.send_call(read(is_final=lambda answer: answer.json()["code"] == "quota"))
    assert len(provider.seen) == 1


async def test_the_deadline_holds_over_all_attempts(transport, provider, read):
    provider.will(provider.never_answers)
    start = monotonic()
    with pytest.raises(ProviderTimeout):
        await transport.send_call(read(timeout=0.3))
    assert monotonic() - start < 3
    assert len(provider.seen) == 1


async def test_one_hung_attempt_leaves_time_for_another(provider, read):
    provider.will(provider.never_answers, provider.says(200))
    async with opened(ResiliencePolicy(attempt_timeout=0.1, backoff=Backoff(initial_delay=0.001))) as transport:
        assert (await transport.send_call(read())).status == 200


async def test_timeouts_are_not_repeated_when_the_policy_says_so(provider, read):
    provider.will(provider.never_answers, provider.says(200))
    async with opened(ResiliencePolicy(attempt_timeout=0.1, retry_timeouts=False)) as transport:
        with pytest.raises(ProviderTimeout):
            await transport.send_call(read())


async def test_the_requests_deadline_reaches_the_provider(transport, provider, read, write):
    """And a write cut short by it is said to be unknown, not just late."""
    provider.will(provider.never_answers)
    for call, error in ((read(), ProviderTimeout), (write(), OutcomeUnknown)):
        with pytest.raises(error):
            async with enforce_deadline(transport.clock, 0.15):
                await transport.send_call(call)


async def test_an_outage_opens_the_breaker_and_recovery_closes_it(provider, read):
    provider.will(provider.says(500))
    policy = ResiliencePolicy(breaker_min_calls=4, breaker_cooldown=0.2, backoff=Backoff(max_attempts=1))
    async with opened(policy) as transport:
        for _ in range(4):
            await transport.send_call(read())
        with pytest.raises(BreakerOpen):
            await transport.send_call(read())
        assert len(provider.seen) == 4
        provider.will(provider.says(200))
        await asyncio.sleep(0.25)
        assert (await transport.send_call(read())).status == 200
        assert transport.get_guard("kiwi").breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("status", [400, 404, 429])
async def test_a_provider_that_says_no_is_not_out(provider, read, status):
    provider.will(provider.says(status))
    async with opened(ResiliencePolicy(breaker_min_calls=2, backoff=Backoff(max_attempts=1))) as transport:
        for _ in range(5):
            assert (await transport.send_call(read())).status == status


async def test_a_write_that_meets_an_open_breaker_was_not_sent(provider, write):
    provider.will(provider.says(500))
    async with opened(ResiliencePolicy(breaker_min_calls=2)) as transport:
        for _ in range(2):
            await transport.send_call(write())
        with pytest.raises(BreakerOpen):
            await transport.send_call(write())


async def test_a_retry_that_meets_an_open_breaker_leaves_the_write_unknown(provider, write):
    provider.will(provider.resets)
    async with opened(ResiliencePolicy(breaker_min_calls=1, backoff=Backoff(initial_delay=0.001))) as transport:
        with pytest.raises(OutcomeUnknown):
            await transport.send_call(write(idempotency_key="k"))
    assert len(provider.seen) == 1


async def test_a_slow_provider_keeps_to_its_own_places(provider, read):
    provider.will(provider.never_answers)
    async with opened(ResiliencePolicy(max_active_calls=2, max_waiting_calls=0, timeout=0.3)) as transport:
        calls = await asyncio.gather(*(transport.send_call(read()) for _ in range(5)), return_exceptions=True)
    assert sorted(error.code for error in calls) == ["provider_busy"] * 3 + ["provider_timeout"] * 2
    assert all(isinstance(error, ProviderTransient) for error in calls)


async def test_a_slow_read_is_hedged_and_a_write_never(provider, read, write):
    provider.will(provider.never_answers, provider.says(200))
    async with opened(ResiliencePolicy(hedge_after=0.05, timeout=1)) as transport:
        assert (await transport.send_call(read())).status == 200
        provider.will(provider.never_answers, provider.says(200))
        with pytest.raises(OutcomeUnknown):
            await transport.send_call(write(timeout=0.2))


async def test_an_outage_is_not_amplified(provider, read):
    """The budget: a fifth on top, and the few that a quiet provider is allowed."""
    provider.will(provider.says(503))
    policy = ResiliencePolicy(
        breaker_min_calls=10_000, retry_reserve=3, backoff=Backoff(initial_delay=0.0001, max_delay=0.0001)
    )
    async with opened(policy) as transport:
        for _ in range(50):
            await transport.send_call(read())
    assert len(provider.seen) <= 50 + 10 + 3


async def test_attempts_are_counted_from_one(transport, provider, read, records):
    provider.will(provider.says(503))
    await transport.send_call(read())
    assert [record.attempt for record in records] == [1, 2, 3]
    assert all(one.started_at <= two.started_at for one, two in pairwise(records))
