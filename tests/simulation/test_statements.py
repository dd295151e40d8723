"""What is done to a statement on its way changes nothing but the time."""

import asyncio
from datetime import UTC, datetime

import pytest

from simulation.statements import is_read_only, run_uninterrupted, use_virtual_time

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_who_asks_for_the_time_is_given_ours_as_one_more_parameter():
    query = "-- now() in words\nselect $1 where a < NOW() - $2::interval and b > clock_timestamp()"
    told = "\nselect $1 where a < $3::timestamptz - $2::interval and b > $3::timestamptz"
    assert use_virtual_time(query, (1, 2), NOW) == (told, (1, 2, NOW))


def test_who_does_not_ask_is_left_alone():
    assert use_virtual_time("select * from nowhere -- now()", (), NOW) == ("select * from nowhere -- now()", ())


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("select * from bookings where id = $1", True),
        ("-- By its name.\nselect 1", True),
        ("select * from bookings for update", False),
        ("select * from bookings for no key update skip locked", False),
        ("select pg_advisory_xact_lock(1)", False),
        ("select set_config('a', 'b', true)", False),
        ("with gone as (delete from a returning 1) select * from gone", False),
        ("update bookings set a = 1 returning *", False),
        ("savepoint one", False),
    ],
)
def test_only_what_merely_reads_may_go_before_its_transaction(query: str, reads: bool):
    assert is_read_only(query) is reads


class Deaf:
    """The answer comes by way of the loop."""

    def wait_for_reply(self, waited: object) -> None:
        pass


async def test_a_statement_comes_to_its_end_though_who_asked_for_it_is_cancelled():
    answer, heard = asyncio.get_running_loop().create_future(), []

    async def statement() -> None:
        heard.append(await answer)

    asking = asyncio.ensure_future(whole(statement()))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.sleep(0)
    assert not asking.done()
    answer.set_result("done")
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert heard == ["done"]


async def test_what_a_statement_raises_is_raised():
    async def statement() -> None:
        raise ValueError("no such table")

    with pytest.raises(ValueError, match="no such table"):
        await whole(statement())


async def whole(statement: object) -> object:
    return await run_uninterrupted(statement, Deaf())  # type: ignore[arg-type]
