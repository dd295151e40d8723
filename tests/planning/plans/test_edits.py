"""What holds for every edit and every redaction, whatever is edited and whoever has written it."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as some

from hub.planning.plans.edits import DayEdit, ItemEdit, PlanChanges, apply_changes, restore_item_ids
from hub.planning.plans.model import Plan
from hub.planning.plans.request import fold_text, redact_names, request_from_json, request_to_json, to_search_query
from hub.planning.plans.rules.checker import check_draft
from tests.planning.plans.keeping import LISBON, START, draft, item, request

PLAN = check_draft(draft(request()), request(), LISBON, planner="x")
IDS = [one.id for day in PLAN.days for one in day.items]


def new(day: date, hour: int) -> ItemEdit:
    return ItemEdit(None, dict(item(day, hour)))


HOURS = some.integers(0, 22)
DAYS = some.sampled_from([START + timedelta(days=n) for n in range(3)])
EDITS = some.builds(
    PlanChanges,
    some.just(1),
    some.just({}),
    some.lists(
        some.builds(
            lambda day, kept, hours: DayEdit(
                day, None, (*(ItemEdit(one, {}) for one in kept), *(new(day, one) for one in hours))
            ),
            DAYS, some.lists(some.sampled_from(IDS), unique=True), some.lists(HOURS, max_size=4),
        ),
        max_size=3,
    ).map(tuple),
    some.lists(some.builds(ItemEdit, some.sampled_from(IDS), some.just({"note": "new"})), max_size=3).map(tuple),
    some.lists(some.sampled_from(IDS), max_size=3).map(tuple),
)  # fmt: skip


def after(edit: PlanChanges) -> Plan:
    wanted, lines = apply_changes(PLAN, edit)
    return restore_item_ids(check_draft(wanted, request(), LISBON), lines, PLAN)


@given(EDITS)
def test_each_item_has_an_id_of_its_own_whatever_is_edited(edit: PlanChanges):
    found = [one.id for day in after(edit).days for one in day.items]
    assert len(found) == len(set(found))
    assert not set(edit.remove) & set(found)


@given(EDITS)
def test_the_sum_is_always_that_of_the_items(edit: PlanChanges):
    plan = after(edit)
    costs = [one.cost.amount for day in plan.days for one in day.items if one.cost is not None]
    assert plan.budget.total == sum(costs)


def test_an_item_that_nobody_touched_is_as_it_was():
    plan = after(PlanChanges(1, {"title": "Ours"}))
    assert (plan.title, plan.days, plan.budget) == ("Ours", PLAN.days, PLAN.budget)


@given(some.text())
def test_a_question_for_the_index_is_words_and_nothing_else(text: str):
    asked = to_search_query(text)
    assert asked is None or all(one.removesuffix(":*").isalnum() for one in asked.split(" & "))
    assert fold_text(fold_text(text)) == fold_text(text)


@given(some.text(), some.text())
def test_a_name_is_taken_out_wherever_it_stands(before: str, behind: str):
    said = redact_names(f"{before} LOVELACE's {behind}", ["Ada Lovelace"])
    assert "lovelace" not in fold_text(said).split()


def test_a_request_of_an_earlier_release_is_still_the_same_request():
    """A repeated Idempotency-Key and a cached plan are found by the document of the request."""
    assert "keep_failing_days" not in request_to_json(request())
    for wanted in (request(), request(keep_failing_days=True)):
        assert request_from_json(request_to_json(wanted)) == wanted
