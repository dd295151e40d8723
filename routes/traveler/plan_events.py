"""The events of a plan's stream as types, for the OpenAPI document: what `event:` and `data:` hold."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from hub.planning.plans import Budget, PlanDay
from routes.traveler.plan_schemas import PlanOut
from routes.web.endpoint_api import ApiModel


class Grounded(ApiModel):
    """The facts about the place are known."""

    state: Literal["grounded"]
    place: str = Field(examples=["Lisbon"])
    country: str = Field(examples=["PT"])
    zone: str = Field(examples=["Europe/Lisbon"])
    offers: int
    activities: int
    missing: list[str] = Field(description="what could not be looked up")


class Planning(ApiModel):
    """A planner has begun."""

    state: Literal["planning"]
    planner: str = Field(examples=["built-in"])


class Titled(ApiModel):
    """The head of the plan."""

    state: Literal["titled"]
    title: str
    summary: str
    packing: list[str]
    tips: list[str]


class Asking(ApiModel):
    """Single days are asked for again."""

    state: Literal["asking"]
    days: list[date]
    why: str


class Restarted(ApiModel):
    """A new beginning: all days are void but those in `keep`."""

    state: Literal["restarted"]
    because: str
    keep: list[date]


class Resumed(ApiModel):
    """An interrupted plan goes on: all days are void but those in `keep`."""

    state: Literal["resumed"]
    keep: list[date]


Status = Annotated[Grounded | Planning | Titled | Asking | Restarted | Resumed, Field(discriminator="state")]


class StatusEvent(ApiModel):
    event: Literal["status"]
    data: Status


class DayEvent(ApiModel):
    """A day is ready. It may come again when it is made anew."""

    event: Literal["day"]
    data: PlanDay


class BudgetEvent(ApiModel):
    event: Literal["budget"]
    data: Budget


class DoneEvent(ApiModel):
    """The end: the whole plan, as POST /api/plan answers."""

    event: Literal["done"]
    data: PlanOut


class FieldProblem(ApiModel):
    pointer: str
    code: str
    message: str
    suggestion: str | None = None


class StreamProblem(ApiModel):
    code: str = Field(examples=["plan_abandoned"])
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(default=[])
    retry_after: float | None = None


class ErrorEvent(ApiModel):
    """The end: why there is no plan."""

    event: Literal["error"]
    data: StreamProblem


PlanEvent = Annotated[StatusEvent | DayEvent | BudgetEvent | DoneEvent | ErrorEvent, Field(discriminator="event")]
