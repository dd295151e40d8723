"""Bags at Kiwi: even a free one has to be ordered, as one combination of each category for every passenger. Pure.

check_flights offers combinations; each has `indices` into the definitions (none: no bag), the groups of passengers that
may have it, and a price. save_booking wants one of each category back for everybody.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from hub.supply.flights import Baggage

BAG_CATEGORIES = ("hold_bag", "hand_bag")

BagCombination = dict[str, Any]


class BagsUnavailable(ValueError):
    """The bags that the offer promises cannot be ordered any more."""


def read_order_data(document: dict[str, Any]) -> dict[str, Any]:
    """The `baggage` of a check_flights answer, as far as an order needs it. Lists that are missing are empty."""
    baggage = document.get("baggage")
    baggage = baggage if isinstance(baggage, dict) else {}
    return {name: {category: _objects(baggage, name, category) for category in BAG_CATEGORIES} for name in _PARTS}


_PARTS = ("combinations", "definitions")


def _objects(baggage: dict[str, Any], name: str, category: str) -> list[dict[str, Any]]:
    part = baggage.get(name)
    rows = part.get(category) if isinstance(part, dict) else None
    return [_plain(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _plain(value: Any) -> Any:
    """Without Decimals: it is sent back as JSON."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def choose_bags(data: dict[str, Any], groups: Sequence[str], promised: int) -> list[dict[str, Any]]:
    """The `baggage` of save_booking: for each passenger (by group: adult, child, infant) one combination of each kind.

    `promised` hold bags go to everybody but infants. Raises BagsUnavailable where no combination has so many.
    """
    orders: list[dict[str, Any]] = []
    for category in BAG_CATEGORIES:
        chosen: dict[int, list[int]] = {}
        for place, group in enumerate(groups):
            least = promised if category == "hold_bag" and group != "infant" else 0
            nth = _choice(data, category, group, least)
            if nth is not None:
                chosen.setdefault(nth, []).append(place)
        rows = _combinations(data, category)
        orders += [{"combination": rows[nth], "passengers": places} for nth, places in chosen.items()]
    return orders


def _choice(data: dict[str, Any], category: str, group: str, least: int) -> int | None:
    """The cheapest combination with at least so many bags, and of those the one with the most bags.

    None where nothing at all is offered to the group.
    """
    rows = _combinations(data, category)
    offered = [nth for nth, row in enumerate(rows) if group in _groups(row)]
    enough = [nth for nth in offered if _count(rows[nth]) >= least]
    if least and not enough:
        raise BagsUnavailable
    return min(enough, key=lambda nth: (_price(rows[nth]), -_count(rows[nth])), default=None)


def list_ordered_bags(data: dict[str, Any], orders: Sequence[dict[str, Any]], passengers: int) -> tuple[Baggage, ...]:
    """What each passenger has after that choice."""
    held: list[dict[str, BagCombination]] = [{} for _ in range(passengers)]
    for order in orders:
        for place in order["passengers"]:
            held[place][order["combination"]["category"]] = order["combination"]
    return tuple(_baggage(data, chosen) for chosen in held)


def _baggage(data: dict[str, Any], chosen: dict[str, BagCombination]) -> Baggage:
    hold, hand = (chosen.get(category) for category in BAG_CATEGORIES)
    return Baggage(
        hold=_count(hold) if hold else None,
        hand=_count(hand) if hand else None,
        hold_kg=_weight(data, "hold_bag", hold),
        hand_kg=_weight(data, "hand_bag", hand),
    )


def _weight(data: dict[str, Any], category: str, combination: BagCombination | None) -> int | None:
    """Kilograms that one bag may have, when all bags of the combination may have the same."""
    definitions = data.get("definitions", {}).get(category, [])
    weights = {_kilograms(definitions, index) for index in (combination or {}).get("indices", ())}
    return weights.pop() if len(weights) == 1 else None


def _kilograms(definitions: list[dict[str, Any]], index: Any) -> int | None:
    try:
        return int(definitions[index]["restrictions"]["weight"])
    except (LookupError, TypeError, ValueError):
        return None


def _combinations(data: dict[str, Any], category: str) -> list[BagCombination]:
    return list(_usable(data.get("combinations", {}).get(category, []), category))


def _usable(rows: list[BagCombination], category: str) -> Iterator[BagCombination]:
    for row in rows:
        if isinstance(row.get("indices"), list) and row.get("category", category) == category:
            yield row | {"category": category}


def _groups(row: BagCombination) -> list[str]:
    conditions = row.get("conditions")
    groups = conditions.get("passenger_groups") if isinstance(conditions, dict) else None
    return groups if isinstance(groups, list) else ["adult", "child", "infant"]


def _count(row: BagCombination) -> int:
    return len(row["indices"])


def _price(row: BagCombination) -> Decimal:
    """What it costs in Kiwi's currency; a price that cannot be read is the highest."""
    price = row.get("price")
    try:
        return Decimal(str(price["amount"])) if isinstance(price, dict) else Decimal("Infinity")
    except (KeyError, InvalidOperation):
        return Decimal("Infinity")
