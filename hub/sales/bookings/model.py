from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from asyncpg import Record

from hub.core.errors import ProviderReason
from hub.core.money import Money
from hub.sales.bookings.declines import Decline
from hub.supply.flights import AirlineReference, Baggage, Traveler


class BookingStatus(StrEnum):
    PENDING = "pending"
    AWAITING_CONSENT = "awaiting_consent"
    ORDERING = "ordering"
    ORDER_UNKNOWN = "order_unknown"
    ORDERED = "ordered"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELED = "cancelled"
    EXPIRED = "expired"


class PaymentStatus(StrEnum):
    """One vocabulary for a payment and for the booking that it pays."""

    UNPAID = "unpaid"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    AUTHORIZED = "authorised"
    PARTIALLY_CAPTURED = "partially_captured"
    """Captured below the amount, outside the hub: nothing is ordered for it."""
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    RELEASED = "released"
    FAILED = "failed"


FUNDED_STATUSES = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PAID})
"""The money is there: ordering may go on."""


@dataclass(frozen=True, slots=True)
class Contact:
    email: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class NewBooking:
    """What a traveller asks for. The price is not among it: the hub's own snapshot of the offer has it."""

    offer_id: str
    travelers: tuple[Traveler, ...]
    contact: Contact
    idempotency_key: str | None = None
    allow_duplicate: bool = False
    """Also for travelers whom the customer has booked on the same flight already."""


@dataclass(frozen=True, slots=True)
class Booking:
    id: UUID
    reference: str
    customer_id: UUID
    status: BookingStatus
    payment_status: PaymentStatus
    total: Money
    contact: Contact
    itinerary: dict[str, Any]
    supplier: str
    offer_id: str
    sandbox: bool
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None = None
    failure: str | None = None
    notes: str | None = None
    supplier_reference: str | None = None
    new_total: Money | None = None
    """The price that waits for the traveller's consent, until `expires_at`."""
    last_failure: Decline | None = None
    """Why the last attempt to pay was declined, as long as the booking is to be paid."""
    travelers: tuple[Traveler, ...] = field(default=())
    """Without their travel documents, which are sealed."""
    airline_references: tuple[AirlineReference, ...] = ()
    """One for each ticket, as soon as the supplier has told them."""
    baggage: tuple[Baggage, ...] = ()
    """What was ordered, of each traveler in their order; empty before the order."""
    refusal: tuple[ProviderReason, ...] = field(default=(), repr=False)
    """Why the supplier has refused the order, in its own words; for staff only."""
    schedule_changed_at: datetime | None = None
    """When the airline changed the flights; their new times are with the airline."""

    @classmethod
    def from_row(cls, row: Record, travelers: tuple[Traveler, ...] = ()) -> Self:
        same = (
            "id reference customer_id itinerary supplier offer_id sandbox created_at updated_at expires_at "
            "confirmed_at failure notes supplier_reference schedule_changed_at"
        )
        return cls(
            status=BookingStatus(row["status"]),
            payment_status=PaymentStatus(row["payment_status"]),
            total=Money(row["amount"], row["currency"]),
            new_total=Money(row["new_amount"], row["currency"]) if row["new_amount"] is not None else None,
            contact=Contact(row["contact_email"], row["contact_phone"]),
            last_failure=Decline.from_json(row["last_failure"]),
            travelers=travelers,
            airline_references=tuple(
                AirlineReference(ticket["reference"], tuple(ticket["flights"])) for ticket in row["airline_references"]
            ),
            baggage=tuple(Baggage(**bags) for bags in row["baggage"]),
            refusal=tuple(ProviderReason(**reason) for reason in row["refusal"]),
            **{name: row[name] for name in same.split()},
        )
