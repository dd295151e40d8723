"""Who is calling: what a token check costs, and what two hundred people who sign in at once cost everybody else."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, chdir
from typing import Any, cast
from uuid import UUID

import argon2
import jwt
from pydantic import SecretStr

from bench.hub import Connection, Served, load, percentile
from hub import app as root
from hub.core.embedded_postgres import EmbeddedPostgres
from hub.people.identity import AUDIENCE, LocalIdentityProvider
from hub.people.identity.one_time_links import SQL
from hub.settings import Settings

PEOPLE = 200
TOKENS = 2000
PASSWORD = "correct horse battery"
SETTINGS = {"HUB_AUTH_RATE_LIMIT": "100000000", "HUB_TRUSTED_PROXIES": "1"}
"""For a hub that is measured here: everybody comes from an address of their own."""
Row = tuple[str, str, str, str, str]


async def checks(hub: Served) -> list[Row]:
    """Tokens that the hub sees for the first time, and one that it has just seen."""
    async with _inside(hub) as made:
        people, local = made.identity, cast("LocalIdentityProvider", made.identity.provider)
        person = (await _register(local, 1))[0]
        tokens = [await local.token_issuer.issue_token(person, made.ids.new_uuid()) for _ in range(2 * TOKENS)]
        key = await people.signing_keys.public_keys.find_key(jwt.get_unverified_header(tokens[0])["kid"], ("ES256",))
        first = await _each(people.authenticator.authenticate_token, tokens[:TOKENS])
        again = await _each(people.authenticator.authenticate_token, tokens[:1] * TOKENS * 10)
    es256, hs256 = _by_hand(tokens[0], key, "ES256"), _by_hand(*_symmetric(tokens[0]), "HS256")
    fresh = await _median(hub, map(_me, tokens[TOKENS:]))
    known = await _median(hub, itertools.repeat(_me(tokens[0])))
    return [
        ("tokens seen first, checked per second", f"{1 / first:.0f}", f"{1 / es256:.0f}", f"{es256 / first:.2f}", ""),
        ("tokens seen before, checked per second", f"{1 / again:.0f}", "", "", ""),
        ("ES256 against HS256, us a check", f"{es256 * 1e6:.0f}", f"{hs256 * 1e6:.0f}", f"{es256 / hs256:.1f}", ""),
        _share("its part of a request, token seen first", first, fresh),
        _share("its part of a request, token seen before", again, known),
    ]


async def sign_ins(hub: Served) -> list[Row]:
    """All at once, and how long the loop is held up meanwhile; by hand is argon2 alone in as many threads.

    The first round is the first thing that the hub does; the second brings letters about unknown devices with it.
    """
    async with _inside(hub) as made:
        await _register(cast("LocalIdentityProvider", made.identity.provider), PEOPLE)
    await hub.gaps()
    began = time.perf_counter()
    latencies = [*await _all_at_once(hub), *await _all_at_once(hub)]
    took = (time.perf_counter() - began) / 2
    (worst, usual), bare = await hub.gaps(), _hashing()
    p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
    mine, base = PEOPLE / took, PEOPLE / bare
    return [
        (f"{PEOPLE} sign-ins at once, per second", f"{mine:.0f}", f"{base:.0f}", f"{mine / base:.2f}", ""),
        (f"{PEOPLE} sign-ins at once, ms p50 / p99", f"{p50:.0f} / {p99:.0f}", "", "", ""),
        ("meanwhile the loop's gaps, ms p99 / worst", f"{usual * 1000:.1f} / {worst * 1000:.1f}", "", "", "under 100"),
    ]


@asynccontextmanager
async def _inside(hub: Served) -> AsyncIterator[root.Services]:
    """The same services over the same database and the same secret, in this process."""
    server = await EmbeddedPostgres.start(hub.folder / "data")
    try:
        with chdir(hub.folder):  # where no .env is
            settings = Settings.from_environment(
                database_url=SecretStr(server.dsn), data_dir=hub.folder / "data", port=hub.port
            )
        async with root.open_resources(settings) as have:
            yield root.build_services(have)
    finally:
        await server.stop()


async def _register(local: LocalIdentityProvider, count: int) -> list[UUID]:
    """So many travellers with confirmed addresses and one password, numbered."""
    hashed, now = await local.password_hasher.hash_password(PASSWORD), local.clock.now()
    made = [local.ids.new_uuid() for _ in range(count)]
    async with local.db.transaction() as tx:
        for number, person in enumerate(made):
            await tx.execute(SQL.insert_customer, person, f"{count}.{number}@example.com", "Ada", None, now, now)
            await tx.execute(SQL.set_credential, person, hashed, now)
    return made


async def _each(check: Callable[[str], Awaitable[Any]], tokens: list[str]) -> float:
    """Seconds for one."""
    began = time.perf_counter()
    for token in tokens:
        await check(token)
    return (time.perf_counter() - began) / len(tokens)


def _by_hand(token: str, key: Any, algorithm: str) -> float:
    """Seconds for one."""
    began = time.perf_counter()
    for _ in range(TOKENS):
        jwt.decode(token, key, algorithms=[algorithm], audience=AUDIENCE)
    return (time.perf_counter() - began) / TOKENS


def _symmetric(token: str) -> tuple[str, str]:
    """The same claims under a secret, and the secret."""
    secret = "s" * 32
    return jwt.encode(jwt.decode(token, options={"verify_signature": False}), secret), secret


def _share(name: str, check: float, request: float) -> Row:
    whole, part = request * 1e6, check * 1e6
    return (name, f"{part:.1f} us", f"{whole:.0f} us", f"{check / request:.1%}", "")


async def _median(hub: Served, requests: Iterator[bytes]) -> float:
    """Seconds for the whole of an authenticated request, one at a time."""
    return percentile(await load(hub.port, requests, connections=1, seconds=1), 0.5) / 1000


def _me(token: str) -> bytes:
    return f"GET /api/auth/me HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def _all_at_once(hub: Served) -> list[float]:
    """The latencies of their sign-ins, each on a connection of its own, in seconds."""

    async def one(number: int) -> float:
        connection = await Connection.to(hub.port)
        began = time.perf_counter()
        status, body = await connection.ask(_sign_in(number))
        assert status == 200, (status, body[:300])
        connection.close()
        return time.perf_counter() - began

    return list(await asyncio.gather(*(one(number) for number in range(PEOPLE))))


def _sign_in(number: int) -> bytes:
    body = json.dumps({"email": f"{PEOPLE}.{number}@example.com", "password": PASSWORD}).encode()
    head = (
        "POST /api/auth/login HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
        f"X-Forwarded-For: 192.0.2.{number}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _hashing() -> float:
    """Seconds for so many passwords in two threads."""
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    hashed = hasher.hash(PASSWORD)
    with ThreadPoolExecutor(2) as threads:
        began = time.perf_counter()
        list(threads.map(hasher.verify, [hashed] * PEOPLE, [PASSWORD] * PEOPLE))
        return time.perf_counter() - began
