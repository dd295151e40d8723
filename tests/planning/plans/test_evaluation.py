from datetime import date

import orjson
import pytest

from hub.core.errors import InvalidRequest
from hub.planning.completions.errors import NoModelAvailable
from hub.planning.plans.context.collector import ContextCollector
from hub.planning.plans.drafting.evaluation import (
    EvaluationCase,
    EvaluationReport,
    PlanEvaluation,
    load_cases,
    resolve_start_date,
)
from hub.planning.plans.drafting.llm_planner import LlmPlanner
from hub.supply.locations import Locations
from tests.planning.plans.scenes import NOW, REQUEST, Chain, Clock, day, good, item, offer, request, with_day
from tests.planning.plans.test_context import Searched

TODAY = NOW.date()
BAD = day("2026-12-02", item("2026-12-02 10:00-12:00"), item("2026-12-02 11:00-13:00"))
PLAIN = with_day(good(), day("2026-12-02", item("2026-12-02 10:00-12:00")))


@pytest.fixture(scope="module")
def grounding():
    return ContextCollector(Searched(offer()), Locations(), Clock())


def plan_without_activities(plan):
    """The ground here is the real Lisbon."""
    last = plan.days[2]
    items = [one.model_copy(update={"activity_id": None}) for one in last.items]
    return with_day(plan, last.model_copy(update={"items": items}))


async def evaluated(grounding, chain, *wanted):
    evaluation = PlanEvaluation(grounding, LlmPlanner(chain, Clock()), Clock())
    named = [EvaluationCase(f"case {n}", one) for n, one in enumerate(wanted)]
    return EvaluationReport([one async for one in evaluation.run(named)])


async def test_it_counts_what_is_feasible_before_and_after_the_repair(grounding):
    fine, broken = (plan_without_activities(one) for one in (PLAIN, with_day(PLAIN, BAD)))
    chain = Chain([fine, broken, [PLAIN.days[1]], broken, [BAD], [BAD]])
    report = await evaluated(grounding, chain, REQUEST, REQUEST, REQUEST)
    assert [(one.drafted, one.feasible, one.rounds) for one in report.outcomes] == [
        (True, True, 0), (False, True, 1), (False, True, 2),
    ]  # fmt: skip
    told = orjson.loads(orjson.dumps(report.to_json()))
    assert (told["feasible_as_drafted"], told["feasible_after_repair"], told["requests"]) == (1, 3, 3)
    assert (told["checks_failed_before"], told["checks_failed_after"]) == ({"overlap": 2}, {})
    assert (told["days_replaced"], report.outcomes[2].replaced) == (1, 1)
    assert (told["input_tokens"], told["output_tokens"], told["cost_micro"], told["currency"]) == (600, 300, 252, "USD")


async def test_what_goes_wrong_is_an_outcome_too(grounding):
    report = await evaluated(grounding, Chain([NoModelAvailable()]), REQUEST, request(destination="Xanadu"))
    assert [(one.planner, one.feasible, one.error) for one in report.outcomes] == [
        ("built-in", True, ""), ("", False, "invalid"),
    ]  # fmt: skip


async def test_the_hubs_own_requests_can_all_be_planned(grounding):
    own = load_cases(None, grounding, TODAY)
    assert len(own) >= 20
    assert all(TODAY < one.request.start <= one.request.end for one in own)
    report = await evaluated(grounding, None, *(one.request for one in own))
    assert [one.name for one in report.outcomes if not one.feasible] == []


@pytest.mark.parametrize(
    ("text", "where", "start"),
    [
        ("+30d", "Lisbon", date(2026, 12, 21)), ("12-29", "Lisbon", date(2026, 12, 29)),
        ("01-30", "Lisbon", date(2027, 1, 30)), ("clocks", "Paris", date(2027, 3, 27)),
        ("clocks", "Tokyo", date(2026, 12, 21)),
    ],
)  # fmt: skip
def test_dates_are_told_from_today(grounding, text, where, start):
    assert resolve_start_date(text, where, grounding, TODAY) == start


@pytest.mark.parametrize("document", [b"no", b"3", b"[1]", b'[{"destination": "Lisbon"}]', b'[{"destination": "Lisbon", "start": "soon", "days": 1}]'])  # fmt: skip  # noqa: E501
def test_requests_that_cannot_be_read_are_refused(grounding, document):
    with pytest.raises(InvalidRequest):
        load_cases(document, grounding, TODAY)
