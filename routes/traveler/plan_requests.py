"""What comes in about plans."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, JsonValue, StringConstraints, Tag

from hub.core.errors import FieldError, Invalid
from hub.core.money import CURRENCIES, Money
from hub.planning.plans.edits import DayEdit, Edit, ItemEdit
from hub.planning.plans.model import Kind, PlanRequest
from hub.planning.plans.records import Visibility
from hub.planning.plans.service import Wanted
from routes.traveler.flights import Code
from routes.web.endpoint_api import ApiModel
from routes.web.schemas import Currency

MAX_AGE = 6 * 3600
"""Seconds for which a plan may be used again, where the request does not say."""
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def _local(text: str) -> str:
    """The clock of the place: an offset that comes back with what was shown is left out."""
    found = _LOCAL.fullmatch(text)
    if found is None:
        raise ValueError("a local time, such as 2026-12-01T09:30")
    return found[1]


Local = Annotated[
    str,
    Field(max_length=40, examples=["2026-12-01T09:30"], json_schema_extra={"pattern": f"^{_LOCAL.pattern}$"}),
    AfterValidator(_local),
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Short = Annotated[str, StringConstraints(max_length=160)]
Long = Annotated[str, StringConstraints(max_length=600)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Major = Annotated[float, Field(ge=0, le=10**10)]
"""An amount in major units: 1500 and 1500.50 EUR."""
Minor = Annotated[int, Field(ge=0, le=10**12)]


class AmountIn(ApiModel):
    amount: Minor = Field(description="minor units")
    currency: Currency


BudgetIn = Annotated[
    Annotated[AmountIn, Tag("amount")] | Annotated[Major, Tag("number")],
    Discriminator(lambda given: "amount" if isinstance(given, dict | AmountIn) else "number"),
]


class PlanIn(ApiModel):
    """A trip to plan. Dates are local at the destination, both included; at most 30 days.

    `start` and `end` are short for `start_date` and `end_date`; a `budget` that is a number is in major units of
    `currency`.
    """

    destination: Annotated[str, StringConstraints(min_length=2, max_length=120)] = Field(examples=["Lisbon"])
    start_date: date | None = Field(default=None, description="required, by this name or as `start`")
    end_date: date | None = Field(default=None, description="required, by this name or as `end`")
    start: date | None = Field(default=None, description="short for `start_date`")
    end: date | None = Field(default=None, description="short for `end_date`")
    adults: int = Field(default=1, ge=1, le=9)
    children: int = Field(default=0, ge=0, le=8)
    infants: int = Field(default=0, ge=0, le=8)
    origin: Code | None = Field(default=None, description="where the flights leave; without it none are looked for")
    budget: BudgetIn | None = Field(
        default=None, description="for the whole party; a number is in major units of `currency`", examples=[1500]
    )
    currency: Currency | None = Field(default=None, description="of the plan; that of the budget, else EUR")
    interests: list[Word] = Field(default=[], max_length=12)
    pace: Literal["calm", "normal", "full"] = "normal"
    notes: Annotated[str, StringConstraints(max_length=2000)] = ""
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")] = "en"
    notify: bool = Field(default=False, description="send a letter when it is ready, and go on when I leave")
    cache: bool = Field(default=False, description="a plan made for the same request will do; not with notes")
    max_age: int | None = Field(default=None, ge=0, le=7 * 86_400, description="seconds; implies `cache`")
    failing_days: Literal["replace", "keep"] = Field(
        default="replace",
        description="days that fail the checks after the repair: made anew by the built-in planner and labeled so, "
        "or kept as the language model has them, and marked",
    )

    def wanted(self, key: str | None) -> Wanted:
        may_be_old = self.cache or self.max_age is not None
        max_age = (MAX_AGE if self.max_age is None else self.max_age) if may_be_old else None
        return Wanted(self._request(), max_age, self.notify, key)

    def _request(self) -> PlanRequest:
        same = "destination adults children infants origin pace notes language".split()
        budget = self._budget()
        return PlanRequest(
            **{name: getattr(self, name) for name in same},
            start=_either(self.start_date, self.start, "start"),
            end=_either(self.end_date, self.end, "end"),
            interests=tuple(self.interests),
            budget=budget,
            currency=self.currency or (budget.currency if budget is not None else "EUR"),
            keep_failing_days=self.failing_days == "keep",
        )

    def _budget(self) -> Money | None:
        """Raises Invalid for a currency or a fraction of it that there is not."""
        if self.budget is None or isinstance(self.budget, AmountIn):
            return Money(self.budget.amount, self.budget.currency) if self.budget is not None else None
        currency = self.currency or "EUR"
        if currency not in CURRENCIES:
            raise Invalid(errors=(FieldError("/currency", "unknown_currency", "is no currency of ISO 4217"),))
        major = Decimal(str(self.budget))
        budget = Money.of(major, currency)
        if budget.major != major:
            said = f"has more decimals than {currency} has"
            raise Invalid(errors=(FieldError("/budget", "too_many_decimals", said),))
        return budget


def _either(given: date | None, short: date | None, name: str) -> date:
    """The date by its full or its short name. Raises Invalid where it is missing, or given twice and not the same."""
    day = given if given is not None else short
    if day is None:
        raise Invalid(errors=(FieldError(f"/{name}_date", "missing", "Field required"),))
    if short not in {None, day}:
        raise Invalid(errors=(FieldError(f"/{name}", "contradiction", f"is another day than {name}_date"),))
    return day


Marks = Annotated[
    list[dict[str, JsonValue]],
    Field(default=[], max_length=100, description="as the hub shows them; they may be sent back, and change nothing"),
]


class ItemPatch(ApiModel):
    """What changes of an item. What comes from an offer or an activity (times of flights, prices) stays the hub's."""

    id: Id
    start: Local | None = None
    end: Local | None = None
    kind: Kind | None = None
    place: Short | None = None
    note: Long | None = None
    cost: AmountIn | Minor | None = Field(default=None, description="for the whole party; null: unknown")

    def edit(self) -> ItemEdit:
        given = {name: getattr(self, name) for name in self.model_fields_set - {"id"}}
        return ItemEdit(self.id, _fields({k: v for k, v in given.items() if k == "cost" or v is not None}))


class ItemIn(ApiModel):
    """An item of a whole day: with its `id` one that is there, without it a new one."""

    id: Id | None = None
    start: Local
    end: Local
    kind: Kind
    place: Annotated[str, StringConstraints(min_length=1, max_length=160)]
    note: Long = ""
    cost: AmountIn | Minor | None = None
    offer_id: Id | None = None
    activity_id: Id | None = None
    flights: Marks
    marks: Marks

    def edit(self) -> ItemEdit:
        names = [name for name in type(self).model_fields if name not in {"id", "flights", "marks"}]
        return ItemEdit(self.id, _fields({name: getattr(self, name) for name in names}))


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    cost = given.get("cost")
    return given | {"cost": cost.amount} if isinstance(cost, AmountIn) else given


class DayIn(ApiModel):
    """A whole day as it is to be."""

    date: date
    title: Short | None = None
    items: list[ItemIn] = Field(max_length=24)
    planner: Short | None = Field(default=None, description="as the hub shows it; it changes nothing")
    marks: Marks


class PlanEdit(ApiModel):
    """What changes of the version that you have seen. What you do not name stays as it is."""

    version: int = Field(ge=1, description="the version that you have seen")
    title: Annotated[str, StringConstraints(min_length=1, max_length=160)] | None = None
    summary: Long | None = None
    packing: list[Short] | None = Field(default=None, max_length=20)
    tips: list[Short] | None = Field(default=None, max_length=20)
    days: list[DayIn] = Field(default=[], max_length=30)
    items: list[ItemPatch] = Field(default=[], max_length=200)
    remove: list[Id] = Field(default=[], max_length=200, description="ids of items")

    def edit(self) -> Edit:
        head = {name: getattr(self, name) for name in ("title", "summary", "packing", "tips")}
        days = tuple(DayEdit(one.date, one.title, tuple(item.edit() for item in one.items)) for one in self.days)
        return Edit(
            self.version,
            {name: value for name, value in head.items() if value is not None},
            days,
            tuple(one.edit() for one in self.items),
            tuple(self.remove),
            frozenset(self._currencies()),
        )

    def _currencies(self) -> list[str]:
        costs = [one.cost for one in self.items] + [item.cost for day in self.days for item in day.items]
        return [one.currency for one in costs if isinstance(one, AmountIn)]


class WishIn(ApiModel):
    wish: Annotated[str, StringConstraints(min_length=2, max_length=1000)] = Field(examples=["a calmer second day"])


class VisibilityIn(ApiModel):
    visibility: Visibility
