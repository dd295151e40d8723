"""What bookings ask of others, as jobs that are stored with the change that causes them."""

from typing import Literal
from uuid import UUID

from hub.core.jobs import Job


class FulfillBooking(Job, kind="booking.fulfil"):
    """The money is held: order from the supplier. Repeatable; also finds out what became of an unknown order."""

    booking_id: UUID


class CapturePayment(Job, kind="payment.capture", attempts=20):
    """The supplier has the order: take the money."""

    booking_id: UUID


class ReleasePayment(Job, kind="payment.release", attempts=20):
    """The booking has ended: give back whatever is held or taken."""

    booking_id: UUID
    because: str


class BookingConfirmed(Job, kind="booking.confirmed"):
    """Tell the traveller."""

    booking_id: UUID


class BookingEnded(Job, kind="booking.ended"):
    """Tell the traveller that it failed, was cancelled or expired."""

    booking_id: UUID
    how: Literal["failed", "cancelled", "expired"]


class PriceIncreased(Job, kind="booking.price_risen"):
    """Ask the traveller. `amount` is the new price, in minor units."""

    booking_id: UUID
    amount: int


class ReferencesIssued(Job, kind="booking.references_issued"):
    """Tell the traveler the airlines' references, unless the confirmation did."""

    booking_id: UUID


class BookingChanged(Job, kind="booking.changed"):
    """Tell the traveller that the airline has changed something. `event` is the webhook that said so."""

    booking_id: UUID
    event: int
