"""What comes in about plans."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, JsonValue, StringConstraints, Tag

from hub.core.errors import FieldError, InvalidRequest
from hub.core.money import CURRENCIES, Money
from hub.planning.plans import CreatePlan, DayEdit, ItemEdit, Kind, PlanChanges, PlanRequest, PlanVisibility
from routes.traveler.flights import LocationCode
from routes.web.endpoint_api import ApiModel
from routes.web.schemas import Currency

DEFAULT_MAX_AGE = 6 * 3600
"""Seconds for which a plan may be used again, where the request does not say."""
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def _local(text: str) -> str:
    """The clock of the place: an offset that comes back with what was shown is left out."""
    found = _LOCAL.fullmatch(text)
    if found is None:
        raise ValueError("a local time, such as 2026-12-01T09:30")
    return found[1]


LocalTime = Annotated[
    str,
    Field(max_length=40, examples=["2026-12-01T09:30"], json_schema_extra={"pattern": f"^{_LOCAL.pattern}$"}),
    AfterValidator(_local),
]
InterestWord = Annotated[str, StringConstraints(min_length=1, max_length=40)]
ShortText = Annotated[str, StringConstraints(max_length=160)]
LongText = Annotated[str, StringConstraints(max_length=600)]
ItemId = Annotated[str, StringConstraints(min_length=1, max_length=100)]
MajorAmount = Annotated[float, Field(ge=0, le=10**10)]
"""An amount in major units: 1500 and 1500.50 EUR."""
MinorAmount = Annotated[int, Field(ge=0, le=10**12)]


class AmountIn(ApiModel):
    amount: MinorAmount = Field(description="minor units")
    currency: Currency


BudgetIn = Annotated[
    Annotated[AmountIn, Tag("amount")] | Annotated[MajorAmount, Tag("number")],
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
    origin: LocationCode | None = Field(
        default=None, description="where the flights leave; without it none are looked for"
    )
    budget: BudgetIn | None = Field(
        default=None, description="for the whole party; a number is in major units of `currency`", examples=[1500]
    )
    currency: Currency | None = Field(default=None, description="of the plan; that of the budget, else EUR")
    interests: list[InterestWord] = Field(default=[], max_length=12)
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

    def to_create_plan(self, key: str | None) -> CreatePlan:
        may_be_old = self.cache or self.max_age is not None
        max_age = (DEFAULT_MAX_AGE if self.max_age is None else self.max_age) if may_be_old else None
        return CreatePlan(self._request(), max_age, self.notify, key)

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
        """Raises InvalidRequest for a currency or a fraction of it that there is not."""
        if self.budget is None or isinstance(self.budget, AmountIn):
            return Money(self.budget.amount, self.budget.currency) if self.budget is not None else None
        currency = self.currency or "EUR"
        if currency not in CURRENCIES:
            raise InvalidRequest(errors=(FieldError("/currency", "unknown_currency", "is no currency of ISO 4217"),))
        major = Decimal(str(self.budget))
        budget = Money.from_major(major, currency)
        if budget.major_amount != major:
            said = f"has more decimals than {currency} has"
            raise InvalidRequest(errors=(FieldError("/budget", "too_many_decimals", said),))
        return budget


def _either(given: date | None, short: date | None, name: str) -> date:
    """The date by its full or its short name.

    Raises InvalidRequest where it is missing, or given twice and not the same.
    """
    day = given if given is not None else short
    if day is None:
        raise InvalidRequest(errors=(FieldError(f"/{name}_date", "missing", "Field required"),))
    if short not in {None, day}:
        raise InvalidRequest(errors=(FieldError(f"/{name}", "contradiction", f"is another day than {name}_date"),))
    return day


Marks = Annotated[
    list[dict[str, JsonValue]],
    Field(default=[], max_length=100, description="as the hub shows them; they may be sent back, and change nothing"),
]


class ItemPatch(ApiModel):
    """What changes of an item. What comes from an offer or an activity (times of flights, prices) stays the hub's."""

    id: ItemId
    start: LocalTime | None = None
    end: LocalTime | None = None
    kind: Kind | None = None
    place: ShortText | None = None
    note: LongText | None = None
    cost: AmountIn | MinorAmount | None = Field(default=None, description="for the whole party; null: unknown")

    def to_item_edit(self) -> ItemEdit:
        given = {name: getattr(self, name) for name in self.model_fields_set - {"id"}}
        return ItemEdit(self.id, _fields({k: v for k, v in given.items() if k == "cost" or v is not None}))


class ItemIn(ApiModel):
    """An item of a whole day: with its `id` one that is there, without it a new one."""

    id: ItemId | None = None
    start: LocalTime
    end: LocalTime
    kind: Kind
    place: Annotated[str, StringConstraints(min_length=1, max_length=160)]
    note: LongText = ""
    cost: AmountIn | MinorAmount | None = None
    offer_id: ItemId | None = None
    activity_id: ItemId | None = None
    flights: Marks
    marks: Marks

    def to_item_edit(self) -> ItemEdit:
        names = [name for name in type(self).model_fields if name not in {"id", "flights", "marks"}]
        return ItemEdit(self.id, _fields({name: getattr(self, name) for name in names}))


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    cost = given.get("cost")
    return given | {"cost": cost.amount} if isinstance(cost, AmountIn) else given


class DayIn(ApiModel):
    """A whole day as it is to be."""

    date: date
    title: ShortText | None = None
    items: list[ItemIn] = Field(max_length=24)
    planner: ShortText | None = Field(default=None, description="as the hub shows it; it changes nothing")
    marks: Marks


class PlanEdit(ApiModel):
    """What changes of the version that you have seen. What you do not name stays as it is."""

    version: int = Field(ge=1, description="the version that you have seen")
    title: Annotated[str, StringConstraints(min_length=1, max_length=160)] | None = None
    summary: LongText | None = None
    packing: list[ShortText] | None = Field(default=None, max_length=20)
    tips: list[ShortText] | None = Field(default=None, max_length=20)
    days: list[DayIn] = Field(default=[], max_length=30)
    items: list[ItemPatch] = Field(default=[], max_length=200)
    remove: list[ItemId] = Field(default=[], max_length=200, description="ids of items")

    def to_plan_changes(self) -> PlanChanges:
        head = {name: getattr(self, name) for name in ("title", "summary", "packing", "tips")}
        days = tuple(
            DayEdit(one.date, one.title, tuple(item.to_item_edit() for item in one.items)) for one in self.days
        )
        return PlanChanges(
            self.version,
            {name: value for name, value in head.items() if value is not None},
            days,
            tuple(one.to_item_edit() for one in self.items),
            tuple(self.remove),
            frozenset(self._currencies()),
        )

    def _currencies(self) -> list[str]:
        costs = [one.cost for one in self.items] + [item.cost for day in self.days for item in day.items]
        return [one.currency for one in costs if isinstance(one, AmountIn)]


class WishIn(ApiModel):
    wish: Annotated[str, StringConstraints(min_length=2, max_length=1000)] = Field(examples=["a calmer second day"])


class VisibilityIn(ApiModel):
    visibility: PlanVisibility
