"""What is on record of a booking's order at its supplier."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from asyncpg import Record

from hub.core.errors import HubError
from hub.sales.bookings.model import FUNDED_STATUSES, Booking, BookingStatus
from hub.supply.flights import FlightOffer, FlightQuery, PlacedOrder, PriceCheck, offer_from_json, query_from_json


class OrderUnusable(HubError):
    """The booking has no order on record that can be read."""


@dataclass(frozen=True, slots=True)
class SupplierOrder:
    """`state` is none, placing, placed, confirming, confirmed, refused or unknown.

    `account`: the supplier's account and mode in which it was asked for; None: not known, or not asked for yet.
    """

    booking: Booking
    offer: FlightOffer
    query: FlightQuery
    state: str
    placed: PlacedOrder | None
    unknown_since: datetime | None
    account: str | None

    @classmethod
    def from_row(cls, booking: Booking, row: Record) -> Self:
        """Raises OrderUnusable."""
        try:
            offer, query = offer_from_json(row["offer"]), query_from_json(row["query"])
            placed = PlacedOrder.from_json(row["placed"]) if row["placed"] else None
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise OrderUnusable from error
        return cls(booking, offer, query, row["state"], placed, row["unknown_since"], row["account"])

    def is_foreign(self, account: str) -> bool:
        """Whether the supplier was asked for it in another account or mode than this."""
        return self.state != "none" and self.account not in {None, account}


def needs_order(booking: Booking) -> bool:
    paid = booking.payment_status in FUNDED_STATUSES
    if booking.status is BookingStatus.PENDING:
        return paid
    return booking.status in {BookingStatus.ORDERING, BookingStatus.ORDER_UNKNOWN}


def refusal_of(check: PriceCheck, order: SupplierOrder) -> str | None:
    """Why the offer cannot be ordered as it was sold; None when it can. A price that has fallen is no reason."""
    if not check.available or check.total is None:
        return "sold_out"
    if check.total.currency != order.booking.total.currency:
        return "price_unknown"
    return "price_changed" if order.booking.total < check.total else None
