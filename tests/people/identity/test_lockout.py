"""The lock-out: what a guesser gets, what he can do to others, and what a hundred of him at once get."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unicodedata import category
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.db import Database
from hub.core.errors import TooManyRequests
from hub.core.sealing import SecretBox
from hub.people.identity.lockout import FREE_FAILURES, Lockout, _folded, _network
from tests.people.identity.hand import HandClock, somebody

LOWER = """
    select letter, lower from (select chr(i) from generate_series(1, 125000) i where i not between 55296 and 57343)
    a (letter), lower(letter collate "default") lower where letter <> lower
"""
ADA, HOME, ELSEWHERE = "ada@example.com", "192.0.2.1", "198.51.100.7"


@dataclass
class Door:
    """Sign-ins as the hub does them: counted before the password is looked at."""

    db: Database
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.lockout = Lockout(self.db, self.clock, SecretBox(["s" * 32]))

    async def knock(
        self, email: str = ADA, network: str = ELSEWHERE, device: UUID | None = None, *, right: bool = False
    ) -> float:
        """Zero for who may try, else the seconds to wait."""
        try:
            async with self.db.transaction() as tx:
                await self.lockout.count_attempt(tx, email, network, device)
        except TooManyRequests as error:
            return error.retry_after or 0
        if right:
            async with self.db.transaction() as tx:
                await self.lockout.clear_attempt(tx, email, network, device)
        return 0

    async def guesses(self, lasting: timedelta, **who: Any) -> int:
        """How often somebody gets to try who always comes back at the first moment that they may."""
        end, tried = self.clock.now() + lasting, 0
        while self.clock.now() < end:
            wait = await self.knock(**who)
            tried += not wait
            self.clock.move(seconds=wait)
        return tried

    async def locked(self, **who: Any) -> None:
        """Somebody has used up what is free."""
        while not await self.knock(**who):
            pass

    async def failures(self, scope: str) -> list[int]:
        async with self.db.transaction() as tx:
            rows = await tx.fetch("select failures from sign_in_failures where scope = $1 order by 1", scope)
        return [row["failures"] for row in rows]


@pytest.fixture
def door(db: Database) -> Door:
    return Door(db)


# The guesser.


async def test_waits_begin_with_the_fifth_failure_and_double_up_to_fifteen_minutes(door: Door):
    assert [await door.knock() for _ in range(FREE_FAILURES["account"])] == [0] * 5
    waits = []
    for _ in range(8):
        waits.append(await door.knock())
        door.clock.move(seconds=waits[-1])
        assert await door.knock() == 0
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


async def test_an_hour_of_guessing_without_a_pause_gets_twelve_tries(door: Door):
    """Each from a new network, which costs nothing nowadays. Asking more often changes nothing: see the next test."""
    tried = 0
    for number in range(1_000):
        tried += not await door.knock(network=f"10.0.{number >> 8}.{number & 255}")
        door.clock.move(seconds=3.6)
    assert 5 <= tried <= 12
    assert await door.failures("account") == [tried]


async def test_the_error_says_how_long_and_nothing_of_whom(door: Door):
    await door.locked()
    with pytest.raises(TooManyRequests) as refused:
        async with door.db.transaction() as tx:
            await door.lockout.count_attempt(tx, ADA, ELSEWHERE, None)
    assert (refused.value.code, refused.value.retry_after) == ("too_many_failures", 30)
    assert "ada" not in repr(refused.value).lower()


async def test_asking_too_early_neither_counts_nor_prolongs(door: Door):
    await door.locked()
    for left in range(30, 0, -1):
        assert await door.knock() == left
        door.clock.move(seconds=1)
    assert await door.knock() == 0
    assert await door.failures("account") == [6]


async def test_the_best_that_patience_gets(door: Door):
    """The bound that the module promises: 12 in the first hour, then 4 an hour."""
    assert await door.guesses(timedelta(hours=1)) == 12
    assert await door.guesses(timedelta(hours=24)) == 4 * 24


async def test_one_network_cannot_go_through_many_accounts(door: Door):
    """One guess at each: no account notices."""
    tried = 0
    for number in range(200):
        tried += not await door.knock(email=f"customer{number}@example.com", network=HOME)
    assert tried == FREE_FAILURES["network"]
    assert await door.knock(email="somebody-else@example.com", network=HOME) == 30
    assert await door.knock(email="somebody-else@example.com", network=ELSEWHERE) == 0


async def test_an_account_of_ones_own_does_not_clean_the_network(door: Door):
    for number in range(FREE_FAILURES["network"]):
        assert await door.knock(email=f"customer{number}@example.com", network=HOME) == 0
        if number < FREE_FAILURES["network"] - 1:
            assert await door.knock(email="mallory@example.com", network=HOME, right=True) == 0
    assert await door.knock(email="mallory@example.com", network=HOME) > 0


async def test_another_spelling_of_the_address_is_no_further_account(door: Door):
    spellings = (ADA, "ADA@example.com", "Ada@EXAMPLE.com", "ada@example.com", "ada@EXAMPLE.COM")
    assert [await door.knock(email=one) for one in spellings] == [0] * 5
    assert await door.knock(email="aDa@example.com") > 0
    assert await door.failures("account") == [5]


async def test_two_hundred_at_once_are_not_two_hundred_guesses(door: Door):
    answers = await asyncio.gather(*(door.knock() for _ in range(200)))
    assert answers.count(0) == FREE_FAILURES["account"]
    assert await door.failures("account") == [5]


async def test_two_hundred_at_once_over_many_accounts_are_as_many_as_their_network_may(door: Door):
    answers = await asyncio.gather(*(door.knock(email=f"{number}@example.com", network=HOME) for number in range(200)))
    assert answers.count(0) == FREE_FAILURES["network"]
    assert await door.failures("network") == [FREE_FAILURES["network"]]
    assert await door.failures("account") == [1] * FREE_FAILURES["network"]


async def test_no_failure_is_lost_among_those_that_come_at_once(door: Door):
    """Fifty people mistype at the same time, at five addresses of one network."""
    device = uuid4()
    await asyncio.gather(*(door.knock(email=f"{number % 5}@example.com", network=HOME) for number in range(20)))
    await asyncio.gather(*(door.knock(device=device) for _ in range(10)))
    assert await door.failures("account") == [4] * 5
    assert await door.failures("network") == [20]
    assert await door.failures("device") == [10]


# The one he is after.


async def test_a_device_that_is_known_comes_in_whatever_strangers_do(door: Door):
    """All day long: the guesser takes every turn there is, for the account and for its network."""
    phone = uuid4()
    for _ in range(24):
        await door.locked(network=HOME)
        for number in range(FREE_FAILURES["network"]):
            await door.knock(email=f"customer{number}@example.com", network=HOME)
        assert await door.knock(network=HOME, device=phone, right=True) == 0
        door.clock.move(hours=1)


async def test_a_right_password_on_a_known_device_gives_strangers_no_new_guesses(door: Door):
    await door.locked()
    for _ in range(3):
        assert await door.knock(device=uuid4(), right=True) == 0
        assert await door.knock() > 0
    assert await door.failures("account") == [5]


async def test_a_new_device_comes_in_after_a_reset_and_the_one_that_asked_for_it_at_once(door: Door):
    """The reset makes the device a known one, so it does not race with the guesser for what is free again."""
    await door.locked(network=HOME)
    assert await door.knock(network=HOME) > 0
    async with door.db.transaction() as tx:
        await door.lockout.reset_account_failures(tx, ADA)
    assert await door.knock(network=HOME) == 0
    await door.locked(network=HOME)
    assert await door.knock(network=HOME, device=uuid4(), right=True) == 0


async def test_a_strangers_right_password_lets_strangers_start_anew(door: Door):
    for _ in range(4):
        await door.knock()
    assert await door.knock(right=True) == 0
    assert await door.failures("account") == []
    assert [await door.knock() for _ in range(5)] == [0] * 5


async def test_a_known_device_that_fails_ten_times_is_a_stranger_with_turns_of_its_own(door: Door):
    """A stolen device guesses hardly faster than a stranger; its owner is never starved by strangers."""
    phone = uuid4()
    assert [await door.knock(device=phone) for _ in range(10)] == [0] * 10
    assert [await door.knock(device=phone) for _ in range(5)] == [0] * 5  # as a stranger
    assert await door.knock(device=phone) == 30
    door.clock.move(seconds=30)
    await door.locked()
    assert await door.knock(device=phone, right=True) == 0
    assert await door.failures("device") == []


async def test_a_stolen_device_gets_the_sum_of_both_bounds(door: Door):
    phone = uuid4()
    assert await door.guesses(timedelta(hours=1), device=phone) <= 17 + 12


async def test_failures_are_forgotten_after_a_day_without_new_ones(door: Door):
    await door.locked()
    door.clock.move(hours=24, seconds=1)
    assert [await door.knock() for _ in range(5)] == [0] * 5
    assert await door.knock() == 30


async def test_what_is_forgotten_is_swept_away(door: Door):
    await door.knock(device=uuid4())
    await door.knock(network=HOME)
    door.clock.move(hours=23)
    await door.knock(email="ben@example.com")
    door.clock.move(hours=2)
    await door.lockout.delete_expired_failures()
    assert [await door.failures(scope) for scope in ("device", "account", "network")] == [[], [1], [1]]


async def test_while_nobody_can_judge_a_password_nothing_counts(door: Door):
    phone = uuid4()
    for device in (None, phone) * 30:
        assert await door.knock(device=device) == 0
        async with door.db.transaction() as tx:
            await door.lockout.withdraw_attempt(tx, ADA, ELSEWHERE, device)
    assert [await door.failures(scope) for scope in ("device", "account", "network")] == [[0], [0], [0]]


# What can be learnt from it.


async def test_addresses_that_nobody_has_are_treated_alike(door: Door, monkeypatch: pytest.MonkeyPatch):
    """The same statements, the same answers."""
    await somebody(door.db, ADA)
    seen: dict[str, list[str]] = {}
    for email in (ADA, "nobody@example.com"):
        said = seen.setdefault(email, [])
        with monkeypatch.context() as patch:
            for name in ("fetch", "fetchval", "execute"):
                patch.setattr("hub.core.db.Tx." + name, noting(said, name))
            said += [str(await door.knock(email=email, network="")) for _ in range(8)]
    assert seen[ADA] == seen["nobody@example.com"]
    assert seen[ADA][-8:] == ["0"] * 5 + ["30.0"] * 3


def noting(said: list[str], name: str) -> Callable[..., Any]:
    from hub.core.db import Tx

    plain = getattr(Tx, name)

    async def noted(tx: Tx, query: str, *args: Any) -> Any:
        said.append(query)
        return await plain(tx, query, *args)

    return noted


async def test_a_free_attempt_is_one_statement(door: Door, monkeypatch: pytest.MonkeyPatch):
    said: list[str] = []
    monkeypatch.setattr("hub.core.db.Tx.fetch", noting(said, "fetch"))
    await door.knock()
    await door.knock(device=uuid4())
    assert len(said) == 2


async def test_neither_addresses_nor_networks_are_readable(door: Door):
    await door.knock()
    async with door.db.transaction() as tx:
        rows = await tx.fetch("select subject from sign_in_failures")
    assert len(rows) == 2
    assert all(len(row["subject"]) == 32 for row in rows)
    assert not any(re.search(rb"ada|198", row["subject"]) for row in rows)


async def test_it_works_within_the_travellers_own_transaction(door: Door):
    ada = await somebody(door.db)
    async with door.db.transaction(ada) as tx:
        await door.lockout.count_attempt(tx, ADA, HOME, None)
        await door.lockout.clear_attempt(tx, ADA, HOME, None)
        assert await tx.fetchval("select current_user") == "authenticated"


# One subject, many spellings.


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_networks(one: str, other: str, same: bool):
    assert (_network(one) == _network(other)) is same


@pytest.mark.parametrize("nowhere", ["", "unknown", "unix:", "300.1.1.1"])
async def test_who_comes_from_nowhere_shares_no_network(door: Door, nowhere: str):
    for number in range(FREE_FAILURES["network"] + 5):
        assert await door.knock(email=f"{number}@example.com", network=nowhere) == 0
    assert await door.failures("network") == []


async def test_what_the_database_takes_for_one_address_is_counted_as_one(db: Database):
    """Every letter that Python knows, by the lower case of every collation that a database may have been made with."""
    async with db.transaction() as tx:
        wanted = ["default", "C.utf8", "en_US.utf8", "und-x-icu", "tr-x-icu"]
        found = await tx.fetch("select distinct collname from pg_collation where collname = any($1)", wanted)
        rows = [row for one in found for row in await tx.fetch(LOWER.replace("default", one["collname"]))]
    known = [row for row in rows if category(row["letter"]) != "Cn" and category(row["lower"][0]) != "Cn"]
    assert len(known) > 1000
    assert [row["letter"] for row in known if _folded(row["letter"]) != _folded(row["lower"])] == []


@given(st.text(max_size=40))
def test_folding_never_fails_and_is_done_once(email: str):
    assert _folded(_folded(email)) == _folded(email)
    assert _folded(email + "@example.com").endswith("@example.com")
