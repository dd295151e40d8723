"""A trip plan: what a model drafts, and what the hub keeps of it once every line has been checked.

A draft (Draft…) is what a model may say: local times without a zone, amounts in minor units of the plan's currency,
ids of what it was given. A plan (Plan…) is what the hub makes of it: times with their zone, prices and times of
flights from the offer and not from the model, sums that the hub has added up itself, and a mark on whatever failed a
check and could not be mended.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.core.money import Money

LongText = Annotated[str, StringConstraints(max_length=600)]
ShortText = Annotated[str, StringConstraints(max_length=160)]

MAX_PLAN_DAYS = 30
"""Days of one plan."""


class Kind(StrEnum):
    FLIGHT = "flight"
    TRANSFER = "transfer"
    STAY = "stay"
    FOOD = "food"
    SIGHT = "sight"
    TOUR = "tour"
    FREE = "free"


class DraftItem(BaseModel):
    """One thing to do. `start` and `end` are local, `YYYY-MM-DDTHH:MM`; `cost` for the whole party, minor units."""

    model_config = ConfigDict(extra="forbid")

    start: str
    end: str
    kind: Kind
    place: ShortText
    note: LongText
    cost: int | None
    offer_id: str | None
    activity_id: str | None


class DraftDay(BaseModel):
    """`date` is `YYYY-MM-DD`."""

    model_config = ConfigDict(extra="forbid")

    date: str
    title: ShortText
    items: list[DraftItem] = Field(max_length=24)


class Draft(BaseModel):
    """The whole answer of a model: the schema that it is held to. `days` come last, so that they can be shown as they
    arrive, under a title that is there already.
    """

    model_config = ConfigDict(extra="forbid")

    title: ShortText
    summary: LongText
    packing: list[ShortText] = Field(max_length=20)
    tips: list[ShortText] = Field(max_length=20)
    days: list[DraftDay] = Field(max_length=MAX_PLAN_DAYS)


class DraftDays(BaseModel):
    """The answer when single days are asked for again."""

    model_config = ConfigDict(extra="forbid")

    days: list[DraftDay] = Field(max_length=MAX_PLAN_DAYS)


class Mark(BaseModel):
    """A check that failed and could not be mended: shown with the plan, never hidden."""

    code: Literal[
        "date_outside", "missing_day", "twice", "unreadable_time", "no_such_time", "backwards", "overlap",
        "impossible_connection", "closed", "unknown_offer", "unknown_activity", "party_size", "currency",
        "over_budget", "negative_cost", "empty_day", "flights_over_budget",
    ]  # fmt: skip
    message: ShortText


class Amount(BaseModel):
    """Minor units of the currency."""

    amount: int
    currency: str

    @classmethod
    def from_money(cls, money: Money) -> "Amount":
        return cls(amount=money.amount, currency=money.currency)

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class FlightSegment(BaseModel):
    """One flight from take-off to landing, as the offer has it: `TP 1351`. Times with the offset of each airport."""

    number: str
    carrier: str
    airline: str = ""
    """The carrier's name, where it is known."""
    origin: str
    destination: str
    departs_at: datetime
    arrives_at: datetime


class PlanItem(BaseModel):
    """`id` is stable through edits: `d1-3`. Times with offset. `cost` None is unknown, not free.

    `flights` names each flight of an item of kind flight; one more than there are stops.
    """

    id: str
    start: datetime
    end: datetime
    kind: Kind
    place: str
    note: str
    cost: Amount | None = None
    offer_id: str | None = None
    activity_id: str | None = None
    flights: list[FlightSegment] = []
    marks: list[Mark] = []


class PlanDay(BaseModel):
    """`planner`: who made this day, where that is another than who made the plan."""

    date: date
    title: str
    items: list[PlanItem]
    marks: list[Mark] = []
    planner: str | None = None


class BudgetLine(BaseModel):
    """`unknown` counts the items whose cost nobody knows."""

    kind: Kind
    amount: int
    unknown: int = 0


class Budget(BaseModel):
    """Added up by the hub. `limit` None: the traveller named none. All in minor units of `currency`."""

    currency: str
    lines: list[BudgetLine]
    total: int
    limit: int | None = None


class Plan(BaseModel):
    """The document that is kept, shown, edited, printed. `planner` says who made it: a model's name or `built-in`."""

    title: str
    summary: str
    destination: str
    country: str | None = None
    """ISO 3166 alpha-2."""
    zone: str
    """IANA name of the destination's time zone."""
    days: list[PlanDay]
    budget: Budget
    packing: list[str] = []
    tips: list[str] = []
    marks: list[Mark] = []
    planner: str

    @property
    def is_feasible(self) -> bool:
        """Whether every check came out well."""
        return not self.marks and not any(day.marks or any(item.marks for item in day.items) for day in self.days)

    @property
    def offer_ids(self) -> list[str]:
        """The flight offers that it stands on, each once."""
        return list(dict.fromkeys(item.offer_id for day in self.days for item in day.items if item.offer_id))


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What the traveller wants. Dates are local at the destination, both included; at most LONGEST_STAY days.

    `budget` is for the whole party; `origin` an IATA code (None: no flights are looked for). `notes` are the
    traveler's own words: data, never instructions to the hub. `keep_failing_days`: days that fail a check after the
    repair stay as the model has them, marked; else the built-in planner's days take their place.
    """

    destination: str
    start: date
    end: date
    adults: int = 1
    children: int = 0
    infants: int = 0
    origin: str | None = None
    budget: Money | None = None
    currency: str = "EUR"
    interests: tuple[str, ...] = ()
    pace: Literal["calm", "normal", "full"] = "normal"
    notes: str = field(default="", repr=False)
    language: str = "en"
    keep_failing_days: bool = False

    @property
    def party_size(self) -> int:
        return self.adults + self.children + self.infants


@dataclass(frozen=True, slots=True)
class Activity:
    """Something to see or do at the place. `opens`/`closes` by weekday (Monday 0), `HH:MM`; no entry: closed.

    An empty `hours` means always open. `cost` a person, minor units of `currency`; None unknown. `minutes` it takes.
    """

    id: str
    name: str
    kind: Kind
    minutes: int
    hours: dict[int, tuple[str, str]] = field(default_factory=dict)
    cost: int | None = None
    currency: str = "EUR"
    tags: tuple[str, ...] = ()
    area: str = ""
    """The quarter of the town: what lies together is visited together."""


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What is true about the place and the time: all that a plan may stand on.

    `offers` are return offers of the flights noun as StoredOffer-like JSON with their id; `currency` of the plan.
    """

    place: str
    country: str | None
    zone: str
    code: str | None
    """IATA code of the place, where it has one."""
    currency: str
    offers: tuple[Any, ...] = ()
    """hub.supply.flights.FlightOffer: best first, a handful."""
    activities: tuple[Activity, ...] = ()
    facts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """What could not be asked, in words for the traveller: `flights: the supplier did not answer`."""
