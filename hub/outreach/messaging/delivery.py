"""Sending what has been written down, and learning what became of it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeVar
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.context import about
from hub.core.db import Database, Tx
from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderTransient
from hub.core.inbox import Apply, WebhookEvent
from hub.core.jobs import Job, Jobs, Retry, every, job
from hub.core.row_failures import RowKey, Sweep
from hub.core.sealing import Broken
from hub.outreach.messaging.model import RANK, Attachment, Delivery, Email, Mailer, Message, Text, Texter
from hub.outreach.messaging.recipients import may_have
from hub.outreach.messaging.rendered_message import from_json, to_json
from hub.outreach.messaging.suppressions import Suppressions
from hub.outreach.messaging.template_context import SQL, Facts
from hub.outreach.messaging.templates import Templates
from hub.outreach.messaging.unsendable import Unsendable
from hub.oversight.audit import Audit
from hub.sales.bookings.calendar import calendar_method, itinerary_ics

T = TypeVar("T")

STRANGER_AFTER = timedelta(minutes=5)
"""A report about a message that we do not know for so long is about somebody else's on the same account."""


WITH_CALENDAR = frozenset({"booking_confirmation", "booking_cancelled", "booking_changed", "booking_references"})
"""Messages with a calendar file: what puts the flights into a calendar, and what takes them out."""
IN_HAND = timedelta(seconds=15)
"""For so long a message that is being sent is left to whoever sends it; then it is looked for before another try."""


class SendMessage(Job, kind="message.send", attempts=12):
    message_id: UUID


@dataclass(frozen=True, slots=True)
class Outbox:
    db: Database
    facts: Facts
    jobs: Jobs
    audit: Audit
    clock: Clock
    templates: Templates
    suppressions: Suppressions
    mailer: Mailer | None
    texter: Texter | None

    @job
    async def send(self, work: SendMessage) -> None:
        """Sends one message, unless it has gone. Raises OutcomeUnknown to be asked again, and then looks first."""
        taken = await self._take(work.message_id)
        if taken is None:
            return
        message, was_sending, outgoing = taken
        with about(booking_id=message.booking_id):
            try:
                sent = await self._hand_over(message, outgoing, look_first=was_sending)
            except ProviderPermanent as error:
                await self._refused(message, error)
            except OutcomeUnknown as error:
                raise Retry(IN_HAND.total_seconds(), "nobody said whether the message went out") from error
            except ProviderTransient:
                if not was_sending:  # else it may have gone the last time: it is looked for again before it is sent
                    await self._back(message.id)
                raise
            else:
                await self._set(message.id, "sent", sent=sent)

    async def _refused(self, message: Message, error: ProviderPermanent) -> None:
        """Records a refusal, and what it says of the address."""
        adapter = self.mailer if message.channel == "email" else self.texter
        cause, code = adapter.suppression_cause(error) if adapter else None, error.provider_code or error.code
        async with self.db.transaction() as tx:
            if cause is not None:
                await self.suppressions.add(tx, message.channel, message.recipient, cause, code)
            row = await tx.fetchrow(SQL.lock, message.id)
            if row is not None and RANK[row["status"]] < RANK["failed"]:
                await self._record(tx, Message.from_row(row), "failed", error=code)

    async def _hand_over(self, message: Message, outgoing: Email | Text, *, look_first: bool) -> tuple[str, str]:
        if isinstance(outgoing, Email):
            mailer = _on(self.mailer, "resend")
            return mailer.name, await mailer.send(outgoing, key=message.fact)
        texter = _on(self.texter, "twilio")
        sent = await texter.find(outgoing, message.created_at) if look_first else None
        return texter.name, sent or await texter.send(outgoing)

    async def _render(self, tx: Tx, message: Message, stored: bytes | None, facts: dict[str, Any]) -> Email | Text:
        """What the message says: at a further attempt the very same as at the first, whatever has changed since.

        Providers recognize a repetition by its content: other words would be another text, or a misused key.
        """
        purpose = f"message:{message.id}"
        if stored is not None:
            with suppress(Broken):  # sealed under a secret that is gone: then it is rendered anew
                return from_json(self.facts.vault.open(purpose, stored))
        outgoing = self._email(message, facts) if message.channel == "email" else self._text(message, facts)
        references = list(facts["itinerary"].references) if "itinerary" in facts else None
        await tx.execute(SQL.set_rendered, message.id, self.facts.vault.seal(purpose, to_json(outgoing)), references)
        return outgoing

    def _text(self, message: Message, facts: dict[str, Any]) -> Text:
        channel: Literal["sms", "whatsapp"] = "whatsapp" if message.channel == "whatsapp" else "sms"
        return Text(message.recipient, self.templates.text(message.template, facts), channel)

    def _email(self, message: Message, facts: dict[str, Any]) -> Email:
        rendered = self.templates.email(message.template, facts)
        attachments: tuple[Attachment, ...] = facts.get("attachments", ())
        if message.template in WITH_CALENDAR:
            booking = facts["booking"]
            ics = itinerary_ics(booking, facts["itinerary"], facts["booking_link"])
            kind = f"text/calendar; method={calendar_method(booking)}"
            attachments = (Attachment(f"{booking.reference}.ics", kind, ics),)
        return Email(message.recipient, rendered.subject, rendered.html, rendered.text, attachments)

    async def _take(self, message_id: UUID) -> tuple[Message, bool, Email | Text] | None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.lock, message_id)
            if row is None or RANK[row["status"]] > RANK["sending"]:
                return None
            message = Message.from_row(row)
            if message.status == "sending" and self.clock.now() - row["updated_at"] < IN_HAND:
                raise Retry(IN_HAND.total_seconds(), "another run has this message in hand")
            cause: str | None = await self.suppressions.blocks(tx, message.channel, message.recipient, message.template)
            if message.channel == "email" and not await may_have(tx, message.template, message.recipient):
                cause = cause or "address_unconfirmed"
            if cause is not None:
                await self._record(tx, message, "suppressed", error=cause)
                return None
            try:
                facts = await self.facts.of(tx, message)
            except Unsendable as moot:
                await self._record(tx, message, moot.status, error=moot.why)
                return None
            await tx.execute(SQL.set_status, message_id, "sending", None, None, None, self.clock.now())
            return message, message.status == "sending", await self._render(tx, message, row["rendered"], facts)

    async def _set(
        self, message_id: UUID, status: str, *, sent: tuple[str, str] | None = None, error: str | None = None
    ) -> None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.lock, message_id)
            if row is not None and RANK[row["status"]] < RANK[status]:
                await self._record(tx, Message.from_row(row), status, sent=sent, error=error)

    async def _back(self, message_id: UUID) -> None:
        """Nothing has left the house: as if it had not been tried."""
        async with self.db.transaction() as tx:
            await tx.execute(SQL.set_status, message_id, "queued", None, None, None, self.clock.now())

    async def _record(
        self, tx: Tx, message: Message, status: str, *, sent: tuple[str, str] | None = None, error: str | None = None
    ) -> None:
        provider, number = sent or (None, None)
        await tx.execute(SQL.set_status, message.id, status, provider, number, error, self.clock.now())
        await self.audit.record(
            tx,
            f"message.{status}",
            customer_id=message.customer_id,
            booking_id=message.booking_id,
            channel=message.channel,
            template=message.template,
            **({"error": error} if error else {}),
        )

    async def on_event(self, event: WebhookEvent) -> Apply | None:
        """A delivery report, of Resend or Twilio. Raises Retry while its message's number is not yet on record."""
        teller = self.mailer if self.mailer and event.provider == self.mailer.name else self.texter
        delivery = teller.delivery_of(event.payload) if teller else None
        if delivery is None:
            return None
        async with self.db.transaction() as tx:
            known = await tx.fetchval(SQL.by_provider_id, event.provider, delivery.provider_message_id)
        if known is None and self.clock.now() - event.received_at < STRANGER_AFTER:
            raise Retry(1, "the report is faster than the answer that names its message")
        return partial(self._report, known, delivery, event) if known else None

    async def _report(self, message_id: UUID, delivery: Delivery, event: WebhookEvent, tx: Tx) -> None:
        row = await tx.fetchrow(SQL.lock, message_id)
        if row is None:
            return
        message, now = Message.from_row(row), self.clock.now()
        await tx.execute(SQL.insert_report, message_id, delivery.status, delivery.detail, now)
        if delivery.cause is not None:
            await self.suppressions.add(tx, message.channel, message.recipient, delivery.cause, delivery.detail)
        if RANK[delivery.status] > RANK[message.status]:
            await self._record(tx, message, delivery.status, error=delivery.detail)
        if message.booking_id:
            await event.concerns(tx, message.booking_id)

    @every(30, "outbox.sweep")
    async def sweep(self) -> None:
        """Messages written and not sent, with no job left to do it."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.waiting, self.clock.now() - timedelta(seconds=60))
        sweep = Sweep("messages.enqueue", self.db, self.clock)
        await sweep.process(rows, self._enqueue, key=lambda row: RowKey(str(row["id"])))

    async def _enqueue(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self.jobs.enqueue(tx, SendMessage(message_id=row["id"]), key=row["fact"])


def _on(adapter: T | None, name: str) -> T:
    if adapter is None:
        raise ProviderPermanent(name, "is switched off", provider_code="provider_off")
    return adapter
