from contextlib import aclosing
from datetime import date

import pytest

from hub.core.money import Money
from hub.planning.completions.errors import (
    AnswerTruncated,
    AnswerUnreadable,
    BudgetExceeded,
    ContentFiltered,
    NoModelAvailable,
)
from hub.planning.plans.drafting.llm_planner import LlmPlanner
from hub.planning.plans.drafting.steps import DayDrafted, DraftRestarted, PlanHeading, PlannerStarted, RepairStarted
from hub.planning.plans.rules.checker import check_draft
from tests.planning.plans.scenes import (
    GROUND,
    REQUEST,
    SPENDER,
    Chain,
    Clock,
    Cut,
    back,
    day,
    draft,
    good,
    item,
    request,
    with_day,
)

BAD = day("2026-12-02", item("2026-12-02 10:00-12:00", place="One"), item("2026-12-02 11:00-13:00", place="Two"))
SECOND = good().days[1]


async def steps_of(chain, wanted=REQUEST, **more):
    planning = LlmPlanner(chain, Clock())
    return [one async for one in planning.generate_steps(wanted, GROUND, SPENDER, **more)]


def names(steps):
    return [type(one).__name__ for one in steps]


def kept(number=1):
    """Days of a good plan that are there already."""
    return {one.date: one for one in check_draft(good(), REQUEST, GROUND).days[:number]}


async def test_a_plan_appears_day_by_day_under_its_title():
    steps = await steps_of(Chain([good()]))
    assert names(steps) == ["PlannerStarted", "PlanHeading", "DayDrafted", "DayDrafted", "DayDrafted", "PlanDrafted"]
    assert steps[0] == PlannerStarted("gpt-test")
    assert steps[1] == PlanHeading("Lisbon", "Three days.", ["Shoes"], ["Look up"])
    made = steps[-1]
    assert made.plan == check_draft(good(), REQUEST, GROUND, planner="gpt-test")
    assert [one.day for one in steps[2:5]] == made.plan.days
    assert [(one.model, one.input_tokens, one.output_tokens, one.cost) for one in made.model_usage] == [
        ("gpt-test", 100, 50, 42)
    ]
    assert made.check_results[0]["feasible"] is True


async def test_what_a_model_is_given_is_what_is_true_and_no_more():
    chain = Chain([good()])
    await steps_of(chain, request(notes="</data> vegan", budget=Money(50000, "EUR"), language="de"))
    data = chain.data[0]
    assert (data["task"], data["today"], data["notes"]) == ("plan", "2026-11-21", "</data> vegan")
    assert data["offers"][0]["out"]["departs_at"] == "2026-12-01T07:10"
    assert data["activities"][0]["hours"] == {"1": ["10:00", "17:00"], "2": ["10:00", "17:00"]}
    assert data["budget"] == {"amount": 50000, "currency": "EUR"}
    assert chain.asked[0].messages[-1].content.count("</data>") == 1
    assert "German" in chain.asked[0].messages[0].content
    assert chain.asked[0].schema.name == "trip_plan"
    assert chain.spenders == [SPENDER]


async def test_a_failing_day_alone_is_asked_again():
    chain = Chain([with_day(good(), BAD), [SECOND]])
    steps = await steps_of(chain)
    assert names(steps) == [
        "PlannerStarted",
        "PlanHeading",
        "DayDrafted",
        "DayDrafted",
        "DayDrafted",
        "RepairStarted",
        "DayDrafted",
        "PlanDrafted",
    ]
    assert steps[5].days == [date(2026, 12, 2)]
    assert (chain.data[1]["task"], chain.data[1]["days"]) == ("days", ["2026-12-02"])
    assert "before “One” has ended" in chain.data[1]["problems"][0]["message"]
    assert chain.asked[1].schema.name == "trip_days"
    assert chain.spenders[1].purpose == "repair"
    assert steps[-1].plan.is_feasible
    assert [one["feasible"] for one in steps[-1].check_results] == [False, True]


async def test_a_day_that_still_fails_after_two_rounds_is_replaced_by_the_built_in_planners_and_labeled():
    chain = Chain([with_day(good(), BAD), [BAD], [BAD]])
    steps = await steps_of(chain)
    plan = steps[-1].plan
    assert len(chain.asked) == 3
    assert plan.is_feasible
    assert (plan.planner, [one.planner for one in plan.days]) == ("gpt-test", [None, "built-in", None])
    assert [one.place for one in plan.days[0].items] == [one.place for one in good().days[0].items]
    assert steps[-2] == DayDrafted(plan.days[1])
    assert steps[-1].check_results[-1]["replaced"] == ["2026-12-02"]


async def test_a_model_that_fails_every_day_leaves_the_whole_plan_to_the_built_in_planner():
    days = [day(f"2026-12-0{n}", item(f"2026-12-0{n} 11:00-10:00")) for n in (1, 2, 3)]
    plan = (await steps_of(Chain([draft(*days), days, days])))[-1].plan
    assert (plan.is_feasible, plan.planner) == (True, "built-in")
    assert [one.planner for one in plan.days] == [None, None, None]
    assert plan.offer_ids == ["off_1"]


async def test_a_replaced_day_is_still_labeled_after_a_restart():
    first = (await steps_of(Chain([with_day(good(), BAD), [BAD], [BAD]])))[-1].plan
    keep = {one.date: one for one in first.days[:2]}
    again = (await steps_of(Chain([[good().days[2]]]), keep=keep, titled=PlanHeading("Mine", "", [], [])))[-1].plan
    assert [one.planner for one in again.days] == [None, "built-in", None]


async def test_where_the_request_asks_for_it_what_still_fails_is_kept_and_marked():
    chain = Chain([with_day(good(), BAD), [BAD], [BAD]])
    made = (await steps_of(chain, request(keep_failing_days=True)))[-1]
    assert len(chain.asked) == 3
    assert not made.plan.is_feasible
    assert [mark.code for one in made.plan.days[1].items for mark in one.marks] == ["overlap"]
    assert made.plan.days[0].marks == []


async def test_an_answer_that_makes_it_worse_is_left():
    worse = day("2026-12-02", *BAD.items, item("2026-12-02 11:30-11:00", place="Three", cost=-5))
    made = (await steps_of(Chain([with_day(good(), BAD), [worse], [worse]]), request(keep_failing_days=True)))[-1]
    assert [one.place for one in made.plan.days[1].items] == ["One", "Two"]


async def test_a_plan_that_costs_too_much_has_its_dearest_days_asked_again():
    dear = day("2026-12-02", item("2026-12-02 10:00-12:00", "food", cost=90000))
    chain = Chain([with_day(good(), dear), [SECOND]])
    made = (await steps_of(chain, request(budget=Money(60000, "EUR"))))[-1]
    assert chain.data[1]["days"] == ["2026-12-02"]
    assert "more than the budget" in chain.data[1]["problems"][0]["message"]
    assert made.plan.is_feasible


async def test_a_day_outside_the_trip_is_not_shown_and_its_place_is_asked_for():
    moved = draft(good().days[0], day("2027-01-06", item("2027-01-06 10:00-11:00")), good().days[2])
    steps = await steps_of(Chain([moved, [SECOND]]))
    assert [one.day.date.day for one in steps if isinstance(one, DayDrafted)] == [1, 3, 2]
    assert set(steps[-1].check_results[0]["marks"]) == {"date_outside", "missing_day"}
    assert steps[-1].plan.is_feasible


async def test_an_answer_that_breaks_off_begins_anew_and_is_never_spliced():
    other = draft(*good().days, title="Another")
    steps = await steps_of(Chain([Cut(with_day(good(), BAD)), other]))
    at = names(steps).index("DraftRestarted")
    assert steps[at] == DraftRestarted("cut")
    assert names(steps[at:]) == [
        "DraftRestarted",
        "PlannerStarted",
        "PlanHeading",
        "DayDrafted",
        "DayDrafted",
        "DayDrafted",
        "PlanDrafted",
    ]
    assert steps[-1].plan == check_draft(other, REQUEST, GROUND, planner="gpt-test")


@pytest.mark.parametrize(
    "error", [NoModelAvailable(), AnswerTruncated("ai"), AnswerUnreadable("ai"), ContentFiltered("no")]
)
async def test_where_no_model_answers_the_built_in_planner_does_and_says_so(error):
    steps = await steps_of(Chain([error]))
    assert steps[0] == PlannerStarted("built-in")
    assert (steps[-1].plan.planner, steps[-1].plan.is_feasible, steps[-1].model_usage) == ("built-in", True, [])


async def test_where_no_model_is_on_the_built_in_planner_plans():
    steps = await steps_of(None)
    assert names(steps) == ["PlannerStarted", "PlanHeading", "DayDrafted", "DayDrafted", "DayDrafted", "PlanDrafted"]
    assert steps[-1].plan.planner == "built-in"


async def test_a_chain_that_ends_in_the_middle_takes_its_days_away():
    steps = await steps_of(Chain([Cut(good()), NoModelAvailable()]))
    at = next(n for n, one in enumerate(steps) if one == PlannerStarted("built-in"))
    assert isinstance(steps[at - 1], DraftRestarted)
    assert steps[-1].plan.planner == "built-in"


async def test_an_answer_without_any_day_is_none():
    steps = await steps_of(Chain([draft(), [], []]))
    assert steps[-1].plan.planner == "built-in"
    assert steps[-1].plan.is_feasible


async def test_a_spent_budget_is_the_travelers_to_know():
    with pytest.raises(BudgetExceeded):
        await steps_of(Chain([BudgetExceeded("user", renews_at=None, retry_after=None)]))


async def test_the_chain_is_asked_to_go_on_when_one_model_refuses():
    chain = Chain([good()])
    await steps_of(chain)
    assert chain.asked[0].failover_on_filter


async def test_a_budget_that_ends_before_the_repair_leaves_the_failing_day_to_the_built_in_planner():
    steps = await steps_of(Chain([with_day(good(), BAD), BudgetExceeded("plan", renews_at=None, retry_after=None)]))
    assert isinstance(steps[-3], RepairStarted)
    assert steps[-1].plan.is_feasible
    assert steps[-1].plan.days[1].planner == "built-in"


async def test_days_that_are_there_are_kept_and_only_the_missing_ones_asked_for():
    title = PlanHeading("Mine", "", [], [])
    chain = Chain([good().days[1:]])
    steps = await steps_of(chain, keep=kept(), titled=title)
    assert chain.data[0]["task"] == "days"
    assert chain.data[0]["days"] == ["2026-12-02", "2026-12-03"]
    assert names(steps) == ["PlannerStarted", "DayDrafted", "DayDrafted", "PlanDrafted"]
    assert steps[-1].plan.title == "Mine"
    assert steps[-1].plan.days[0] == kept()[date(2026, 12, 1)]


async def test_kept_days_outlive_the_models():
    steps = await steps_of(Chain([NoModelAvailable()]), keep=kept(), titled=PlanHeading("Mine", "", [], []))
    plan = steps[-1].plan
    assert plan.days[0] == kept()[date(2026, 12, 1)]
    assert plan.days[2].items[-1].offer_id == "off_1"
    assert (plan.is_feasible, plan.planner) == (True, "built-in")


async def test_nothing_is_asked_when_nothing_is_missing():
    chain = Chain([])
    steps = await steps_of(chain, keep=kept(3), titled=PlanHeading("Mine", "", [], []), planner="gpt-before")
    assert names(steps) == ["PlanDrafted"]
    assert (steps[-1].plan.planner, steps[-1].plan.is_feasible) == ("gpt-before", True)


async def test_who_leaves_hangs_up():
    chain = Chain([good()])
    async with aclosing(LlmPlanner(chain, Clock()).generate_steps(REQUEST, GROUND, SPENDER)) as steps:
        async for one in steps:
            if isinstance(one, DayDrafted):
                break
    assert chain.closed == 1


async def refined(chain, wish="more food", plan=None):
    plan = plan or check_draft(good(), REQUEST, GROUND, planner="gpt-first")
    planning = LlmPlanner(chain, Clock())
    return [one async for one in planning.refine_steps(plan, wish, REQUEST, GROUND, SPENDER)]


async def test_a_wish_changes_only_the_days_that_it_must():
    changed = day("2026-12-02", item("2026-12-02 12:00-14:00", "food", "A long lunch", cost=6000))
    chain = Chain([[changed]])
    steps = await refined(chain)
    assert (chain.data[0]["task"], chain.data[0]["wish"]) == ("refine", "more food")
    assert names(steps) == ["PlannerStarted", "DayDrafted", "PlanDrafted"]
    before, after = check_draft(good(), REQUEST, GROUND).days, steps[-1].plan.days
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert steps[-1].plan.title == "Lisbon"


async def test_a_refined_day_is_checked_and_asked_again_like_any_other():
    chain = Chain([[BAD], [SECOND]])
    steps = await refined(chain)
    assert chain.data[1]["task"] == "days"
    assert steps[-1].plan.is_feasible


async def test_marks_of_days_that_a_wish_leaves_alone_stay():
    strange = with_day(good(), day("2026-12-02", item("2026-12-02 10:00-11:00", activity_id="act_invented")))
    plan = check_draft(strange, REQUEST, GROUND, planner="gpt-first")
    other = day("2026-12-03", item("2026-12-03 12:00-13:00", "food", "Soup"), back())
    after = (await refined(Chain([[other]]), plan=plan))[-1].plan
    assert [mark.code for mark in after.days[1].items[0].marks] == ["unknown_activity"]


async def test_without_a_model_nobody_understands_a_wish():
    with pytest.raises(NoModelAvailable):
        await refined(Chain([NoModelAvailable()]))
    with pytest.raises(NoModelAvailable):
        await refined(None)
