"""The same traveler on the same flight twice: two tabs, a second click on another day, two members of a family."""

from uuid import UUID

from hub.core.clock import Clock
from hub.core.db import Tx
from hub.core.errors import Conflict
from hub.sales.bookings.model import NewBooking
from hub.sales.bookings.repository import SQL
from hub.supply.flights import FlightOffer


class DuplicateBooking(Conflict):
    """A traveler is booked on one of these flights already."""

    code = "duplicate_booking"

    def __init__(self, booking_id: UUID, reference: str) -> None:
        super().__init__(
            f"A traveler is already on one of these flights with booking {reference}. Set allow_duplicate to book"
            " them again.",
            booking_id=str(booking_id),
            booking_reference=reference,
        )


async def check_duplicate(tx: Tx, clock: Clock, customer_id: UUID, request: NewBooking, offer: FlightOffer) -> None:
    """Raises DuplicateBooking, naming the customer's earlier booking that still stands.

    Locks the customer until the transaction ends, so that of two requests at once the second sees the first. A flight
    is its carrier, its number without leading zeros and its local day of departure; a traveler is a name and a date
    of birth.
    """
    await tx.execute(SQL.lock_customer, customer_id)
    if request.allow_duplicate:
        return
    segments = [segment for direction in offer.slices for segment in direction.segments]
    row = await tx.fetchrow(
        SQL.find_duplicate,
        customer_id,
        [segment.carrier for segment in segments],
        [segment.flight_number.lstrip("0") for segment in segments],
        [f"{segment.departs_at:%Y-%m-%d}" for segment in segments],
        [traveler.given_name for traveler in request.travelers],
        [traveler.family_name for traveler in request.travelers],
        [traveler.born_on for traveler in request.travelers],
        clock.now(),
    )
    if row is not None:
        raise DuplicateBooking(row["id"], row["reference"])
