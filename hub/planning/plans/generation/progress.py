"""The events of a making: how a planner's steps are told, and how they are read again by who goes on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hub.planning.plans.drafting.steps import Asking, Began, DayMade, Made, Restarted, Titled
from hub.planning.plans.model import Ground, PlanDay
from hub.planning.plans.records import Event, EventName, Kept

Told = tuple[EventName, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Grounded:
    """The first step, the hub's own: what is true about the place is known."""

    ground: Ground


@dataclass(slots=True)
class SoFar:
    """What there is of a plan that is being made."""

    planner: str = ""
    titled: Titled | None = None
    days: dict[date, PlanDay] = field(default_factory=dict)

    def keep(self, days: Iterable[str]) -> None:
        """A new beginning: all other days are void."""
        kept = {date.fromisoformat(one) for one in days}
        self.days = {day: one for day, one in self.days.items() if day in kept}


def so_far(events: Iterable[Event]) -> SoFar:
    """From all the events of a making, in their order."""
    found = SoFar()
    for one in events:
        if one.event == "day":
            day = PlanDay.model_validate(one.data)
            found.days[day.date] = day
        elif one.data.get("state") == "planning":
            found.planner = one.data["planner"]
        elif one.data.get("state") == "restarted":
            found.keep(one.data["keep"])
        elif one.data.get("state") == "titled":
            found.titled = Titled(**{name: one.data[name] for name in Titled.__slots__})
    return found


def told(step: Any, kept_days: Iterable[date]) -> Told:
    """One step as an event. `kept_days` are those that outlive a new beginning. Made is not told here."""
    match step:
        case Grounded(ground):
            return "status", _grounded(ground)
        case Began(planner):
            return "status", {"state": "planning", "planner": planner}
        case Titled():
            return "status", {"state": "titled"} | {name: getattr(step, name) for name in Titled.__slots__}
        case DayMade(day):
            return "day", day.model_dump(mode="json")
        case Restarted(because):
            keep = sorted(one.isoformat() for one in kept_days)
            return "status", {"state": "restarted", "because": because, "keep": keep}
        case Asking(days, why):
            return "status", {"state": "asking", "days": [one.isoformat() for one in days], "why": why}
    raise TypeError(f"{type(step).__name__} is no step of a making")


def resumed(days: Iterable[date]) -> Told:
    return "status", {"state": "resumed", "keep": sorted(one.isoformat() for one in days)}


def made(kept: Kept, step: Made) -> list[Told]:
    """The end of a making: the sums, and where the plan is now."""
    plan = step.plan
    done = {
        "id": str(kept.id),
        "version": kept.version + 1,
        "planner": plan.planner,
        "feasible": plan.feasible,
        "title": plan.title,
    }
    return [("budget", plan.budget.model_dump(mode="json")), ("done", done)]


def _grounded(ground: Ground) -> dict[str, Any]:
    return {
        "state": "grounded",
        "place": ground.place,
        "country": ground.country,
        "zone": ground.zone,
        "offers": len(ground.offers),
        "activities": len(ground.activities),
        "missing": list(ground.missing),
    }
