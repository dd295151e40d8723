"""Bags: the combinations that check_flights offers, and the choice that save_booking wants for every passenger."""

from typing import Any

from sandbox.kiwi.fares import to_euros
from sandbox.kiwi.tokens import OfferedItinerary
from sandbox.kiwi.wire import KiwiApiError, make_invalid_param

CATEGORIES = ("hold_bag", "hand_bag")
_SEATED = ["adult", "child"]
_INFANT = ["infant"]
_HOLD = {"weight": 23, "length": 78, "width": 28, "height": 52, "dimensions_sum": 158}
_HAND = {"weight": 8, "length": 55, "width": 23, "height": 40, "dimensions_sum": 118}


def build_offered_baggage(offered: OfferedItinerary) -> dict[str, Any]:
    """The combinations by category; `indices` point into the definitions, none of them means no bag.

    An infant has a combination of its own in both categories, without a bag.
    """
    seated = max(1, offered.party.adults + offered.party.children)
    holds = [
        _combination("hold_bag", [0] * count, _SEATED, cents // seated)
        for count, cents in enumerate((0, *offered.fare.bags))
    ]
    hands = [_combination("hand_bag", [0], _SEATED, 0), _combination("hand_bag", [], _INFANT, 0)]
    return {
        "definitions": {
            "hold_bag": [_definition("hold_bag", _HOLD)],
            "hand_bag": [_definition("personal_item", _HAND)],
        },
        "combinations": {"hold_bag": [*holds, _combination("hold_bag", [], _INFANT, 0)], "hand_bag": hands},
        "notices": [],
    }


def _definition(category: str, restrictions: dict[str, int]) -> dict[str, Any]:
    return {
        "category": category,
        "restrictions": restrictions,
        "conditions": {"passenger_groups": [*_SEATED, *_INFANT]},
    }


def _combination(category: str, indices: list[int], groups: list[str], cents: int) -> dict[str, Any]:
    price = {"currency": "EUR", "amount": to_euros(cents), "base": to_euros(cents), "service": 0, "service_flat": 0}
    return {"indices": indices, "category": category, "conditions": {"passenger_groups": groups}, "price": price}


def count_chosen_bags(
    baggage: Any,
    passengers: list[dict[str, Any]],
    offered: OfferedItinerary,
    checked_bags: int,
    *,
    requires_every_passenger: bool,
) -> list[dict[str, int]]:
    """How many bags of each category each passenger has. Raises KiwiApiError 422.

    `checked_bags` is the `bnum` of check_flights: more hold bags than that have no price. `for_everybody`: a passenger
    without one combination of each category is refused.
    """
    counts: list[dict[str, int]] = [{} for _ in passengers]
    if not isinstance(baggage, list):
        raise make_invalid_param("baggage", "Not a valid list.")
    for nth, entry in enumerate(baggage):
        _add(counts, f"baggage.{nth}", entry, passengers, offered)
    if requires_every_passenger:
        _refuse_missing(counts)
    held = [one.get("hold_bag", 0) for one in counts]
    if max(held, default=0) > checked_bags:
        raise make_invalid_param("baggage", "There are more hold bags than were asked for in check_flights (bnum).")
    return counts


def _add(
    counts: list[dict[str, int]], param: str, entry: Any, passengers: list[dict[str, Any]], offered: OfferedItinerary
) -> None:
    combination = entry.get("combination") if isinstance(entry, dict) else None
    places = entry.get("passengers") if isinstance(entry, dict) else None
    if not isinstance(combination, dict) or not isinstance(places, list):
        raise make_invalid_param(param, "Needs combination and passengers.")
    category, indices = combination.get("category"), combination.get("indices")
    if category not in CATEGORIES or not isinstance(indices, list):
        raise make_invalid_param(f"{param}.combination", "Not a combination of check_flights.")
    for place in places:
        if not isinstance(place, int) or not 0 <= place < len(passengers):
            raise make_invalid_param(f"{param}.passengers", "There is no such passenger.")
        if not _is_offered(offered, category, indices, passengers[place]["category"]):
            raise make_invalid_param(f"{param}.combination", "Not offered to a passenger of this category.")
        if category in counts[place]:
            raise make_invalid_param(f"{param}.passengers", f"The passenger has a {category} combination already.")
        counts[place][category] = len(indices)


def _is_offered(offered: OfferedItinerary, category: str, indices: list[Any], group: str) -> bool:
    return any(
        one["indices"] == indices and group in one["conditions"]["passenger_groups"]
        for one in build_offered_baggage(offered)["combinations"][category]
    )


def _refuse_missing(counts: list[dict[str, int]]) -> None:
    missing = [
        {"param": "baggage", "errors": [f"Passenger {place} has no {category} combination."]}
        for place, chosen in enumerate(counts)
        for category in CATEGORIES
        if category not in chosen
    ]
    if missing:
        raise KiwiApiError(422, {"message": missing})
