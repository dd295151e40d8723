"""Flights: offers of all suppliers in one form, searched, cached, checked, and kept until they can be booked."""

from hub.flights.airlines import airline_name
from hub.flights.answers import Answer
from hub.flights.model import (
    AirlineReference,
    Baggage,
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
from hub.flights.requirements import (
    AgeRules,
    ContactRules,
    DocumentNeed,
    DocumentRules,
    NameRules,
    Requirements,
    requirements_from_json,
    requirements_to_json,
)
from hub.flights.service import BookableOffer, Flights, LiveCheck
from hub.flights.snapshot import offer_from_json, offer_to_json, query_from_json, query_to_json
from hub.flights.traveler_check import Party, check_party, find_violations

__all__ = [
    "AgeRules",
    "AirlineReference",
    "Answer",
    "Baggage",
    "BookableOffer",
    "Cabin",
    "ContactRules",
    "DocumentNeed",
    "DocumentRules",
    "FlightOffer",
    "FlightQuery",
    "FlightSearch",
    "Flights",
    "LiveCheck",
    "NameRules",
    "OrderDesk",
    "OrderRequest",
    "OrderState",
    "Party",
    "PlacedOrder",
    "PriceCheck",
    "PriceChecker",
    "Requirements",
    "Segment",
    "Slice",
    "StoredOffer",
    "Traveller",
    "airline_name",
    "check_party",
    "find_violations",
    "offer_from_json",
    "offer_to_json",
    "query_from_json",
    "query_to_json",
    "requirements_from_json",
    "requirements_to_json",
]
