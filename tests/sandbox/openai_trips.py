"""Journeys as a caller describes them to a model, and the schema that it wants them planned in."""

import json
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

KINDS = ["flight", "transfer", "stay", "food", "sight", "tour", "free"]


def _object(**properties: Any) -> dict[str, Any]:
    names = list(properties)
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


TEXT = {"type": "string"}
MAYBE_TEXT = {"anyOf": [{"type": "string"}, {"type": "null"}]}
ITEM = _object(
    start=TEXT, end=TEXT, kind={"$ref": "#/$defs/Kind"}, place=TEXT, note=TEXT,
    cost={"anyOf": [{"type": "integer"}, {"type": "null"}]}, offer_id=MAYBE_TEXT, activity_id=MAYBE_TEXT,
)  # fmt: skip
DAY = _object(date=TEXT, title=TEXT, items={"type": "array", "items": {"$ref": "#/$defs/Item"}, "maxItems": 24})
DEFS = {"Kind": {"type": "string", "enum": KINDS}, "Item": ITEM, "Day": DAY}
DAYS = {"type": "array", "items": {"$ref": "#/$defs/Day"}, "maxItems": 30}
LINES = {"type": "array", "items": TEXT, "maxItems": 20}
PLAN = _object(title=TEXT, summary=TEXT, packing=LINES, tips=LINES, days=DAYS) | {"$defs": DEFS}
ONLY_DAYS = _object(days=DAYS) | {"$defs": DEFS}

LISBON: dict[str, Any] = {
    "task": "plan", "today": "2026-11-21", "destination": "Lisbon", "country": "PT", "zone": "Europe/Lisbon",
    "start_date": "2026-12-01", "end_date": "2026-12-03", "party": {"adults": 2, "children": 0, "infants": 0},
    "budget": {"amount": 60_000, "currency": "EUR"}, "currency": "EUR", "pace": "normal", "interests": ["food"],
    "language": "en", "notes": "",
    "offers": [
        {"id": "off_dear", "total": 59_000, "currency": "EUR",
         "out": {"departs_at": "2026-12-01T06:10", "arrives_at": "2026-12-01T08:55", "origin": "LON",
                 "destination": "LIS"},
         "back": {"departs_at": "2026-12-03T20:10", "arrives_at": "2026-12-03T22:55", "origin": "LIS",
                  "destination": "LON"}},
        {"id": "off_good", "total": 24_000, "currency": "EUR",
         "out": {"departs_at": "2026-12-01T07:10", "arrives_at": "2026-12-01T09:55", "origin": "LON",
                 "destination": "LIS"},
         "back": {"departs_at": "2026-12-03T18:10", "arrives_at": "2026-12-03T20:55", "origin": "LIS",
                  "destination": "LON"}},
    ],
    "activities": [
        {"id": f"act_{n}", "name": name, "kind": kind, "minutes": minutes, "cost": cost, "area": area, "tags": tags,
         "hours": {str(day): ["10:00", "18:00"] for day in range(7) if day != closed}}
        for n, (name, kind, minutes, cost, area, tags, closed) in enumerate([
            ("Tower", "sight", 90, 800, "Belem", ["history"], 0), ("Museum", "sight", 120, 1500, "Belem", ["art"], 1),
            ("Market hall", "food", 60, None, "Cais", ["food"], 6), ("Castle", "sight", 90, 1500, "Alfama", [], None),
            ("Viewpoint", "free", 45, 0, "Alfama", [], None), ("Tram", "tour", 60, 300, "Alfama", [], None),
        ])
    ],
    "facts": ["Shops close late.", "Trams are full at noon."],
}  # fmt: skip


def message(document: dict[str, Any]) -> str:
    return f"Plan this, please.\n<data>\n{json.dumps(document)}\n</data>"


def legs(day: date, hour: int, origin: str, target: str) -> dict[str, Any]:
    return {
        "departs_at": f"{day}T{hour:02}:05", "arrives_at": f"{day}T{hour + 2:02}:35", "origin": origin,
        "destination": target,
    }  # fmt: skip


@st.composite
def journeys(draw: st.DrawFn) -> dict[str, Any]:
    begin = draw(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
    end = begin + timedelta(days=draw(st.integers(0, 9)))
    hours = st.integers(0, 21)
    offers = [
        {
            "id": f"off_{n}",
            "total": draw(st.integers(0, 90_000)),
            "out": legs(begin, draw(hours), "LON", "LIS"),
            "back": legs(end, draw(hours), "LIS", "LON") if end > begin and draw(st.booleans()) else None,
        }
        for n in range(draw(st.integers(0, 3)))
    ]
    activities = [
        {
            "id": f"act_{n}",
            "name": f"Sight {n}",
            "kind": draw(st.sampled_from(["sight", "food", "tour", "free"])),
            "minutes": draw(st.integers(15, 600)),
            "hours": draw(st.dictionaries(st.sampled_from("0123456"), st.just(["09:30", "17:00"]))),
            "cost": draw(st.none() | st.integers(0, 9000)),
            "area": draw(st.sampled_from(["", "North", "South"])),
        }
        for n in range(draw(st.integers(0, 12)))
    ]
    budget = draw(st.none() | st.integers(0, 200_000))
    return LISBON | {
        "start_date": str(begin), "end_date": str(end), "offers": offers, "activities": activities,
        "pace": draw(st.sampled_from(["calm", "normal", "full"])), "party": {"adults": draw(st.integers(1, 6))},
        "budget": None if budget is None else {"amount": budget, "currency": "EUR"},
    }  # fmt: skip


def troubles(plan: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """What a careful reader finds wrong with a plan."""
    found = []
    begin, end = date.fromisoformat(asked["start_date"]), date.fromisoformat(asked["end_date"])
    wanted = [str(begin + timedelta(days=n)) for n in range((end - begin).days + 1)]
    if [day["date"] for day in plan["days"]] != wanted:
        found.append("dates")
    items = [item for day in plan["days"] for item in day["items"]]
    known = {one["id"] for one in (*asked["offers"], *asked["activities"])}
    if {item[name] for item in items for name in ("offer_id", "activity_id") if item[name]} - known:
        found.append("unknown id")
    for day in plan["days"]:
        spans = [(item["start"], item["end"]) for item in day["items"]]
        if any(start[:10] != day["date"] or start >= end for start, end in spans):
            found.append("times")
        if any(one[1] > other[0] for one, other in pairwise(spans)):
            found.append("overlap")
    if asked["budget"] and sum(item["cost"] or 0 for item in items) > asked["budget"]["amount"]:
        found.append("budget")
    return found + [f"closed {item['activity_id']}" for item in items if _is_closed(item, asked)]


def _is_closed(item: dict[str, Any], asked: dict[str, Any]) -> bool:
    place = next((one for one in asked["activities"] if one["id"] == item["activity_id"]), None)
    if place is None or not place["hours"]:
        return False
    span = place["hours"].get(str(date.fromisoformat(item["start"][:10]).weekday()))
    return span is None or not (span[0] <= item["start"][11:] and item["end"][11:] <= span[1])
