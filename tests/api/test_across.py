"""Nobody reaches what is somebody else's: Ben, and nobody at all, at every endpoint and in every table, with Ada's ids.

What there is to try comes from the OpenAPI document, the table of permissions and the database's own catalog: an
endpoint or a table that is new is tried without a word here, or fails for want of a body to try it with.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pyotp
import pytest
import pytest_asyncio

from hub.core.db import Database
from hub.people.identity.permissions import Role
from tests.api.operations import HOME, PASSWORD, TRIP, Operation, body, nobodys, operations
from tests.planning.files.uploads import picture
from tests.support.database import fresh
from tests.support.running import Running, hub_running, settings_for, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TELLING = 10
"""Letters from which on a value that only one person has is worth looking for."""
IDLE = """
    select not exists (select 1 from webhook_events where status = 'received') and not exists
    (select 1 from pgqueuer where status in ('queued', 'picked') and execute_after <= now() + interval '1 second')
"""
ASLEEP = "delete from pgqueuer; update schedules set next_run = now() + interval '1 day'"


def upload(name: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", picture(size=(20, 20 + len(name))), filename=f"{name}.jpg")
    return form


@dataclass
class Traveler:
    """Somebody with everything that a traveller can have. `ids` by the name of the path parameter that takes them."""

    hub: Running
    name: str
    phone: str
    email: str = ""
    ids: dict[str, list[str]] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return await self.hub.call(method, path, body, **{"User-Agent": f"{self.name}-browser"} | headers)

    async def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        status, found = await self.call(method, path, body, **headers)
        assert status < 300, (method, path, status, found)
        return found

    async def register(self) -> None:
        self.email = await self.hub.register(f"{self.name}.{uuid4().hex[:8]}@example.com".lower())
        done = await self.good("PUT", "/api/user/profile", {"name": self.name, "phone": self.phone})
        self.ids["customer_id"] = [done["id"]]

    async def sign_in(self, **more: str) -> str:
        """The token of another session, on a device of its own."""
        body = {"email": self.email, "password": PASSWORD} | more
        return str((await self.good("POST", "/api/auth/login", body))["token"])

    async def book(self) -> dict[str, Any]:
        person = {"title": "ms", "gender": "f", "given_name": self.name, "family_name": f"{self.name}-Family"}
        person |= {"born_on": "1990-12-10", "nationality": "GB", "document": {"number": f"P{self.phone[1:]}"}}
        contact = {"email": self.email, "phone": self.phone}
        offer = await self.hub.offer()
        body = {"offer_id": offer["id"], "travelers": [person], "contact": contact, "allow_duplicate": True}
        made = await self.good("POST", "/api/bookings", body, **{"Idempotency-Key": f"{self.name}-{uuid4()}"})
        await self.good("PATCH", f"/api/bookings/{made['id']}", {"notes": f"{self.name}'s own notes"})
        return dict(made)

    async def travel(self) -> None:
        """Journeys paid, paid and cancelled, and still to be paid."""
        paid, cancelled, pending = [await self.book() for _ in range(3)]
        for one in (paid, cancelled):
            await self.hub.pay(one)
            await self.hub.settled(one)
        await self.good("DELETE", f"/api/bookings/{cancelled['id']}")
        await self.hub.settled(cancelled)
        await self.hub.intent(pending)
        self.ids["booking_id"] = [one["id"] for one in (paid, cancelled, pending)]
        self.ids["number"] = await until(self.papers)

    async def plan(self, destination: str, versions: int) -> None:
        """A trip, planned and edited; only one's own plan has so many versions."""
        trip = TRIP | {"destination": destination, "notes": f"{self.name}'s own wishes"}
        made = await self.good("POST", "/api/plan", trip)
        for version in range(1, versions):
            await self.good("PUT", f"/api/plan/{made['id']}", {"version": version, "title": f"{self.name}'s trip"})
        self.ids |= {"plan_id": [made["id"]], "version": [str(versions)]}
        self.ids["attachment_id"] = [await self.attach(made["id"])]

    async def attach(self, plan_id: str) -> str:
        return str((await self.good("POST", f"/api/plan/{plan_id}/attachments", upload(self.name)))["id"])

    async def papers(self) -> list[str]:
        """The numbers of two invoices and a credit note."""
        found = await self.good("GET", "/api/payments/invoices")
        return [one["number"] for one in found["items"]] if found["total"] == 3 else []

    async def settle(self) -> None:
        """Addresses, preferences, another session, a second factor, a letter with a link."""
        home = HOME | {"name": self.name, "line1": f"12 {self.name} Square"}
        added = [await self.good("POST", "/api/user/addresses", home | {"kind": kind}) for kind in ("home", "work")]
        self.ids["address_id"] = [one["id"] for one in added]
        await self.good("PUT", "/api/user/preferences", {"meal": f"{self.name}'s meal", "newsletter": True})
        await self.sign_in()
        self.ids["session_id"] = [one["id"] for one in await self.good("GET", "/api/user/sessions")]
        await self.good("POST", "/api/auth/forgot-password", {"email": self.email})

    async def protect(self) -> None:
        """A second factor; last, because the next sign-in wants its code."""
        made = await self.good("POST", "/api/user/second-factor", {"password": PASSWORD})
        await self.good("POST", "/api/user/second-factor/confirm", {"code": pyotp.TOTP(made["secret"]).now()})


@dataclass
class World:
    hub: Running
    ada: Traveler
    ben: Traveler


async def create_traveler(hub: Running, name: str, phone: str) -> Traveler:
    made = Traveler(replace(hub), name, phone)
    await made.register()
    await made.settle()
    await made.travel()
    await made.plan("Copenhagen" if name == "Lovelace" else "Luxembourg", 3 if name == "Lovelace" else 2)
    await made.protect()
    return made


async def left_alone(hub: Running) -> None:
    """What has been begun is done and written down, and nothing begins by itself any more."""

    async def idle() -> bool:
        async with hub.db.transaction() as tx:
            return bool(await tx.fetchval(IDLE))

    await until(idle)
    async with hub.db.transaction() as tx:
        await tx.execute(ASLEEP)
    await asyncio.sleep(0.5)  # calls to providers are written down in batches


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(pg: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    operations()  # it makes an application of its own, and the Resend SDK keeps the last one's client in a global
    directory = Path(tmp_path_factory.mktemp("across"))
    async with fresh(pg, template) as dsn, hub_running(settings_for(dsn, directory)) as hub:
        two = (create_traveler(hub, "Lovelace", "+447700900321"), create_traveler(hub, "Benedict", "+447700900456"))
        ada, ben = await asyncio.gather(*two)
        await left_alone(hub)
        stella = await hub.made.identity.staff.members.add_member(
            "stella@example.com", "Stella", {Role.STAFF}, PASSWORD
        )
        ada.ids["staff_id"], ben.ids["staff_id"] = [str(stella.id)], []
        for one in (ada, ben):
            one.ids |= await of_money(hub, one)
        yield World(hub, ada, ben)


async def of_money(hub: Running, whose: Traveler) -> dict[str, list[str]]:
    """What only staff ask for by its id."""
    customer = UUID(whose.ids["customer_id"][0])
    async with hub.db.connection() as tx:
        payments = await tx.fetch("select id::text from payments where customer_id = $1 limit 2", customer)
        moved = await tx.fetch("select id::text from transactions where customer_id = $1 limit 2", customer)
    found = {"payment_id": [row["id"] for row in payments], "transaction_id": [row["id"] for row in moved]}
    nobodys = {name: [str(uuid4())] for name in ("matter_id", "break_id", "suppression_id")}
    return found | nobodys | {"model": ["gpt-sandbox"]}


def mixtures(names: list[str], ada: Traveler, ben: Traveler) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Every mixture of her ids with his in which there is one of hers; and the same with ids that nobody has."""
    known = [
        [*((one, nobodys(name)) for one in ada.ids[name]), *((one, one) for one in ben.ids[name])] for name in names
    ]
    for pairs in product(*known):
        if any(one != other for one, other in pairs):
            yield tuple(dict(zip(names, side, strict=True)) for side in zip(*pairs, strict=True))


# What is Ada's in the database.

COLUMNS = """
    select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and has_column_privilege(current_user, c.oid, a.attnum, 'select')
    group by c.relname
"""


async def rows(db: Database, subject: UUID | None = None) -> set[tuple[str, str]]:
    """All that somebody can read, the hub itself if it is nobody: tables and their rows as JSON."""
    async with db.transaction(subject) as tx:
        await tx.execute("set local bytea_output = 'escape'")
        found = set()
        for table in await tx.fetch(COLUMNS):
            query = f"select to_jsonb(x)::text as row from (select {table['columns']} from {table['name']}) x"
            found |= {(table["name"], one["row"]) for one in await tx.fetch(query)}
        return found


def theirs(found: set[tuple[str, str]], whose: Traveler) -> set[tuple[str, str]]:
    """The rows that name somebody, those that name these rows, and so on."""
    marks, mine = {whose.ids["customer_id"][0], whose.email}, set()
    while new := {one for one in found - mine if any(mark in one[1] for mark in marks)}:
        mine |= new
        ids = (json.loads(row).get("id") for _, row in new)
        marks |= {one for one in ids if isinstance(one, str)}
    return mine


def only_theirs(found: set[tuple[str, str]], whose: Traveler) -> set[str]:
    """Values that stand in somebody's rows, and in no other."""
    mine = theirs(found, whose)
    elsewhere = "\n".join(row for _, row in found - mine)
    values = {one for _, row in mine for one in leaves(json.loads(row)) if len(one) >= TELLING}
    return {one for one in values if one not in elsewhere}


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)


@asynccontextmanager
async def untouched(world: World) -> AsyncIterator[None]:
    """Nothing of Ada's has changed, appeared or gone in between."""
    before = theirs(await rows(world.hub.db), world.ada)
    yield
    after = theirs(await rows(world.hub.db), world.ada)
    assert (after - before, before - after) == (set(), set())


async def test_ada_has_something_in_every_table_that_travellers_read(world: World):
    """So the tests below look at everything there is to see."""
    of_ada, of_ben = (UUID(one.ids["customer_id"][0]) for one in (world.ada, world.ben))
    async with world.hub.db.transaction(of_ada) as tx:
        readable = {table["name"] for table in await tx.fetch(COLUMNS)}
    assert readable == {table for table, _ in await rows(world.hub.db, of_ada)}
    assert readable == {table for table, _ in await rows(world.hub.db, of_ben)}
    hidden = {table for table, _ in theirs(await rows(world.hub.db), world.ada)} - readable
    assert hidden >= {"credentials", "refresh_tokens", "second_factors", "recovery_codes", "one_time_tokens"}


async def test_in_no_table_does_ben_see_a_row_of_adas(world: World):
    hers = theirs(await rows(world.hub.db), world.ada)
    for whose in (UUID(world.ben.ids["customer_id"][0]), uuid4()):
        seen = await rows(world.hub.db, whose)
        assert seen & hers == set()
        assert [one for one in only_theirs(hers | seen, world.ada) if any(one in row for _, row in seen)] == []


def told(answer: tuple[int, Any]) -> tuple[int, Any]:
    """All of an answer but what tells one request from another."""
    status, said = answer
    return status, ({**said, "request_id": ""} if isinstance(said, dict) else said)


def sent(one: Operation, world: World) -> Any:
    """A body that would be taken from Ada."""
    if one.method == "POST" and one.path.endswith("/attachments"):
        return upload("mallory")
    return body(one.schema, sender=world.ben.email, booking_id=world.ada.ids["booking_id"][0])


async def test_with_adas_ids_ben_reaches_nothing_and_learns_nothing(world: World):
    """He is answered as for ids that nobody has: 404, and 403 where only staff may ask."""
    tried, wrong = 0, []
    async with untouched(world):
        for one in operations():
            if not one.parameters or one.permission.roles is None:
                continue
            for hers, nobodys in mixtures(one.parameters, world.ada, world.ben):
                answer = await world.ben.call(one.method, one.filled(hers), sent(one, world))
                same = told(await world.ben.call(one.method, one.filled(nobodys), sent(one, world))) == told(answer)
                tried += 1
                if not same or answer[0] != (404 if one.is_for_travelers else 403):
                    wrong.append((one.method, one.path, hers, answer))
    assert wrong == []
    assert tried > 50


async def test_with_adas_ids_in_a_body_ben_pays_for_nothing(world: World):
    async with untouched(world):
        for booking_id in (*world.ada.ids["booking_id"], str(uuid4())):
            asked = {"booking_id": booking_id}
            status, problem = await world.ben.call("POST", "/api/payments/create-payment-intent", asked)
            assert (status, problem["code"]) == (404, "booking_not_found")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer no"}, {"Authorization": "Basic YWRhOmFkYQ=="}])
async def test_nobody_is_let_in_anywhere(world: World, headers: dict[str, str]):
    """401 before anything else is looked at, so it tells nothing of ids or bodies."""
    nobody, wrong = replace(world.hub, token=""), []
    async with untouched(world):
        for one in operations():
            if one.permission.roles is not None:
                path = one.filled({name: world.ada.ids[name][0] for name in one.parameters})
                status, _ = await nobody.call(one.method, path, sent(one, world), **headers)
                wrong += [(one.method, path, status)] if status != 401 else []
    assert wrong == []


async def leaks(asking: Running, paths: list[str], secrets: set[str]) -> dict[str, set[str]]:
    """By the path that was asked, which of the secrets its answer holds."""
    found = {}
    for path in paths:
        status, said = await asking.call("GET", path)
        text = f"{json.dumps(said, default=str)} {asking.headers}"
        found[path] = {one for one in secrets if one in text}
        assert status != 500, path
    return {path: shown for path, shown in found.items() if shown}


async def test_what_ben_reads_of_himself_holds_nothing_of_adas(world: World):
    """Every address that needs no id, pages and tools too. When Ada asks, it is full of it: the search does find."""
    secrets = only_theirs(await rows(world.hub.db), world.ada)
    assert {world.ada.email, world.ada.phone, *world.ada.ids["booking_id"]} <= secrets
    paths = [one.path for one in operations() if one.method == "GET" and not one.parameters]
    async with untouched(world):
        assert await leaks(world.ben.hub, paths, secrets) == {}
        assert await leaks(replace(world.hub, token=""), paths, secrets) == {}
    shown = await leaks(world.ada.hub, paths, secrets)
    full = {one for one in paths if one.startswith(("/api/user/", "/api/bookings", "/api/auth/me"))}
    assert full - set(shown) == {"/api/user/second-factor"}


async def test_whatever_somebody_does_the_answer_holds_nothing_of_adas(world: World):
    """Everything that changes something and needs no id; the end of the account last."""
    secrets, done = only_theirs(await rows(world.hub.db), world.ada), 0
    cleo = Traveler(replace(world.hub), "Cleopatra", "+447700900789")
    await cleo.register()
    tried = [one for one in operations() if one.schema and not one.parameters and not one.is_for_staff]
    async with untouched(world):
        for one in sorted(tried, key=lambda one: one.schema == "Erasure"):
            asked = body(one.schema, sender=cleo.email, booking_id=world.ada.ids["booking_id"][0])
            status, said = await cleo.call(one.method, one.path, asked)
            assert (status < 500, [secret for secret in secrets if secret in str(said)]) == (True, []), one.path
            done += status < 300
    assert done > len(tried) // 2


async def test_adas_idempotency_key_does_not_open_her_answer_to_ben(world: World):
    key, home = {"Idempotency-Key": "the very same"}, HOME | {"name": "Lovelace"}
    hers = await world.ada.good("POST", "/api/user/addresses", home, **key)
    his = await world.ben.good("POST", "/api/user/addresses", home, **key)
    assert hers["id"] != his["id"]
    assert "Idempotency-Replayed" not in world.ben.hub.headers
    assert (await world.ada.good("POST", "/api/user/addresses", home, **key))["id"] == hers["id"]
