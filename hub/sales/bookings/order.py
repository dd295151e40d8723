"""What is on record of a booking's order at its supplier."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from asyncpg import Record

from hub.core.errors import HubError
from hub.sales.bookings.model import Booking
from hub.supply.flights import FlightOffer, FlightQuery, PlacedOrder, offer_from_json, query_from_json


class OrderUnusable(HubError):
    """The booking has no order on record that can be read."""


@dataclass(frozen=True, slots=True)
class Order:
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
