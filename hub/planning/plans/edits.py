"""An edit, carried out: from a plan to the draft that the traveller wants, with every item known by its id."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from hub.core.errors import FieldError, InvalidRequest
from hub.planning.plans.conversion import day_to_draft
from hub.planning.plans.model import Draft, DraftDay, DraftItem, Plan, PlanDay, PlanItem


@dataclass(frozen=True, slots=True)
class ItemEdit:
    """`id` None is a new item. `fields` are those of DraftItem that change, or all of a new one."""

    id: str | None
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DayEdit:
    """A whole day as it is to be. `title` None leaves the title."""

    date: date
    title: str | None
    items: tuple[ItemEdit, ...]


@dataclass(frozen=True, slots=True)
class PlanChanges:
    """What changes of the version that the traveller has seen. `head` may have title, summary, packing and tips."""

    version: int
    head: dict[str, Any]
    days: tuple[DayEdit, ...] = ()
    items: tuple[ItemEdit, ...] = ()
    remove: tuple[str, ...] = ()
    currencies: frozenset[str] = frozenset()
    """Those in which costs are named; they have to be the plan's."""


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One item of a draft. `id` None until it has one."""

    id: str | None
    item: DraftItem


DraftLinesByDate = dict[date, list[DraftLine]]
_LOST = frozenset({"unknown_activity", "unreadable_time", "no_such_time", "negative_cost"})


def apply_changes(plan: Plan, edit: PlanChanges) -> tuple[Draft, DraftLinesByDate]:
    """The draft as the traveller wants it, not judged yet, and its lines. Raises InvalidRequest for unknown ids."""
    if edit.currencies - {plan.budget.currency}:
        wrong = FieldError("/items", "currency_mismatch", f"costs are in {plan.budget.currency}, as the plan")
        raise InvalidRequest(errors=(wrong,))
    known = draft_items_by_id(plan)
    _check_ids(edit, known.keys())
    titles = {one.date: one.title for one in plan.days}
    lines: DraftLinesByDate = {
        one.date: [DraftLine(item.id, known[item.id]) for item in one.items] for one in plan.days
    }
    for day in edit.days:
        titles[day.date] = day.title if day.title is not None else titles.get(day.date, "")
        lines[day.date] = [DraftLine(one.id, _item(known.get(one.id or ""), one.fields)) for one in day.items]
    changes = {one.id: one.fields for one in edit.items}
    for when, there in lines.items():
        left = [one for one in there if one.id is None or one.id not in edit.remove]
        lines[when] = [DraftLine(one.id, _item(one.item, changes.get(one.id, {}))) for one in left]
    days = [
        DraftDay(date=one.isoformat(), title=titles[one], items=[line.item for line in lines[one]])
        for one in sorted(lines)
    ]
    head = {name: getattr(plan, name) for name in ("title", "summary", "packing", "tips")} | edit.head
    return Draft(**head, days=days), lines


def draft_items_by_id(plan: Plan) -> dict[str, DraftItem]:
    """Its items by their ids, as a draft has them."""
    pairs = (pair for day in plan.days for pair in zip(day.items, day_to_draft(day).items, strict=True))
    return {item.id: draft for item, draft in pairs}


def restore_item_ids(judged: Plan, lines: DraftLinesByDate, before: Plan) -> Plan:
    """Each item of the judged plan with the id that it had before; new ones get one that nobody had.

    What an item was marked for and a draft cannot show, such as an id that nobody knew, stays while it is as it was.
    """
    old, was = {item.id: item for day in before.days for item in day.items}, draft_items_by_id(before)
    used = set(old)
    taken: set[str] = set()
    for number, day in enumerate(judged.days, 1):
        ids = _matched(day, lines.get(day.date, []))
        for place, item in enumerate(day.items):
            item.id = _fresh(ids.get(place), number, used, taken)
        for item, draft in zip(day.items, day_to_draft(day).items, strict=True):
            if was.get(item.id) == draft:
                here = {mark.code for mark in item.marks}
                item.marks += [mark for mark in old[item.id].marks if mark.code in _LOST and mark.code not in here]
    return judged


def _check_ids(edit: PlanChanges, known: Iterable[str]) -> None:
    there = set(known)
    named = [(f"/items/{n}/id", one.id) for n, one in enumerate(edit.items)]
    named += [(f"/remove/{n}", one) for n, one in enumerate(edit.remove)]
    for n, day in enumerate(edit.days):
        named += [(f"/days/{n}/items/{m}/id", one.id) for m, one in enumerate(day.items) if one.id is not None]
    errors = [
        FieldError(pointer, "unknown_item", "is no item of this plan") for pointer, id_ in named if id_ not in there
    ]
    if errors:
        raise InvalidRequest(errors=tuple(errors[:20]))


def _item(old: DraftItem | None, fields: dict[str, Any]) -> DraftItem:
    empty = {"note": "", "cost": None, "offer_id": None, "activity_id": None}
    return old.model_copy(update=fields) if old is not None else DraftItem(**empty | fields)


def _matched(day: PlanDay, lines: list[DraftLine]) -> dict[int, str | None]:
    """Which line each item was: the same thing at the same time, and what is left over in its order."""
    left = list(lines)
    found: dict[int, str | None] = {}
    for same in (_is_same, lambda _item, _line: True):
        for number, item in enumerate(day.items):
            line = next((one for one in left if same(item, one)), None) if number not in found else None
            if line is not None:
                left.remove(line)
                found[number] = line.id
    return found


def _is_same(item: PlanItem, line: DraftLine) -> bool:
    was = line.item
    cites = (item.offer_id, item.activity_id) == (was.offer_id, was.activity_id)
    return cites and item.kind == was.kind and f"{item.start:%Y-%m-%dT%H:%M}" == was.start and item.place == was.place


def _fresh(wanted: str | None, day: int, used: set[str], taken: set[str]) -> str:
    """The wanted id, unless another item has it already."""
    number = 1
    while wanted is None or wanted in taken:
        candidate = f"d{day}-{number}"
        wanted = candidate if candidate not in used else None
        used.add(candidate)
        number += 1
    taken.add(wanted)
    return wanted
