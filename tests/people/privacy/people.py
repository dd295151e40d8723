"""Ada and Ben, each with a row in every table that may hold something of a person, and marks to find them by."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hub.core.db import Database
from hub.core.errors import ProviderTransient
from hub.people.identity import Caller, Identity

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Person:
    """`mark` stands in every value that is theirs and nobody else's."""

    mark: str
    number: int

    @property
    def id(self) -> UUID:
        return UUID(int=self.number)

    @property
    def caller(self) -> Caller:
        return Caller(self.id, self.id)

    @property
    def email(self) -> str:
        return f"{self.mark}.home@example.com"

    @property
    def phone(self) -> str:
        return f"+4477009{self.number:05}"

    @property
    def born_on(self) -> date:
        return date(1815, 12, self.number % 28 + 1)

    @property
    def ip(self) -> str:
        return f"203.0.113.{self.number % 250}"

    @property
    def canaries(self) -> list[str]:
        """What must not be found anywhere once they are gone."""
        return [self.mark, self.phone, self.ip, str(self.born_on)]


ADA, BEN = Person("Lovelace", 0xADA), Person("Benedict", 0xBEB)


def account_of(who: Person) -> list[tuple[str, dict[str, Any]]]:
    owner, made = {"customer_id": who.id}, {"created_at": NOW}
    here = {"ip": who.ip, "user_agent": f"{who.mark}'s browser"}
    later = NOW + timedelta(days=30)
    secret = who.mark.encode()
    return [
        (
            "customers",
            {"id": who.id, "email": who.email, "name": f"Miss {who.mark}", "phone": who.phone, **made}
            | {"payment_customer_id": f"cus_{who.mark}0123", "verified_at": NOW},
        ),
        ("credentials", {**owner, "password_hash": f"hash-{who.mark}", "changed_at": NOW}),
        (
            "registrations",
            {**owner, "password_hash": f"hash-{who.mark}", "name": who.mark, "phone": who.phone, "secret_hash": secret}
            | {"disputed": False, **made},
        ),
        ("devices", {"id": who.id, **owner, "hash": secret, **here, **made, "last_seen_at": NOW}),
        (
            "sessions",
            {"id": who.id, **owner, **made, "expires_at": later, **here, "device_id": who.id, "last_seen_at": NOW},
        ),
        ("refresh_tokens", {"hash": secret, "session_id": who.id, "issued_at": NOW}),
        (
            "one_time_tokens",
            {"id": who.id, **owner, "purpose": "reset", "hash": secret, "sealed": secret, **made, "expires_at": later},
        ),
        ("second_factors", {**owner, "sealed": secret, **made}),
        ("recovery_codes", {**owner, "hash": secret}),
        (
            "addresses",
            {"id": who.id, **owner, "kind": "home", "name": who.mark, "line1": f"1 {who.mark} Road", "city": "London"}
            | {"country": "GB", **made, "updated_at": NOW},
        ),
        ("preferences", {**owner, "meal": f"{who.mark}'s", "updated_at": NOW}),
        (
            "idempotency_keys",
            {"caller": str(who.id), "route": "POST /api/bookings", "key": "k", "fingerprint": b"f", "claim": who.id}
            | {"status": "done", "response_status": 201, "response_headers": {}, "response_body": secret}
            | {**made, "expires_at": later, "locked_until": NOW},
        ),
        ("suppressions", {"channel": "email", "address": who.email.lower(), "reason": "bounce", **made}),
        ("audit_logs", {"at": NOW, "actor": "system", "action": "session.started", **owner, **here}),
        (
            "audit_logs",
            {"at": NOW, "actor": "staff:1", "action": "account.unlocked", **owner, "ip": "198.51.100.7"},
        ),
    ]


def booking_of(who: Person, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    """A journey that is over and paid for, unless told otherwise."""
    times = {"created_at": NOW - timedelta(days=40), "updated_at": NOW - timedelta(days=30)}
    money = {"amount": 29900 + who.number, "currency": "GBP"}
    booking, owner = {"booking_id": who.id}, {"customer_id": who.id}
    journey = {"slices": [{"arrives_at": "2026-04-20T18:00:00+02:00"}, {"arrives_at": "2026-04-30T18:00:00+01:00"}]}
    return [
        (
            "bookings",
            {"id": who.id, "reference": f"R{who.number:05}", **owner, **money, "offer_id": "o", "supplier": "kiwi"}
            | {"itinerary": journey, "sandbox": True, "contact_email": who.email, "contact_phone": who.phone, **times}
            | {"expires_at": NOW, "notes": f"for {who.mark}", "status": "confirmed", "payment_status": "paid"}
            | {"confirmed_at": NOW - timedelta(days=39), "idempotency_key": who.mark, **more},
        ),
        (
            "booking_travelers",
            {**booking, "position": 0, "title": "ms", "gender": "f", "given_name": who.mark, "family_name": who.mark}
            | {"born_on": who.born_on, "nationality": "GB", "document_number": f"P{who.mark}"},
        ),
        (
            "supplier_orders",
            {**booking, "supplier": "kiwi", "offer": {"token": who.mark}, "query": {}, "placed": {"order_id": who.mark}}
            | {"updated_at": NOW},
        ),
        (
            "payments",
            {"id": who.id, **booking, **owner, "provider": "stripe", **money, **times, "status": "paid"}
            | {"captured": money["amount"], "intent_id": f"pi_{who.number:012}"},
        ),
        (
            "payment_pages",
            {"payment_id": who.id, "page_id": f"cs_test_{who.number}", "url": f"https://pay.example/{who.mark}"}
            | {"success_url": f"https://shop.example/?for={who.mark}", "cancel_url": "", "created_at": NOW},
        ),
        (
            "invoices",
            {"id": who.id, "number": f"TEST-2026-{who.number:06}", "kind": "invoice", "sandbox": True, **owner}
            | {**booking, "payment_id": who.id, **money, "document": {}, "buyer": {"name": who.mark}}
            | {"issued_on": NOW, "issued_at": NOW, "keep_until": NOW + timedelta(days=3650)},
        ),
        (
            "transactions",
            {"id": who.id, "payment_id": who.id, **booking, **owner, "kind": "refund", "amount": 100, "at": NOW}
            | {"currency": "GBP", "provider": "stripe", "actor": "system"},
        ),
        (
            "attention",
            {"id": who.id, "kind": "dispute", **booking, "detail": {"reason": who.mark}, "since": NOW}
            | {"note": f"{who.mark} called", "resolved_at": NOW},
        ),
        (
            "refunds",
            {"id": who.id, "payment_id": who.id, "amount": 100, "currency": "GBP", "reason": "goodwill", **times}
            | {"status": "succeeded"},
        ),
    ]


def correspondence_of(who: Person) -> list[tuple[str, dict[str, Any]]]:
    message = {"id": who.id, "fact": f"booking:{who.id}:confirmation", "customer_id": who.id, "booking_id": who.id}
    event = {"provider": "stripe", "raw": who.mark.encode(), "received_at": NOW, "status": "processed"}
    charge = {"customer": f"cus_{who.mark}0123", "name": who.mark}
    return [
        (
            "messages",
            {**message, "channel": "email", "template": "booking_confirmation", "recipient": who.email}
            | {"created_at": NOW, "updated_at": NOW, "status": "sent", "error": f"for {who.email}"},
        ),
        ("message_reports", {"message_id": who.id, "status": "bounced", "detail": f"no {who.email}", "at": NOW}),
        (
            "webhook_events",
            {**event, "event_id": f"evt_1{who.number}", "type": "charge.captured", "payload": charge}
            | {"booking_id": who.id},
        ),
    ]


def plan_of(who: Person) -> list[tuple[str, dict[str, Any]]]:
    """A plan that everybody may see, with all that is kept of its making."""
    plan, document = {"plan_id": who.id}, {"title": f"{who.mark}'s trip", "summary": "By the river."}
    asked = {"destination": "Lisbon", "notes": f"for {who.mark}"}
    return [
        (
            "trip_plans",
            {"id": who.id, "customer_id": who.id, "status": "ready", "visibility": "public", "share_token": who.mark}
            | {"version": 1, "title": f"{who.mark}'s trip", "destination": "Lisbon", "place": "lisbon"}
            | {"words": f"{who.mark} s trip lisbon", "starts_on": NOW, "ends_on": NOW, "request": asked}
            | {"idempotency_key": who.mark, "created_at": NOW, "updated_at": NOW, "ready_at": NOW},
        ),
        ("plan_versions", {**plan, "version": 1, "document": document, "reason": "made", "by": "x", "created_at": NOW}),
        (
            "plan_makings",
            {**plan, "reason": "made", "outcome": "made", "version": 1, "prompt": asked}
            | {"started_at": NOW, "ended_at": NOW},
        ),
        ("plan_events", {**plan, "seq": 1, "event": "status", "data": {"title": who.mark}, "at": NOW}),
        ("plan_grounds", {**plan, "ground": {"place": who.mark}, "at": NOW}),
        (
            "plan_attachments",
            {**plan, "id": who.id, "name": f"{who.mark}.pdf", "content_type": "application/pdf", "size": 1}
            | {"sha256": "0" * 64, "key": f"00/{who.number}", "created_at": NOW},
        ),
    ]


def rows_of(who: Person, **booking: Any) -> list[tuple[str, dict[str, Any]]]:
    return [*account_of(who), *booking_of(who, **booking), *plan_of(who), *correspondence_of(who)]


async def insert(db: Database, *rows: tuple[str, dict[str, Any]]) -> None:
    async with db.transaction() as tx:
        for table, row in rows:
            places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await tx.execute(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())


async def dump(db: Database) -> dict[str, str]:
    """All that the database holds, as text, by table. Bytes are read as letters."""
    async with db.transaction() as tx:
        names = await tx.fetch("select tablename from pg_tables where schemaname = 'public'")
        await tx.execute("set local bytea_output = 'escape'")
        return {
            row["tablename"]: "\n".join(one[0] for one in await tx.fetch(f"select t::text from {row['tablename']} t"))
            for row in names
        }


class Clock:
    """Stands still."""

    def now(self) -> datetime:
        return NOW


class Gateway:
    """A payment provider that notes whom it was asked to forget; `down` says how often it does not answer."""

    name = "stripe"

    def __init__(self) -> None:
        self.forgotten: list[tuple[str, str]] = []
        self.down = 0

    async def forget_customer(self, payment_customer_id: str, key: str) -> None:
        if self.down:
            self.down -= 1
            raise ProviderTransient("stripe")
        self.forgotten.append((payment_customer_id, key))


class Keeper:
    """An identity provider that notes whom it was asked to delete."""

    name = "supabase"

    def __init__(self) -> None:
        self.deleted: list[Identity] = []

    async def delete_identity(self, identity: Identity) -> None:
        self.deleted.append(identity)
