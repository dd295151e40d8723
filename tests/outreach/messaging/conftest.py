"""An account, its links and sign-ins, and a mailer that keeps what it is given."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from hub.core.clock import IdGenerator
from hub.core.db import Database
from hub.core.jobs import JobQueue
from hub.core.sealing import SecretBox
from hub.outreach.messaging import (
    AccountMessages,
    EmailMessage,
    MessageContexts,
    MessageSender,
    MessageTemplates,
    SendMessage,
    Suppressions,
)
from hub.oversight.audit import AuditLog
from hub.people.identity import QueueAccountMessage
from hub.sales.bookings import BookingLinks, ItineraryBuilder
from hub.sales.bookings.repository import BookingRepository
from hub.supply.locations import Locations

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
LINK = "https://hub.test/account/verify?token=canary-f00d"


class Clock:
    at = datetime(2027, 3, 4, 9, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Mailbox:
    name: str = "resend"
    trouble: Exception | None = None
    sent: list[tuple[str, EmailMessage]] = field(default_factory=list)

    async def send_email(self, email: EmailMessage, key: str) -> str:
        if self.trouble:
            raise self.trouble
        self.sent.append((key, email))
        return f"mail-{len(self.sent)}"

    def find_suppression_cause(self, error: Exception) -> None:
        return None

    def parse_delivery_report(self, event: dict[str, Any]) -> None:
        return None


class Post:
    """The letter writer and the outbox over one database."""

    def __init__(self, db: Database) -> None:
        self.db, self.clock, self.mailbox = db, Clock(), Mailbox()
        self.ids, self.vault, jobs = IdGenerator(self.clock), SecretBox(["s" * 32]), JobQueue()
        audit = AuditLog(self.clock)
        store = BookingRepository(jobs, audit, self.clock)
        links = BookingLinks(self.vault, "https://hub.test", None)
        itineraries = ItineraryBuilder(Locations())
        facts = MessageContexts(store, self.vault, self.clock, "https://hub.test/account", itineraries, links)
        self.letters = AccountMessages(db, jobs, self.clock, self.ids)
        suppressions = Suppressions(db, audit, self.clock)
        self.outbox = MessageSender(
            db, facts, jobs, audit, self.clock, MessageTemplates(), suppressions, self.mailbox, None
        )

    async def customer(self, name: str = "Ada Lovelace", email: str = "ada@example.com") -> UUID:
        return await self._insert("customers", email=email, name=name, created_at=self.clock.at)

    async def token(self, customer: UUID, purpose: str = "verify", hours: int = 24, link: str = LINK) -> UUID:
        number, at = self.ids.new_uuid(), self.clock.at
        return await self._insert(
            "one_time_tokens", id=number, customer_id=customer, purpose=purpose, hash=number.bytes, created_at=at,
            sealed=self.vault.seal_text(f"link:{number}", link), expires_at=at + timedelta(hours=hours),
        )  # fmt: skip

    async def session(self, customer: UUID, agent: str | None = FIREFOX) -> UUID:
        at = self.clock.at
        return await self._insert(
            "sessions", customer_id=customer, created_at=at, expires_at=at, last_seen_at=at, ip="203.0.113.7",
            user_agent=agent,
        )  # fmt: skip

    async def _insert(self, table: str, **row: Any) -> UUID:
        row.setdefault("id", self.ids.new_uuid())
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await self.sql(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())
        return row["id"]

    async def sql(self, query: str, *args: Any) -> list[dict[str, Any]]:
        async with self.db.transaction() as tx:
            return [dict(row) for row in await tx.fetch(query, *args)]

    async def write(self, letter: Any, customer: UUID, **more: Any) -> None:
        fact = f"account:{customer}:{letter}:1"
        await self.letters.queue_message(QueueAccountMessage(customer_id=customer, letter=letter, fact=fact, **more))

    async def send(self) -> None:
        for row in await self.messages():
            await self.outbox.send_message(SendMessage(message_id=row["id"]))

    async def messages(self) -> list[dict[str, Any]]:
        return await self.sql("select * from messages order by created_at")

    @property
    def mails(self) -> list[EmailMessage]:
        return [email for _, email in self.mailbox.sent]


@pytest.fixture
def post(db: Database) -> Post:
    return Post(db)
