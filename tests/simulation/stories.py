"""Short plans, written out."""

from typing import Any

from simulation.campaign import Player
from simulation.plan import Event, Plan
from simulation.run import Report


def story(torture: Player, *parts: Event | tuple[Event, ...]) -> Report:
    events = tuple(one for part in parts for one in (part if isinstance(part, tuple) else (part,)))
    return torture.play(Plan(1, events, tuple(range(len(events)))))


def book(at: float = 1.0) -> Event:
    return Event("book", at, {"who": 0, "currency": "EUR"})


def pay(at: float, card: str = "pm_card_visa") -> Event:
    return Event("pay", at, {"who": 0, "card": card})


def fault(provider: str, method: str, path: str, kind: str, **more: Any) -> Event:
    given = {"provider": provider, "method": method, "path": path, "kind": kind, "times": 1, "after_effect": False}
    return Event("fault", 0.0, given | more)


def twice() -> tuple[Event, ...]:
    """Every webhook comes once more, a while later."""
    return tuple(Event("webhook", None, {"number": one, "fate": "twice", "seconds": 5.0}) for one in range(40))
