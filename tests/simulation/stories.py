"""Short plans, written out."""

from typing import Any

from simulation.campaign import PlanPlayer
from simulation.run_plan import PlannedEvent, RunPlan
from simulation.simulation_run import RunReport


def story(torture: PlanPlayer, *parts: PlannedEvent | tuple[PlannedEvent, ...]) -> RunReport:
    events = tuple(one for part in parts for one in (part if isinstance(part, tuple) else (part,)))
    return torture.play_plan(RunPlan(1, events, tuple(range(len(events)))))


def book(at: float = 1.0) -> PlannedEvent:
    return PlannedEvent("book", at, {"who": 0, "currency": "EUR"})


def pay(at: float, card: str = "pm_card_visa") -> PlannedEvent:
    return PlannedEvent("pay", at, {"who": 0, "card": card})


def fault(provider: str, method: str, path: str, kind: str, **more: Any) -> PlannedEvent:
    given = {"provider": provider, "method": method, "path": path, "kind": kind, "times": 1, "after_effect": False}
    return PlannedEvent("fault", 0.0, given | more)


def twice() -> tuple[PlannedEvent, ...]:
    """Every webhook comes once more, a while later."""
    return tuple(PlannedEvent("webhook", None, {"number": one, "fate": "twice", "seconds": 5.0}) for one in range(40))
