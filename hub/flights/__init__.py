"""Flights: offers of all suppliers in one form, searched, cached, checked, and kept until they can be booked."""

from hub.flights.model import (
    Cabin,
    FlightOffer,
    FlightQuery,
    FlightSearch,
    OrderDesk,
    OrderRequest,
    OrderState,
    PlacedOrder,
    PriceCheck,
    PriceChecker,
    Segment,
    Slice,
    StoredOffer,
    Traveller,
)
from hub.flights.service import Flights, LiveCheck
from hub.flights.snapshot import offer_from_json, offer_to_json, query_from_json, query_to_json

__all__ = [
    "Cabin",
    "FlightOffer",
    "FlightQuery",
    "FlightSearch",
    "Flights",
    "LiveCheck",
    "OrderDesk",
    "OrderRequest",
    "OrderState",
    "PlacedOrder",
    "PriceCheck",
    "PriceChecker",
    "Segment",
    "Slice",
    "StoredOffer",
    "Traveller",
    "offer_from_json",
    "offer_to_json",
    "query_from_json",
    "query_to_json",
]
