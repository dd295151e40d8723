from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, Protocol, Self
from uuid import UUID

from asyncpg import Record

from hub.core.errors import ProviderPermanent

Channel = Literal["email", "sms", "whatsapp"]

SuppressionCause = Literal["bounce", "complaint", "opt_out", "manual"]
"""Why an address gets no more messages; see `hub.outreach.messaging.suppressions`."""

STATUS_RANK = {
    "queued": 0,
    "sending": 1,
    "sent": 2,
    "delivered": 3,
    "failed": 4,
    "bounced": 4,
    "suppressed": 4,
    "complained": 5,
}
"""Reports come in any order; the higher rank is the later truth."""


@dataclass(frozen=True, slots=True)
class Attachment:
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class EmailMessage:
    to: str
    subject: str
    html: str
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class TextMessage:
    """An SMS or a WhatsApp message. `to` in E.164."""

    to: str
    body: str
    channel: Literal["sms", "whatsapp"] = "sms"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A provider's report: `status` is `sent`, `delivered`, `bounced`, `complained`, `failed` or `suppressed`.

    `cause` when the report means that nothing more must be sent to the address. `detail` is the provider's code.
    """

    provider_message_id: str
    status: str
    detail: str | None = None
    cause: SuppressionCause | None = None


class Mailer(Protocol):
    """Sends e-mail. The same key is the same mail. Raises ProviderPermanent, ProviderTransient, OutcomeUnknown."""

    name: str

    async def send_email(self, email: EmailMessage, key: str) -> str: ...

    def find_suppression_cause(self, error: ProviderPermanent) -> SuppressionCause | None:
        """Why nothing more must be sent to the address whose message was refused; None when it may be."""
        ...

    def parse_delivery_report(self, event: dict[str, Any]) -> DeliveryReport | None: ...


class SmsSender(Protocol):
    """Sends texts. There is no idempotency key on this wire: after a lost answer, `find_text` looks before a resend."""

    name: str

    async def send_text(self, text: TextMessage) -> str: ...

    async def find_text(self, text: TextMessage, since: datetime) -> str | None: ...

    def find_suppression_cause(self, error: ProviderPermanent) -> SuppressionCause | None:
        """Why nothing more must be sent to the number whose message was refused; None when it may be."""
        ...

    def parse_delivery_report(self, event: dict[str, Any]) -> DeliveryReport | None: ...


@dataclass(frozen=True, slots=True)
class Message:
    id: UUID
    fact: str
    channel: Channel
    template: str
    recipient: str
    status: str
    created_at: datetime
    booking_id: UUID | None
    payment_id: UUID | None
    customer_id: UUID | None
    token_id: UUID | None = None
    """The link that a letter carries."""
    session_id: UUID | None = None
    """The sign-in that a letter speaks of."""
    plan_id: UUID | None = None
    """The trip plan that it speaks of; None too once that has been deleted."""
    amount: int | None = None
    """What a message about one refund states, in minor units of the payment's currency."""

    @classmethod
    def from_row(cls, row: Record) -> Self:
        return cls(**{one.name: row[one.name] for one in fields(cls)})
