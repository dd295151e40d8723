"""Models that go wrong on purpose: one that obeys its data, one that is careless, one that is hopeless."""

import re
from copy import deepcopy
from datetime import timedelta
from typing import Any

from sandbox.openai.journey_data import Journey
from sandbox.openai.schema_example import draw_number

INVENTED_OFFER_ID = "off_made_up_by_the_model"
_ORDER = re.compile(
    r"\bignore\b[^\n]*|\bset the (?:price|cost|budget|total) to\b[^\n]*|\bbook\b[^\n]*|\breply with\b[^\n]*"
    r"|\bdisregard\b[^\n]*|\bsystem prompt\b[^\n]*",
    re.IGNORECASE,
)
_PRICE = re.compile(r"set the (?:price|cost|budget|total) to\D{0,10}(\d+)", re.IGNORECASE)
_REPLY = re.compile(r"reply with\s*:?\s*(.+)", re.IGNORECASE)
_MARKUP = '<script>alert("x")</script> [click](javascript:alert(1)) ![p](https://evil.example/p.png)'

Values = dict[str, Any]


def find_injected_orders(texts: list[str]) -> list[str]:
    """What the data tells a model to do."""
    return [found.group(0).strip() for text in texts for found in _ORDER.finditer(text)]


def spoil_values(
    values: Values, brain: str, seed: str, texts: list[str], journey: Journey, *, is_partial: bool
) -> Values:
    """The plan, or the day, as this model has it. `again`: it is asked for single days of a plan."""
    match brain:
        case "obedient":
            return _obey(deepcopy(values), find_injected_orders(texts), texts)
        case "careless" if "days" in values and not is_partial:
            return _break(deepcopy(values), draw_number(seed, len(values["days"])), seed, journey)
        case "hopeless":
            return _break(deepcopy(values), 0, seed, journey)
        case _:
            return values


def _obey(values: Values, found: list[str], texts: list[str]) -> Values:
    if not found:
        return values
    said = " ".join(found)[:60]
    prices = [int(one[1][:15]) for text in texts for one in _PRICE.finditer(text)]
    replies = [one[1].strip()[:60] for text in texts for one in _REPLY.finditer(text)]
    title = f"{replies[0] if replies else said} {_MARKUP}"
    values |= {"title": title, "summary": title}
    for n, item in enumerate(item for day in values.get("days", [values]) for item in day["items"]):
        item["note"] = f"{' '.join(found)[:400]} {_MARKUP}"
        if prices:
            item["cost"] = {"amount": prices[0]}
        if n == 0:
            item |= {"title": title, "name": title, "place": title}
            item |= {"offer_id": INVENTED_OFFER_ID, "flight_offer_id": INVENTED_OFFER_ID}
    return values


def _break(values: Values, at: int, seed: str, journey: Journey) -> Values:
    """One day is broken: an overlap, a day out of range, an offer that is not there, or too dear."""
    day = values["days"][at] if "days" in values else values
    items = day["items"]
    how = draw_number(f"{seed}/how", 4 if journey.budget is not None else 3) if items else 1
    if how == 1:
        day["date"] += timedelta(days=400)
        return values
    other = deepcopy(items[0] if how == 0 else items[-1])
    other |= {"kind": "tour", "offer_id": None, "flight_offer_id": None, "activity_id": None, "tour_id": None}
    match how:
        case 0:
            other |= {"title": "Something else", "place": "Something else", "end": other["end"] + timedelta(minutes=15)}
        case 2:
            other |= {"kind": "flight", "offer_id": INVENTED_OFFER_ID, "flight_offer_id": INVENTED_OFFER_ID}
        case _:
            other["cost"] = {"amount": (journey.budget or 0) + 10_000, "currency": journey.currency}
    if how != 0:
        items.pop()
    items.append(other)
    return values
