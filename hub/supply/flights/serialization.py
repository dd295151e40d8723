"""Offers as JSON: whole for the database, and without the supplier's secrets for people."""

from typing import Any

from pydantic import TypeAdapter

from hub.core.money import Money
from hub.supply.flights.model import FlightOffer, FlightQuery, Segment, Slice

_OFFER: TypeAdapter[FlightOffer] = TypeAdapter(FlightOffer)
_QUERY: TypeAdapter[FlightQuery] = TypeAdapter(FlightQuery)


def offer_to_json(offer: FlightOffer) -> dict[str, Any]:
    """Everything, the supplier's token included."""
    dumped: dict[str, Any] = _OFFER.dump_python(offer, mode="json")
    return dumped


def offer_from_json(snapshot: dict[str, Any]) -> FlightOffer:
    return _OFFER.validate_python(snapshot)


def query_to_json(query: FlightQuery) -> dict[str, Any]:
    dumped: dict[str, Any] = _QUERY.dump_python(query, mode="json")
    return dumped


def query_from_json(snapshot: dict[str, Any]) -> FlightQuery:
    return _QUERY.validate_python(snapshot)


def money_to_json(money: Money) -> dict[str, Any]:
    return {"amount": money.amount, "currency": money.currency, "display": money.display}


def offer_to_public_json(offer: FlightOffer, *, sandbox: bool) -> dict[str, Any]:
    """What anybody may see of an offer. Times are strings with the airport's own offset."""
    return {
        "id": offer.id,
        "provider": offer.provider,
        "total": money_to_json(offer.total),
        "supplier_total": money_to_json(offer.supplier_total) if offer.supplier_total else None,
        "payment_providers": list(offer.payment_providers),
        "slices": [_slice(one) for one in offer.slices],
        "stops": max(len(one.segments) - 1 for one in offer.slices),
        "duration_s": sum(one.duration_s for one in offer.slices),
        "self_transfer": offer.self_transfer,
        "tickets": offer.tickets,
        "separate_tickets": offer.has_separate_tickets,
        "bags_included": offer.bags_included,
        "refundable": offer.refundable,
        "changeable": offer.changeable,
        "seats_left": offer.seats_left,
        "hidden_city": offer.hidden_city,
        "throwaway": offer.throwaway,
        "alternates": list(offer.alternates),
        "expires_at": offer.expires_at.isoformat(),
        "expiry_assumed": offer.expiry_assumed,
        "sandbox": sandbox,
    }


def _slice(one: Slice) -> dict[str, Any]:
    first, last = one.segments[0], one.segments[-1]
    return {
        "origin": one.origin,
        "destination": one.destination,
        "departs_at": first.departs_at.isoformat(),
        "arrives_at": last.arrives_at.isoformat(),
        "duration_s": one.duration_s,
        "segments": [_segment(segment) for segment in one.segments],
    }


def _segment(one: Segment) -> dict[str, Any]:
    return {
        "origin": one.origin,
        "destination": one.destination,
        "departs_at": one.departs_at.isoformat(),
        "arrives_at": one.arrives_at.isoformat(),
        "duration_s": int((one.arrives_at - one.departs_at).total_seconds()),
        "carrier": one.carrier,
        "flight_number": one.flight_number,
        "operating_carrier": one.operating_carrier,
        "cabin": one.cabin,
        "fare_brand": one.fare_brand,
        "self_transfer_before": one.self_transfer_before,
        "technical_stops": list(one.technical_stops),
    }
