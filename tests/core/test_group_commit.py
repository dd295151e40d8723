"""Small writes go together where they meet, and each has its own outcome."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import Unavailable
from hub.core.group_commit import MAX_BATCH_SIZE, MAX_WRITERS, GroupCommit


class Store:
    """Writes when it is let. What is negative cannot be written; nothing can while it is `away`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.away = False
        self.together: GroupCommit[int, int] = GroupCommit(self.write, key=abs)

    async def write(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        await self.gate.wait()
        if self.away:
            raise Unavailable("away")
        if any(one < 0 for one in numbers):
            raise ValueError(numbers)
        return [one * 10 for one in numbers]

    async def busy(self) -> list[asyncio.Task[int]]:
        """Every writer has one to write, and does not come to an end."""
        return [(await self.started(one))[0] for one in range(1, MAX_WRITERS + 1)]

    async def started(self, *numbers: int) -> list[asyncio.Task[int]]:
        tasks = [asyncio.create_task(self.together.submit_write(one)) for one in numbers]
        await asyncio.sleep(0.01)
        return tasks


async def test_one_alone_is_written_at_once():
    store = Store()
    store.gate.set()
    assert (await store.together.submit_write(7), store.batches) == (70, [[7]])


async def test_what_comes_while_all_writers_write_goes_together():
    store = Store()
    tasks = await store.busy() + await store.started(*range(10, 20))
    store.gate.set()
    assert await asyncio.gather(*tasks) == [10, 20, 30, *range(100, 200, 10)]
    assert store.batches == [[1], [2], [3], list(range(10, 20))]


async def test_one_statement_is_neither_endless_nor_has_it_a_name_twice():
    store = Store()
    tasks = await store.busy() + await store.started(*range(100, 100 + MAX_BATCH_SIZE + 5), 100, 101)
    store.gate.set()
    assert len(await asyncio.gather(*tasks)) == MAX_WRITERS + MAX_BATCH_SIZE + 7
    assert all(len(batch) <= MAX_BATCH_SIZE and len(set(batch)) == len(batch) for batch in store.batches)


async def test_what_one_writer_writes_already_no_other_takes():
    store = Store()
    tasks = await store.started(1) + await store.started(1, 1, 2)
    assert store.batches == [[1], [2]]
    store.gate.set()
    assert (await asyncio.gather(*tasks), store.batches[2:]) == ([10, 10, 10, 20], [[1], [1]])


async def test_one_that_cannot_be_written_spoils_no_other():
    store = Store()
    tasks = await store.busy() + await store.started(10, -11, 12)
    store.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one).__name__ for one in found[MAX_WRITERS:]] == ["int", "ValueError", "int"]


async def test_a_store_that_is_away_is_asked_once_for_all():
    store = Store()
    store.away = True
    tasks = await store.busy() + await store.started(10, 11)
    store.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert ({type(one) for one in found}, len(store.batches)) == ({Unavailable}, MAX_WRITERS + 1)


async def test_who_stops_waiting_stops_nothing():
    store = Store()
    tasks = await store.busy() + await store.started(10, 11)
    tasks[-1].cancel()
    store.gate.set()
    await store.together.close()
    assert (store.batches[-1], tasks[-2].result()) == ([10, 11], 100)


async def test_a_writer_that_is_killed_leaves_nobody_waiting():
    store = Store()
    (task,) = await store.started(1)
    (writer,) = store.together._writers
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)


@given(st.lists(st.integers(-3, 30), max_size=100))
def test_each_gets_its_own_outcome(numbers: list[int]):
    async def play() -> list[object]:
        store = Store()
        tasks = await store.started(*numbers)
        store.gate.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    for number, outcome in zip(numbers, asyncio.run(play()), strict=True):
        assert outcome == number * 10 if number >= 0 else isinstance(outcome, ValueError)
