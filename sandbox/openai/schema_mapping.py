"""Puts a plan into whatever schema it is asked for, by the names of its properties."""

import re
from datetime import date, datetime
from typing import Any

from sandbox.openai.journey_data import Journey
from sandbox.openai.plan_composer import Item, PlanDay, sum_costs
from sandbox.openai.schema_example import Schema, build_example, expand_schema, find_kind, list_property_names

KIND_WORDS = {
    "flight": ("flight", "fly", "transport", "travel", "transfer"),
    "food": ("food", "meal", "restaurant", "eat", "dining"),
    "transfer": ("transfer", "transport", "travel", "other"),
    "free": ("free", "free_time", "leisure", "rest", "walk", "other", "note"),
    "stay": ("stay", "lodging", "hotel", "accommodation"),
}
"""Our kinds by the words that schemas have for them."""
_ACTIVITY = ("activity", "tour", "sight", "sightseeing", "visit", "attraction", "experience", "other")


def is_plan_schema(schema: Schema | None) -> bool:
    return schema is not None and "days" in set(list_property_names(schema, schema))


def is_day_schema(schema: Schema | None) -> bool:
    found = set(list_property_names(schema, schema)) if schema is not None else set()
    return "items" in found and "date" in found and "days" not in found


def build_plan_values(days: list[PlanDay], journey: Journey) -> dict[str, Any]:
    """What a plan may be asked for, by name."""
    total, currency = sum_costs(days), journey.currency
    flights = sum(item["cost"] or 0 for day in days for item in day.items if item["kind"] == "flight")
    span = len(days)
    parts = [("Flights", "flight", flights), ("Activities", "activity", total - flights), ("Meals", "food", 0)]
    rows = [
        {"category": name, "label": name, "name": name, "kind": kind, "amount": amount, "cost": amount}
        | {"currency": currency, "total": amount, "note": ""}
        for name, kind, amount in parts
    ]
    liked = ", ".join(journey.interests[:3]) or "a bit of everything"
    return {
        "title": f"{span} {'day' if span == 1 else 'days'} in {journey.place}",
        "summary": f"From {days[0].date} to {days[-1].date} in {journey.place}, with {liked}, at an easy pace.",
        "destination": journey.place,
        "currency": currency,
        "start_date": days[0].date.isoformat(),
        "end_date": days[-1].date.isoformat(),
        "total": {"amount": total, "currency": currency},
        "total_cost": {"amount": total, "currency": currency},
        "days": [build_day_values(day, n, journey) for n, day in enumerate(days, 1)],
        "budget": {"total": total, "amount": total, "currency": currency, "items": rows, "rows": rows, "lines": rows},
        "packing": ["Passport", "Comfortable shoes", "A light rain jacket", "Chargers and an adapter"],
        "tips": list(journey.facts[:5]) or [f"Carry some cash in {journey.place}."],
    }


def build_day_values(day: PlanDay, number: int, journey: Journey) -> dict[str, Any]:
    kinds = {item["kind"] for item in day.items}
    titles = [item["title"] for item in day.items if item["kind"] not in {"food", "free", "flight", "transfer"}]
    title = titles[0] if titles else "On the way" if "flight" in kinds else f"A quiet day in {journey.place}"
    summary = f"{len(day.items)} {'thing' if len(day.items) == 1 else 'things'} to do."
    items = [build_item_values(one, journey) for one in day.items]
    return {"date": day.date, "day": number, "number": number, "title": title, "summary": summary, "items": items}


def build_item_values(item: Item, journey: Journey) -> dict[str, Any]:
    usual = {"offer_id": None, "activity_id": None, "flight_offer_id": item.get("offer_id")}
    usual |= {"tour_id": item.get("activity_id"), "name": item["title"], "currency": journey.currency}
    cost = None if item["cost"] is None else {"amount": item["cost"], "currency": journey.currency}
    return usual | item | {"cost": cost, "location": item["place"]}


_OTHERS = {
    "local_tips": "tips", "advice": "tips", "packing_list": "packing", "name": "title", "label": "title",
    "description": "summary", "overview": "summary", "budget_table": "budget", "start_time": "start",
    "end_time": "end", "starts_at": "start", "ends_at": "end", "price": "cost", "type": "kind", "notes": "note",
    "activities": "items", "entries": "items", "estimated_cost": "cost",
}  # fmt: skip


def shape_value(value: Any, schema: Schema, root: Schema, seed: str, name: str = "plan") -> Any:
    """The value in the schema's form; what it does not have is filled in."""
    schema = expand_schema(schema, root)
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            schema = _alternative(value, [expand_schema(one, root) for one in schema[word]])
    if value is None and _takes_null(schema):
        return None
    if "const" in schema or schema.get("enum"):
        return _chosen(value, schema, root, seed, name)
    return _formed(value, schema, root, seed, name)


def _formed(value: Any, schema: Schema, root: Schema, seed: str, name: str) -> Any:
    """By the schema's type."""
    match find_kind(schema), value:
        case "object", dict():
            return {key: _inner(value, key, one, root, seed) for key, one in schema.get("properties", {}).items()}
        case "array", dict():
            return shape_value(value.get("items", []), schema, root, seed, name)
        case "array", list():
            inner, most = schema.get("items", {}), schema.get("maxItems")
            return [shape_value(one, inner, root, f"{seed}/{n}", name) for n, one in enumerate(value[:most])]
        case "string", str() | date():
            return _text(value, schema)
        case (("integer" | "number"), _):
            return _number(value, schema, root, seed, name)
        case _:
            return build_example(schema, root, seed, name)


def _inner(value: dict[str, Any], key: str, schema: Schema, root: Schema, seed: str) -> Any:
    found = key if key in value else _OTHERS.get(key)
    if found not in value:
        return None if _optional(schema, root) else build_example(schema, root, seed, key)
    return shape_value(value[found], schema, root, f"{seed}/{key}", key)


def _optional(schema: Schema, root: Schema) -> bool:
    schema = expand_schema(schema, root)
    return _takes_null(schema) or any(_takes_null(expand_schema(one, root)) for one in schema.get("anyOf", []))


def _takes_null(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind == "null" or (isinstance(kind, list) and "null" in kind)


def _alternative(value: Any, options: list[Schema]) -> Schema:
    """The one that is of the value's type."""
    if value is None:
        return next((one for one in options if _takes_null(one)), options[0])
    wanted = {dict: ("object",), list: ("array",), int: ("integer", "number"), float: ("number", "integer")}
    kinds = wanted.get(type(value), ("string",))
    others = [one for one in options if not _takes_null(one)] or options
    return next((one for one in others if find_kind(one) in kinds), others[0])


def _chosen(value: Any, schema: Schema, root: Schema, seed: str, name: str) -> Any:
    options = [schema["const"]] if "const" in schema else schema["enum"]
    if value in options:
        return value
    words = KIND_WORDS.get(value, _ACTIVITY) if isinstance(value, str) else ()
    return next((one for one in words if one in options), build_example(schema, root, seed, name))


def _text(value: str | date, schema: Schema) -> str:
    if isinstance(value, datetime):
        return _moment(value, schema)
    if isinstance(value, date):
        return value.isoformat()
    return value[: schema.get("maxLength")]


def _moment(value: datetime, schema: Schema) -> str:
    """A local time to the minute, unless the schema asks for another form."""
    usual, pattern = value.isoformat(timespec="minutes"), schema.get("pattern")
    if schema.get("format") in {"date-time", "time"}:
        return f"{value.isoformat(timespec='seconds')}Z"[11 if schema["format"] == "time" else 0 :]
    if pattern is None:
        return usual
    candidates = (usual, value.isoformat(timespec="seconds"), value.strftime("%H:%M"), value.strftime("%H:%M:%S"))
    return next((one for one in candidates if re.search(pattern, one)), usual)


def _number(value: Any, schema: Schema, root: Schema, seed: str, name: str) -> Any:
    if isinstance(value, dict):
        value = value.get("amount", value.get("total"))
    if not isinstance(value, int | float):
        return build_example(schema, root, seed, name)
    return int(value) if find_kind(schema) == "integer" else value
