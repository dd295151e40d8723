"""The events of a making: how a planner's steps are told, and how they are read again by who goes on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hub.planning.plans.drafting.steps import (
    DayDrafted,
    DraftRestarted,
    PlanDrafted,
    PlanHeading,
    PlannerStarted,
    RepairStarted,
)
from hub.planning.plans.model import PlanContext, PlanDay
from hub.planning.plans.records import GenerationEvent, GenerationEventName, PlanRecord

EventPayload = tuple[GenerationEventName, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ContextCollected:
    """The first step, the hub's own: what is true about the place is known."""

    context: PlanContext


@dataclass(slots=True)
class GenerationProgress:
    """What there is of a plan that is being made."""

    planner: str = ""
    heading: PlanHeading | None = None
    days: dict[date, PlanDay] = field(default_factory=dict)

    def keep_days(self, days: Iterable[str]) -> None:
        """A new beginning: all other days are void."""
        kept = {date.fromisoformat(one) for one in days}
        self.days = {day: one for day, one in self.days.items() if day in kept}


def replay_events(events: Iterable[GenerationEvent]) -> GenerationProgress:
    """From all the events of a making, in their order."""
    found = GenerationProgress()
    for one in events:
        if one.event == "day":
            day = PlanDay.model_validate(one.data)
            found.days[day.date] = day
        elif one.data.get("state") == "planning":
            found.planner = one.data["planner"]
        elif one.data.get("state") == "restarted":
            found.keep_days(one.data["keep"])
        elif one.data.get("state") == "titled":
            found.heading = PlanHeading(**{name: one.data[name] for name in PlanHeading.__slots__})
    return found


def step_to_event(step: Any, kept_days: Iterable[date]) -> EventPayload:
    """One step as an event. `kept_days` are those that outlive a new beginning. Made is not told here."""
    match step:
        case ContextCollected(ground):
            return "status", _grounded(ground)
        case PlannerStarted(planner):
            return "status", {"state": "planning", "planner": planner}
        case PlanHeading():
            return "status", {"state": "titled"} | {name: getattr(step, name) for name in PlanHeading.__slots__}
        case DayDrafted(day):
            return "day", day.model_dump(mode="json")
        case DraftRestarted(because):
            keep = sorted(one.isoformat() for one in kept_days)
            return "status", {"state": "restarted", "because": because, "keep": keep}
        case RepairStarted(days, why):
            return "status", {"state": "asking", "days": [one.isoformat() for one in days], "why": why}
    raise TypeError(f"{type(step).__name__} is no step of a making")


def build_resumed_event(days: Iterable[date]) -> EventPayload:
    return "status", {"state": "resumed", "keep": sorted(one.isoformat() for one in days)}


def build_final_events(kept: PlanRecord, step: PlanDrafted) -> list[EventPayload]:
    """The end of a making: the sums, and where the plan is now."""
    plan = step.plan
    done = {
        "id": str(kept.id),
        "version": kept.version + 1,
        "planner": plan.planner,
        "feasible": plan.is_feasible,
        "title": plan.title,
    }
    return [("budget", plan.budget.model_dump(mode="json")), ("done", done)]


def _grounded(ground: PlanContext) -> dict[str, Any]:
    return {
        "state": "grounded",
        "place": ground.place,
        "country": ground.country,
        "zone": ground.zone,
        "offers": len(ground.offers),
        "activities": len(ground.activities),
        "missing": list(ground.missing),
    }
