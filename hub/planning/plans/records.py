"""What is kept of a plan: its row, its versions, and the events of its making."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from asyncpg import Record

from hub.planning.plans.model import Plan, PlanRequest
from hub.planning.plans.request import request_from_json

PlanStatus = Literal["making", "ready", "failed"]
PlanVisibility = Literal["private", "link", "public"]
VersionReason = Literal["made", "partial", "edited", "refined", "restored"]
GenerationEventName = Literal["status", "day", "budget", "done", "error"]


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """The row of a plan, without its document. `version` 0: there is no document yet. `lease` is one's own, if any.

    `model` is the language model that made it, None for the built-in planner. `cached_at` is when the plan was made
    that this one is a copy of.
    """

    id: UUID
    customer_id: UUID
    status: PlanStatus
    visibility: PlanVisibility
    share_token: str | None = field(repr=False)
    version: int
    title: str
    destination: str
    starts_on: date
    ends_on: date
    planner: str | None
    model: str | None
    failure: str | None
    notify: bool
    lease: UUID | None
    cached_at: datetime | None
    created_at: datetime
    updated_at: datetime
    ready_at: datetime | None
    fingerprint: bytes | None = field(repr=False)
    request: PlanRequest = field(repr=False)

    @classmethod
    def from_row(cls, row: Record, lease: UUID | None = None) -> Self:
        names = [name for name in cls.__slots__ if name not in {"request", "lease"}]
        return cls(**{name: row[name] for name in names}, request=request_from_json(row["request"]), lease=lease)


@dataclass(frozen=True, slots=True)
class VersionUsage:
    """What a version has cost. `cost` in millionths of the currency's major unit; 0 for what no model was asked."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class PlanVersion:
    version: int
    plan: Plan
    reason: VersionReason
    by: str
    """`customer`, or the planner's name."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlanVersionSummary:
    """One line of a plan's history."""

    version: int
    title: str
    reason: VersionReason
    by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as somebody may see it. `own`: by who it belongs to."""

    record: PlanRecord
    version: PlanVersion
    usage: VersionUsage
    own: bool

    @property
    def plan(self) -> Plan:
        return self.version.plan


@dataclass(frozen=True, slots=True)
class GenerationEvent:
    """One event of a making, as its readers are sent it. `seq` counts from 1 in each plan."""

    seq: int
    event: GenerationEventName
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlanStatistics:
    """`days` of all ready plans together."""

    plans: int
    ready: int
    making: int
    failed: int
    public: int
    shared: int
    days: int
    last_ready_at: datetime | None
    destinations: tuple[tuple[str, int], ...]
    """The five most planned for, with how many plans."""
