"""Nobody learns who has an account: the same answer to the last byte, and in about the same time, for every address."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from hub.settings import AuthSettings
from tests.support.database import fresh
from tests.support.running import Running, hub_running, settings_for, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery"
VOLATILE = {"Date", "Server-Timing", "X-Request-Id"}
FIELDS: dict[str, dict[str, str]] = {
    "register": {"password": "a wrong one", "name": "Eve"},
    "login": {"password": "a wrong one"},
}
ASKED = ("register", "login", "forgot-password", "resend-verification")
NEAR = 0.15
"""How far two medians may be apart, as a part of the smaller one."""
MEASURED = 30
"""Known addresses, and as many unknown ones."""
HASH = "insert into credentials (customer_id, password_hash, changed_at) values ($1, $2, now())"
PERSON = """
    insert into customers (id, email, name, created_at, verified_at)
    values ($1, $2, 'Ada', now(), case when $3 then now() end)
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Street:
    """A hub, and people who ask it, each from an address of their own on the network."""

    hub: Running
    numbers: Iterator[int] = field(default_factory=count)

    async def ask(self, path: str, email: str, **more: str) -> Answer:
        """All that goes over the wire but the time. The request's id is chosen by who asks."""
        number = next(self.numbers)
        where = {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}
        body = {"email": email} | FIELDS.get(path.rpartition("/")[2], {}) | more
        how: dict[str, Any] = {"data": body} if path.startswith("/account") else {"json": body}
        url, headers = self.hub.url + path, where | {"X-Request-Id": "the-same"}
        async with self.hub.session.post(url, headers=headers, allow_redirects=False, **how) as answer:
            told = {name: _masked(value) for name, value in answer.headers.items() if name not in VOLATILE}
            return Answer(answer.status, told, _masked((await answer.read()).decode()).encode())

    async def twice(self, path: str, *emails: str) -> list[list[Answer]]:
        """What each is told the first and the second time."""

        async def both(email: str) -> list[Answer]:
            return [await self.ask(path, email) for _ in range(2)]

        return await asyncio.gather(*map(both, emails))

    async def people(self, number: int, *, verified: bool) -> list[str]:
        """Addresses of as many accounts, each of which has asked for nothing yet."""
        hashed = await self.hub.made.identity.provider.password_hasher.hash_password(PASSWORD)
        ids = {uuid4(): f"{uuid4().hex}@example.com" for _ in range(number)}
        async with self.hub.db.transaction() as tx:
            await tx.executemany(PERSON, [(one, email, verified) for one, email in ids.items()])
            await tx.executemany(HASH, [(one, hashed) for one in ids])
        return list(ids.values())


def _masked(text: str) -> str:
    """The secret of a registration is random each time, and of one form."""
    return re.sub(r"\b[0-9a-f]{64}\b", "(random)", text)


def nobody() -> str:
    return f"{uuid4().hex}@example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def street(pg: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Street]:
    directory = Path(tmp_path_factory.mktemp("street"))
    async with fresh(pg, template) as dsn, hub_running(settings_for(dsn, directory, trusted_proxies=1)) as hub:
        yield Street(hub)


@pytest.mark.parametrize("noun", ["auth", "customers"])
@pytest.mark.parametrize("act", ASKED)
async def test_the_answer_is_the_same_to_the_last_byte(street: Street, noun: str, act: str):
    """Asked twice, because only a known address has had a letter a moment ago."""
    (known,), (unconfirmed,) = await street.people(1, verified=True), await street.people(1, verified=False)
    path = f"/api/{noun}/{act}"
    expected = await street.ask(path, nobody())
    assert expected.status == {"register": 201, "login": 401}.get(act, 202)
    assert await street.twice(path, known, unconfirmed, nobody()) == [[expected] * 2] * 3
    assert await street.ask(path, known.upper()) == expected


@pytest.mark.parametrize("act", ["forgot", "resend"])
async def test_so_is_the_page(street: Street, act: str):
    (known,), (unconfirmed,) = await street.people(1, verified=True), await street.people(1, verified=False)
    expected = await street.ask(f"/account/{act}", nobody())
    assert (expected.status, expected.headers["Location"]) == (303, "done?what=sent")
    for email in (known, unconfirmed):
        assert await street.ask(f"/account/{act}", email) == expected


async def test_so_is_the_lock_out(street: Street):
    (known,), (unconfirmed,) = await street.people(1, verified=True), await street.people(1, verified=False)
    seen = []
    for email in (known, unconfirmed, nobody()):
        answers = [await street.ask("/api/auth/login", email) for _ in range(6)]
        assert [one.status for one in answers] == [401] * 5 + [429]
        assert 25 <= int(answers[-1].headers.pop("Retry-After")) <= 30
        seen.append(answers)
    assert seen[0] == seen[1] == seen[2]


async def test_after_the_lock_out_even_the_right_password_tells_nothing(street: Street):
    (known,) = await street.people(1, verified=True)
    for _ in range(5):
        await street.ask("/api/auth/login", known)
    right = await street.ask("/api/auth/login", known, password=PASSWORD)
    assert (right.status, b"too_many_failures" in right.body) == (429, True)


async def clocked(step: Callable[[], Awaitable[Any]]) -> float:
    """Seconds."""
    began = time.perf_counter()
    await step()
    return time.perf_counter() - began


async def taken(street: Street, act: str, known: list[str]) -> tuple[list[float], list[float]]:
    """How long it took for the known addresses and for as many unknown ones, in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for number, email in enumerate(known):
        for which in (0, 1) if number % 2 else (1, 0):
            asked = nobody() if which else email
            times[which].append(await clocked(lambda asked=asked: street.ask(f"/api/auth/{act}", asked)))
    return times


async def apart(street: Street, act: str, *, lanes: int, verified: bool = True) -> float:
    """How far the medians are apart. What other programs do to a few measurements is gone from the median of more."""
    known: list[float] = []
    unknown: list[float] = []
    for _ in range(3):
        people = await street.people(MEASURED, verified=verified)
        for hers, nobodys in await asyncio.gather(*(taken(street, act, people[one::lanes]) for one in range(lanes))):
            known, unknown = known + hers, unknown + nobodys
        difference = abs(median(known) - median(unknown)) / min(median(known), median(unknown))
        if difference <= NEAR:
            break
    assert len(known) == len(unknown) >= 25
    return difference


@pytest.mark.slow
async def test_letters_take_as_long_for_everybody(street: Street):
    """What happens for a known address is hidden in the stroke of a clock."""
    acts = {"register": 2, "forgot-password": 5, "resend-verification": 5}
    waiting = (apart(street, act, lanes=lanes, verified="resend" not in act) for act, lanes in acts.items())
    found = dict(zip(acts, await asyncio.gather(*waiting), strict=True))
    assert {act: difference for act, difference in found.items() if difference > NEAR} == {}


@pytest.mark.slow
async def test_a_wrong_password_takes_as_long_for_everybody(street: Street):
    """Nothing hides the time here: a password is hashed for nobody, too."""
    assert await apart(street, "login", lanes=1) <= NEAR


# With the accounts at Supabase, which does tell some of it.


@pytest_asyncio.fixture(loop_scope="module")
async def remote(dsn: str, tmp_path: Path) -> AsyncIterator[Street]:
    settings = settings_for(dsn, tmp_path, trusted_proxies=1, auth=AuthSettings(provider="supabase"))
    async with hub_running(settings) as hub:
        yield Street(hub)


async def confirmed(street: Street) -> str:
    email = nobody()
    await street.ask("/api/auth/register", email, password=PASSWORD)

    async def link() -> str | None:
        letters = [str(one) for one in await street.hub.control("GET", "mailbox") if email in one["to"]]
        found = re.search(r"http[^\s\"'<>\\]+type=signup[^\s\"'<>\\]*", " ".join(letters))
        return found[0].replace("&amp;", "&") if found else None

    async with street.hub.session.get(await until(link), allow_redirects=False) as answer:
        assert "access_token=" in answer.headers["Location"]
    return email


async def test_at_supabase_too_the_answer_is_the_same(remote: Street):
    known, unconfirmed = await confirmed(remote), nobody()
    await remote.ask("/api/auth/register", unconfirmed, password=PASSWORD)
    for act in ASKED:
        path = f"/api/auth/{act}"
        expected = await remote.ask(path, nobody())
        assert await remote.twice(path, known, unconfirmed, nobody()) == [[expected] * 2] * 3, act
