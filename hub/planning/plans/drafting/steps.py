"""The steps by which a plan is made, in the order in which they come: what a reader sees of it as it grows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hub.planning.plans.model import Plan, PlanDay


@dataclass(frozen=True, slots=True)
class Began:
    """A planner has begun: a model's name, or `built-in`."""

    planner: str


@dataclass(frozen=True, slots=True)
class Titled:
    title: str
    summary: str
    packing: list[str]
    tips: list[str]


@dataclass(frozen=True, slots=True)
class DayMade:
    """May come again for the same date: the later one replaces the earlier."""

    day: PlanDay


@dataclass(frozen=True, slots=True)
class Restarted:
    """The days so far are void, but those that were given to be kept."""

    because: str


@dataclass(frozen=True, slots=True)
class Asking:
    """These days have failed a check and are asked again; `why` in words."""

    days: list[date]
    why: list[str]


@dataclass(frozen=True, slots=True)
class Used:
    """One model's part. `cost` in micro-units (millionths of the currency's major unit)."""

    model: str
    input_tokens: int
    output_tokens: int
    cost: int
    currency: str


@dataclass(frozen=True, slots=True)
class Made:
    """The end. `checks`: what the checks have said, before and after; without personal data."""

    plan: Plan
    models: list[Used] = field(default_factory=list)
    checks: list[Mapping[str, Any]] = field(default_factory=list)


Step = Began | Titled | DayMade | Restarted | Asking | Made
