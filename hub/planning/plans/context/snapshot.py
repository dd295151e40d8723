"""What a plan stands on, kept with it: an edit or a wish is judged by the same offers and hours as the plan was."""

from typing import Any

from pydantic import TypeAdapter

from hub.planning.plans.model import Activity, PlanContext
from hub.supply.flights import offer_from_json, offer_to_json

_ACTIVITIES: TypeAdapter[tuple[Activity, ...]] = TypeAdapter(tuple[Activity, ...])
_PLAIN = ("place", "country", "zone", "code", "currency")


def context_to_json(ground: PlanContext) -> dict[str, Any]:
    """With the suppliers' own tokens: never shown."""
    return {name: getattr(ground, name) for name in _PLAIN} | {
        "offers": [offer_to_json(one) for one in ground.offers],
        "activities": _ACTIVITIES.dump_python(ground.activities, mode="json"),
        "facts": list(ground.facts),
        "missing": list(ground.missing),
    }


def context_from_json(kept: dict[str, Any]) -> PlanContext:
    return PlanContext(
        **{name: kept[name] for name in _PLAIN},
        offers=tuple(offer_from_json(one) for one in kept["offers"]),
        activities=_ACTIVITIES.validate_python(kept["activities"]),
        facts=tuple(kept["facts"]),
        missing=tuple(kept["missing"]),
    )


def list_given_ids(ground: PlanContext) -> dict[str, Any]:
    """For the story of a plan: which offers and activities the planner was given."""
    activities = [one.id for one in ground.activities]
    return {"offers": [one.id for one in ground.offers], "activities": activities, "missing": list(ground.missing)}
