"""The checks: a draft goes in, and comes out as a plan whose every line has been looked at.

Times and prices of flights are the offer's, prices of activities the ground's, sums the hub's. What fails is marked
where it fails. Pure: the same draft, request and ground give the same plan.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from hub.core.money import Money
from hub.planning.plans.model import Draft, DraftDay, Mark, Plan, PlanContext, PlanDay, PlanRequest
from hub.planning.plans.rules.costs import (
    calculate_excess,
    calculate_optional_cost,
    list_budget_marks,
    list_flight_marks,
    sum_budget,
)
from hub.planning.plans.rules.frame import TripFrame
from hub.planning.plans.rules.items import FlownLegs, check_item
from hub.planning.plans.rules.journeys import mark_area_changes, mark_empty_days, mark_flights, mark_overlaps
from hub.planning.plans.rules.texts import sanitize_line, sanitize_text
from hub.planning.plans.rules.times import format_long_date, parse_date, spell_out_dates

EMPTY_DRAFT = Draft(title="", summary="", packing=[], tips=[], days=[])
"""For days that are checked without a plan around them."""
_LOST = frozenset({"unknown_activity", "unreadable_time", "no_such_time", "negative_cost"})


def check_draft(draft: Draft, request: PlanRequest, ground: PlanContext, *, planner: str = "") -> Plan:
    """The plan, with a mark on whatever is wrong. Every date of the request has a day, in order."""
    frame = TripFrame.from_request(request, ground)
    found, marks = _by_date(draft.days, frame)
    days = _days(found, frame)
    items = [item for day in days for item in day.items]
    budget = sum_budget(items, frame)
    place = sanitize_line(ground.place) or sanitize_line(request.destination)
    return Plan(
        title=sanitize_line(draft.title) or place,
        summary=sanitize_text(spell_out_dates(draft.summary, request.language)),
        destination=place,
        country=ground.country,
        zone=ground.zone,
        days=days,
        budget=budget,
        packing=_lines(draft.packing),
        tips=_lines(spell_out_dates(tip, request.language) for tip in draft.tips),
        marks=[*marks, *list_budget_marks(budget, frame), *list_flight_marks(items, frame)],
        planner=sanitize_line(planner),
    )


def check_day(
    day: DraftDay, request: PlanRequest, ground: PlanContext, others: Iterable[DraftDay] = ()
) -> PlanDay | None:
    """One day, among those that are there already. None when it is none of the trip."""
    wanted = parse_date(day.date)
    before = [one for one in others if one.date != day.date]
    plan = check_draft(EMPTY_DRAFT.model_copy(update={"days": [*before, day]}), request, ground)
    return next((one for one in plan.days if one.date == wanted), None)


def list_failing_dates(plan: Plan) -> list[date]:
    """The days that are to be asked again: those with a mark, and the dearest when the plan costs too much."""
    return [day for day, _ in list_problems(plan)]


def list_problems(plan: Plan) -> list[tuple[date, list[str]]]:
    """What is wrong with each day that has to be asked again, in words."""
    dear = _dearest(plan)
    over = Money(calculate_excess(plan), plan.budget.currency).display
    found = []
    for day in plan.days:
        said = [mark.message for mark in day.marks]
        said += [f"{item.place[:60]}: {mark.message}" for item in day.items for mark in item.marks]
        if day.date in dear:
            said.append(f"The plan costs {over} more than the budget: choose cheaper or free things on this day.")
        if said:
            found.append((day.date, said))
    return found


def count_marks(plan: Plan) -> int:
    """How many marks it has."""
    return len(plan.marks) + sum(len(day.marks) + sum(len(one.marks) for one in day.items) for day in plan.days)


def count_marks_by_code(plan: Plan) -> dict[str, int]:
    """How often each check has failed."""
    found: dict[str, int] = {}
    days = [mark for day in plan.days for mark in day.marks]
    items = [mark for day in plan.days for item in day.items for mark in item.marks]
    for mark in (*plan.marks, *days, *items):
        found[mark.code] = found.get(mark.code, 0) + 1
    return found


def carry_over_marks(before: Iterable[PlanDay], plan: Plan) -> Plan:
    """The plan with the marks of days that have come through a draft unchanged, where a draft could not show why.

    An id that nobody knew and a time that nobody could read are not in the plan's items, and so not in its draft.
    """
    now = {day.date: day for day in plan.days}
    for old in before:
        now[old.date].planner = old.planner
        for was, item in zip(old.items, now[old.date].items, strict=False):
            here = {mark.code for mark in item.marks}
            item.marks += [mark for mark in was.marks if mark.code in _LOST and mark.code not in here]
    return plan


def _dearest(plan: Plan) -> set[date]:
    """The fewest days on which so much is optional that the plan could come within its limit."""
    over, found = calculate_excess(plan), set[date]()
    by_cost = {
        day.date: sum(calculate_optional_cost(item, plan.budget.currency) for item in day.items) for day in plan.days
    }
    for day in sorted(by_cost, key=lambda one: (-by_cost[one], one)):
        if over <= 0 or by_cost[day] == 0:
            break
        found.add(day)
        over -= by_cost[day]
    return found


def _by_date(days: Sequence[DraftDay], frame: TripFrame) -> tuple[dict[date, list[DraftDay]], list[Mark]]:
    """What lies outside the trip is left out, and said."""
    found: dict[date, list[DraftDay]] = {}
    marks = []
    for day in days:
        when = parse_date(day.date)
        if when in frame.dates:
            found.setdefault(when, []).append(day)
        else:
            said = f"A day on {format_long_date(when)} is outside the trip" if when else "A day without a readable date"
            marks.append(Mark(code="date_outside", message=f"{said} was left out."))
    return found, marks


def _days(found: dict[date, list[DraftDay]], frame: TripFrame) -> list[PlanDay]:
    flown = FlownLegs()
    days = [_day(number, when, found.get(when, []), frame, flown) for number, when in enumerate(frame.dates, 1)]
    mark_overlaps(days)
    mark_flights(days, frame)
    mark_area_changes(days, frame.activities)
    mark_empty_days(days, frame)
    return days


def _day(number: int, when: date, drafts: Sequence[DraftDay], frame: TripFrame, flown: FlownLegs) -> PlanDay:
    """Of two drafts of a day the first counts."""
    if not drafts:
        missing = Mark(code="missing_day", message="The plan has nothing for this day.")
        return PlanDay(date=when, title=f"{when:%A}", items=[], marks=[missing])
    marks = [Mark(code="twice", message="The day was there twice; this is the first.")] if len(drafts) > 1 else []
    items = [check_item(one, when, frame, flown) for one in drafts[0].items]
    items.sort(key=lambda one: (one.start, one.end))
    for place, item in enumerate(items, 1):
        item.id = f"d{number}-{place}"
    return PlanDay(date=when, title=sanitize_line(drafts[0].title) or f"{when:%A}", items=items, marks=marks)


def _lines(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found for one in texts if (found := sanitize_line(one))))[:20]
