"""The steps by which a plan is made, in the order in which they come: what a reader sees of it as it grows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hub.planning.plans.model import Plan, PlanDay


@dataclass(frozen=True, slots=True)
class PlannerStarted:
    """A planner has begun: a model's name, or `built-in`."""

    planner: str


@dataclass(frozen=True, slots=True)
class PlanHeading:
    title: str
    summary: str
    packing: list[str]
    tips: list[str]


@dataclass(frozen=True, slots=True)
class DayDrafted:
    """May come again for the same date: the later one replaces the earlier."""

    day: PlanDay


@dataclass(frozen=True, slots=True)
class DraftRestarted:
    """The days so far are void, but those that were given to be kept."""

    because: str


@dataclass(frozen=True, slots=True)
class RepairStarted:
    """These days have failed a check and are asked again; `problems` in words."""

    days: list[date]
    problems: list[str]


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """One model's part. `cost` in micro-units (millionths of the currency's major unit)."""

    model: str
    input_tokens: int
    output_tokens: int
    cost: int
    currency: str


@dataclass(frozen=True, slots=True)
class PlanDrafted:
    """The end. `check_results`: what the checks have said, before and after; without personal data."""

    plan: Plan
    model_usage: list[ModelUsage] = field(default_factory=list)
    check_results: list[Mapping[str, Any]] = field(default_factory=list)


DraftingStep = PlannerStarted | PlanHeading | DayDrafted | DraftRestarted | RepairStarted | PlanDrafted
