"""Sending what has been written down, and learning what became of it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeVar
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.context import bind_context
from hub.core.db import Database, Tx
from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderTransient
from hub.core.inbox import WebhookEffect, WebhookEvent
from hub.core.jobs import Job, JobQueue, Retry, every, job
from hub.core.row_failures import RowKey, Sweep
from hub.core.sealing import UnsealError
from hub.outreach.messaging.model import (
    STATUS_RANK,
    Attachment,
    DeliveryReport,
    EmailMessage,
    Mailer,
    Message,
    SmsSender,
    TextMessage,
)
from hub.outreach.messaging.recipients import may_receive
from hub.outreach.messaging.rendered_message import message_from_json, message_to_json
from hub.outreach.messaging.suppressions import Suppressions
from hub.outreach.messaging.template_context import SQL, MessageContexts
from hub.outreach.messaging.templates import MessageTemplates
from hub.outreach.messaging.unsendable import Unsendable
from hub.oversight.audit import AuditLog
from hub.sales.bookings import build_calendar_file, get_calendar_method

T = TypeVar("T")

UNKNOWN_REPORT_AFTER = timedelta(minutes=5)
"""A report about a message that we do not know for so long is about somebody else's on the same account."""


CALENDAR_TEMPLATES = frozenset({"booking_confirmation", "booking_cancelled", "booking_changed", "booking_references"})
"""Messages with a calendar file: what puts the flights into a calendar, and what takes them out."""
SENDING_LEASE = timedelta(seconds=15)
"""For so long a message that is being sent is left to whoever sends it; then it is looked for before another try."""


class SendMessage(Job, kind="message.send", attempts=12):
    message_id: UUID


@dataclass(frozen=True, slots=True)
class MessageSender:
    db: Database
    contexts: MessageContexts
    jobs: JobQueue
    audit: AuditLog
    clock: Clock
    templates: MessageTemplates
    suppressions: Suppressions
    mailer: Mailer | None
    sms_sender: SmsSender | None

    @job
    async def send_message(self, work: SendMessage) -> None:
        """Sends one message, unless it has gone. Raises OutcomeUnknown to be asked again, and then looks first."""
        taken = await self._take(work.message_id)
        if taken is None:
            return
        message, was_sending, outgoing = taken
        with bind_context(booking_id=message.booking_id):
            try:
                sent = await self._hand_over(message, outgoing, look_first=was_sending)
            except ProviderPermanent as error:
                await self._refused(message, error)
            except OutcomeUnknown as error:
                raise Retry(SENDING_LEASE.total_seconds(), "nobody said whether the message went out") from error
            except ProviderTransient:
                if not was_sending:  # else it may have gone the last time: it is looked for again before it is sent
                    await self._back(message.id)
                raise
            else:
                await self._set(message.id, "sent", sent=sent)

    async def _refused(self, message: Message, error: ProviderPermanent) -> None:
        """Records a refusal, and what it says of the address."""
        adapter = self.mailer if message.channel == "email" else self.sms_sender
        cause, code = adapter.find_suppression_cause(error) if adapter else None, error.provider_code or error.code
        async with self.db.transaction() as tx:
            if cause is not None:
                await self.suppressions.add_suppression(tx, message.channel, message.recipient, cause, code)
            row = await tx.fetchrow(SQL.lock, message.id)
            if row is not None and STATUS_RANK[row["status"]] < STATUS_RANK["failed"]:
                await self._record(tx, Message.from_row(row), "failed", error=code)

    async def _hand_over(
        self, message: Message, outgoing: EmailMessage | TextMessage, *, look_first: bool
    ) -> tuple[str, str]:
        if isinstance(outgoing, EmailMessage):
            mailer = _on(self.mailer, "resend")
            return mailer.name, await mailer.send_email(outgoing, key=message.fact)
        texter = _on(self.sms_sender, "twilio")
        sent = await texter.find_text(outgoing, message.created_at) if look_first else None
        return texter.name, sent or await texter.send_text(outgoing)

    async def _render(
        self, tx: Tx, message: Message, stored: bytes | None, facts: dict[str, Any]
    ) -> EmailMessage | TextMessage:
        """What the message says: at a further attempt the very same as at the first, whatever has changed since.

        Providers recognize a repetition by its content: other words would be another text, or a misused key.
        """
        purpose = f"message:{message.id}"
        if stored is not None:
            with suppress(UnsealError):  # sealed under a secret that is gone: then it is rendered anew
                return message_from_json(self.contexts.secret_box.unseal_text(purpose, stored))
        outgoing = self._email(message, facts) if message.channel == "email" else self._text(message, facts)
        references = list(facts["itinerary"].references) if "itinerary" in facts else None
        await tx.execute(
            SQL.set_rendered,
            message.id,
            self.contexts.secret_box.seal_text(purpose, message_to_json(outgoing)),
            references,
        )
        return outgoing

    def _text(self, message: Message, facts: dict[str, Any]) -> TextMessage:
        channel: Literal["sms", "whatsapp"] = "whatsapp" if message.channel == "whatsapp" else "sms"
        return TextMessage(message.recipient, self.templates.render_text(message.template, facts), channel)

    def _email(self, message: Message, facts: dict[str, Any]) -> EmailMessage:
        rendered = self.templates.render_email(message.template, facts)
        attachments: tuple[Attachment, ...] = facts.get("attachments", ())
        if message.template in CALENDAR_TEMPLATES:
            booking = facts["booking"]
            ics = build_calendar_file(booking, facts["itinerary"], facts["booking_link"])
            kind = f"text/calendar; method={get_calendar_method(booking)}"
            attachments = (Attachment(f"{booking.reference}.ics", kind, ics),)
        return EmailMessage(message.recipient, rendered.subject, rendered.html, rendered.text, attachments)

    async def _take(self, message_id: UUID) -> tuple[Message, bool, EmailMessage | TextMessage] | None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.lock, message_id)
            if row is None or STATUS_RANK[row["status"]] > STATUS_RANK["sending"]:
                return None
            message = Message.from_row(row)
            if message.status == "sending" and self.clock.now() - row["updated_at"] < SENDING_LEASE:
                raise Retry(SENDING_LEASE.total_seconds(), "another run has this message in hand")
            cause: str | None = await self.suppressions.find_blocking_cause(
                tx, message.channel, message.recipient, message.template
            )
            if message.channel == "email" and not await may_receive(tx, message.template, message.recipient):
                cause = cause or "address_unconfirmed"
            if cause is not None:
                await self._record(tx, message, "suppressed", error=cause)
                return None
            try:
                facts = await self.contexts.build_context(tx, message)
            except Unsendable as moot:
                await self._record(tx, message, moot.status, error=moot.reason)
                return None
            await tx.execute(SQL.set_status, message_id, "sending", None, None, None, self.clock.now())
            return message, message.status == "sending", await self._render(tx, message, row["rendered"], facts)

    async def _set(
        self, message_id: UUID, status: str, *, sent: tuple[str, str] | None = None, error: str | None = None
    ) -> None:
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.lock, message_id)
            if row is not None and STATUS_RANK[row["status"]] < STATUS_RANK[status]:
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
        await self.audit.record_action(
            tx,
            f"message.{status}",
            customer_id=message.customer_id,
            booking_id=message.booking_id,
            channel=message.channel,
            template=message.template,
            **({"error": error} if error else {}),
        )

    async def handle_webhook(self, event: WebhookEvent) -> WebhookEffect | None:
        """A delivery report, of Resend or Twilio. Raises Retry while its message's number is not yet on record."""
        teller = self.mailer if self.mailer and event.provider == self.mailer.name else self.sms_sender
        delivery = teller.parse_delivery_report(event.payload) if teller else None
        if delivery is None:
            return None
        async with self.db.transaction() as tx:
            known = await tx.fetchval(SQL.by_provider_id, event.provider, delivery.provider_message_id)
        if known is None and self.clock.now() - event.received_at < UNKNOWN_REPORT_AFTER:
            raise Retry(1, "the report is faster than the answer that names its message")
        return partial(self._report, known, delivery, event) if known else None

    async def _report(self, message_id: UUID, delivery: DeliveryReport, event: WebhookEvent, tx: Tx) -> None:
        row = await tx.fetchrow(SQL.lock, message_id)
        if row is None:
            return
        message, now = Message.from_row(row), self.clock.now()
        await tx.execute(SQL.insert_report, message_id, delivery.status, delivery.detail, now)
        if delivery.cause is not None:
            await self.suppressions.add_suppression(
                tx, message.channel, message.recipient, delivery.cause, delivery.detail
            )
        if STATUS_RANK[delivery.status] > STATUS_RANK[message.status]:
            await self._record(tx, message, delivery.status, error=delivery.detail)
        if message.booking_id:
            await event.link_booking(tx, message.booking_id)

    @every(30, "outbox.sweep")
    async def sweep_unsent_messages(self) -> None:
        """Messages written and not sent, with no job left to do it."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.waiting, self.clock.now() - timedelta(seconds=60))
        sweep = Sweep("messages.enqueue", self.db, self.clock)
        await sweep.process_rows(rows, self._enqueue, key=lambda row: RowKey(str(row["id"])))

    async def _enqueue(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self.jobs.enqueue(tx, SendMessage(message_id=row["id"]), key=row["fact"])


def _on(adapter: T | None, name: str) -> T:
    if adapter is None:
        raise ProviderPermanent(name, "is switched off", provider_code="provider_off")
    return adapter
