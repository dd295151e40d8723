"""Whatever happens and in whichever order, nothing is lost or doubled; and what was played can be played again."""

import asyncio
from collections import Counter

from simulation.campaign import CampaignSummary, PlanPlayer, list_unreached
from simulation.evidence import RuleViolation
from simulation.run_plan import RunPlan, draw_plan
from simulation.shrinker import shrink_plan
from simulation.simulation_run import RunReport

SEEDS = range(16)
"""A taste of it: `make torture` plays two thousand."""


def test_nothing_is_lost_or_doubled(torture: PlanPlayer):
    reports = [torture.play_plan(draw_plan(seed)) for seed in SEEDS]
    failed = {one.plan.seed: [str(breach) for breach in one.violations] for one in reports if one.violations}
    assert failed == {}
    ends = Counter(end.partition("/")[0] for one in reports for end in one.outcomes)
    assert ends["confirmed"] >= 3
    assert len(ends) >= 3
    assert_hard_cases(sum((one.event_counts for one in reports), Counter()))


def assert_hard_cases(counts: Counter[str]) -> None:
    """A run in which nothing goes wrong proves nothing."""
    reached = Counter(name.partition(" ")[0] for name, times in counts.items() for _ in range(times))
    assert reached["kill"] >= 1
    assert reached["fault"] >= 5
    assert {name.split()[1] for name in counts if name.startswith("fault")} >= {"kiwi", "stripe"}
    assert len([name for name in counts if name.startswith("webhook ")]) >= 2
    assert len([name for name in counts if name.startswith("event ")]) >= 5


def test_a_campaign_says_what_it_has_not_reached():
    summary = CampaignSummary(run_count=300, outcomes=Counter({"confirmed/paid": 300}))
    assert "cancelled/refunded" in list_unreached(summary)
    assert "confirmed/paid" not in list_unreached(summary)


def test_a_failure_is_made_as_small_as_it_can_be():
    """Two events are needed: those are what is left."""
    plan = next(one for one in map(draw_plan, range(1000)) if len(one.events) >= 8)
    needed = {plan.event_indexes[1], plan.event_indexes[5]}

    async def play(part: RunPlan) -> RunReport:
        return RunReport(part, [RuleViolation("a rule", "")] if needed <= set(part.event_indexes) else [])

    found = asyncio.run(shrink_plan(asyncio.run(play(plan)), play))
    assert set(found.plan.event_indexes) == needed


def test_the_same_seed_is_the_same_story(torture: PlanPlayer):
    first, second = (torture.play_plan(draw_plan(7)) for _ in range(2))
    assert (first.point_count, first.outcomes, first.event_counts, first.notes) == (
        second.point_count,
        second.outcomes,
        second.event_counts,
        second.notes,
    )


def test_a_part_of_a_plan_is_a_plan():
    plan = draw_plan(3)
    part = plan.keep_events([0, 2])
    assert part.events == (plan.events[0], plan.events[2])
    assert part.keep_events([2]).event_indexes == (2,)
