"""What Supabase tells of its users: customers are kept, sessions end, letters are written, and secrets are wiped."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.core.clock import IdGenerator
from hub.core.db import Database
from hub.core.inbox import WebhookEvent
from hub.core.jobs import JobQueue
from hub.core.mail_limits import MailLimits
from hub.core.sealing import SecretBox
from hub.oversight.audit import AuditLog
from hub.people.identity.one_time_links import OneTimeLinks
from hub.people.identity.provider_sync import IdentityProviderSync
from tests.people.identity.hand import START, HandClock, somebody

ADA = "ada@example.com"
LINKS = "https://site.example/account"
TOKEN = "7d5b7b1964cf5d388340a7f04f1dbb5eeb6c7b52"

Tell = Callable[..., Awaitable[bool]]


@pytest.fixture
def vault() -> SecretBox:
    return SecretBox(["s" * 32])


@pytest.fixture
def tell(db: Database, vault: SecretBox) -> Tell:
    """Stores an event and works on it; False when it is of no interest."""
    clock = HandClock()
    ids = IdGenerator(clock)
    remote = IdentityProviderSync(
        OneTimeLinks(JobQueue(), vault, clock, ids, LINKS, MailLimits(db, vault, clock)), AuditLog(clock), clock, ids
    )

    async def told(kind: str, **payload: Any) -> bool:
        async with db.transaction() as tx:
            number = await tx.fetchval(
                "insert into webhook_events (provider, event_id, type, payload, raw, received_at)"
                " values ('supabase', $1, $2, $3, 'raw', $4) returning id",
                uuid4().hex, kind, payload, START,
            )  # fmt: skip
        apply = await remote.handle_webhook(WebhookEvent(number, "supabase", "e", kind, payload, START))
        if apply is not None:
            async with db.transaction() as tx:
                await apply(tx)
        return apply is not None

    return told


async def value(db: Database, sql: str, *args: Any) -> Any:
    async with db.transaction() as tx:
        return await tx.fetchval(sql, *args)


def user(ident: UUID, **more: Any) -> dict[str, Any]:
    return {"id": str(ident), "email": ADA, "user_metadata": {"name": "Ada", "phone": "+4477"}} | more


def letter(ident: UUID, action: Any, token: Any = TOKEN) -> dict[str, Any]:
    return {"user": user(ident), "email_data": {"token_hash": token, "email_action_type": action}}


async def customer(db: Database, ident: UUID) -> Any:
    async with db.transaction() as tx:
        return await tx.fetchrow("select * from customers where id = $1", ident)


async def test_who_registers_there_is_a_customer_here_and_confirmed_when_they_are(tell: Tell, db: Database) -> None:
    ident = uuid4()
    await tell("users.INSERT", record=user(ident))
    row = await customer(db, ident)
    assert (row["email"], row["name"], row["phone"], row["verified_at"]) == (ADA, "Ada", "+4477", None)
    for _ in range(2):
        await tell("users.UPDATE", record=user(ident, email_confirmed_at="2027-03-01T11:00:00+00:00"))
    assert (await customer(db, ident))["verified_at"] == START
    assert await value(db, "select count(*) from audit_logs where action = 'customer.kept'") == 2


async def test_a_confirmed_telephone_is_no_confirmed_address(tell: Tell, db: Database) -> None:
    """Supabase's `confirmed_at` is the first of the two."""
    ident = uuid4()
    await tell("users.INSERT", record=user(ident, email_confirmed_at=None, confirmed_at="2027-03-01T11:00:00Z"))
    assert (await customer(db, ident))["verified_at"] is None


async def test_a_new_address_is_taken_over_and_the_profile_is_the_hubs(tell: Tell, db: Database) -> None:
    ident = await somebody(db)
    await tell("users.UPDATE", record=user(ident, email="new@example.com", user_metadata={"name": "Other"}))
    row = await customer(db, ident)
    assert (row["email"], row["name"]) == ("new@example.com", "Ada")


async def test_an_address_that_somebody_has_is_left_to_them(tell: Tell, db: Database) -> None:
    first, other = await somebody(db), uuid4()
    await tell("users.INSERT", record=user(other, email=ADA.upper()))
    assert await customer(db, other) is None
    assert (await customer(db, first))["email"] == ADA


async def test_who_has_been_erased_stays_erased(tell: Tell, db: Database) -> None:
    ident = await somebody(db, "erased@erased.invalid")
    async with db.transaction() as tx:
        await tx.execute("update customers set erased_at = $1", START)
    await tell("users.UPDATE", record=user(ident))
    await tell("hook.send_email", **letter(ident, "recovery"))
    assert (await customer(db, ident))["email"] == "erased@erased.invalid"
    assert await value(db, "select count(*) from one_time_tokens") == 0


@pytest.mark.parametrize("softly", [False, True])
async def test_who_leaves_there_is_signed_out_here_and_keeps_their_bookings(
    tell: Tell, db: Database, softly: bool
) -> None:
    """Softly deleted, the row stays there, with a hash in the place of the address."""
    ident = await somebody(db)
    async with db.transaction() as tx:
        await tx.execute(
            "insert into sessions (id, customer_id, created_at, last_seen_at, expires_at) values ($1, $1, $2, $2, $2)",
            ident, START,
        )  # fmt: skip
    hashed = user(ident, email="Zm9vYmFy", deleted_at="2027-03-01T11:00:00+00:00")
    await tell("users.UPDATE", record=hashed) if softly else await tell("users.DELETE", old_record=user(ident))
    assert await value(db, "select ended_because from sessions") == "account_deleted"
    assert (await customer(db, ident))["email"] == ADA
    assert await value(db, "select data from audit_logs where action = 'customer.left'") == {"sessions": 1}


@pytest.mark.parametrize(("action", "page"), [("signup", "verify"), ("recovery", "reset")])
async def test_a_letter_carries_the_token_and_nothing_else_shows_it(
    tell: Tell, db: Database, vault: SecretBox, action: str, page: str
) -> None:
    await tell("hook.send_email", **letter(uuid4(), action))
    async with db.transaction() as tx:
        row = await tx.fetchrow("select * from one_time_tokens")
        jobs = await tx.fetchval("select string_agg(convert_from(payload, 'utf8'), '') from pgqueuer")
        told = await tx.fetchrow("select payload, raw from webhook_events")
        audit = await tx.fetchval("select string_agg(a::text, '') from audit_logs a")
    assert vault.unseal_text(f"link:{row['id']}", row["sealed"]) == f"{LINKS}/{page}?token={TOKEN}"
    assert (row["hash"], row["expires_at"] - START) == (None, timedelta(hours={"verify": 24, "reset": 1}[page]))
    assert (told["payload"]["email_data"], told["raw"]) == ({"email_action_type": action}, b"")
    assert f'"letter":"{page}"' in jobs.replace(" ", "").replace("\\", "")
    assert TOKEN not in jobs + audit + str(told["payload"])


@pytest.mark.parametrize(
    ("action", "token"), [("email_change", TOKEN), ("magiclink", TOKEN), (["x"], TOKEN), ("signup", ""), ("signup", 5)]
)
async def test_a_letter_that_the_hub_does_not_know_is_not_written_and_wiped_all_the_same(
    tell: Tell, db: Database, action: Any, token: Any
) -> None:
    await tell("hook.send_email", **letter(uuid4(), action, token))
    assert await value(db, "select count(*) from one_time_tokens") == 0
    assert TOKEN not in await value(db, "select e::text from webhook_events e")


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"record": None},
        {"record": []},
        {"record": {"id": "x", "email": ADA}},
        {"record": {"id": "0f0f0f0f-0000-4000-8000-000000000001"}},
    ],
    ids=str,
)
async def test_a_row_that_names_nobody_is_of_no_interest(tell: Tell, payload: dict[str, Any]) -> None:
    assert not await tell("users.INSERT", **payload)
    assert not await tell("unknown", **payload)
