"""Whatever happens and in whichever order, nothing is lost or doubled; and what was played can be played again."""

import asyncio
from collections import Counter

from simulation.campaign import Player, Summary, not_reached
from simulation.evidence import Breach
from simulation.plan import Plan, drawn
from simulation.run import Report
from simulation.shrinking import smallest

SEEDS = range(16)
"""A taste of it: `make torture` plays two thousand."""


def test_nothing_is_lost_or_doubled(torture: Player):
    reports = [torture.play(drawn(seed)) for seed in SEEDS]
    failed = {one.plan.seed: [str(breach) for breach in one.breaches] for one in reports if one.breaches}
    assert failed == {}
    ends = Counter(end.partition("/")[0] for one in reports for end in one.ends)
    assert ends["confirmed"] >= 3
    assert len(ends) >= 3
    assert_hard_cases(sum((one.counts for one in reports), Counter()))


def assert_hard_cases(counts: Counter[str]) -> None:
    """A run in which nothing goes wrong proves nothing."""
    reached = Counter(name.partition(" ")[0] for name, times in counts.items() for _ in range(times))
    assert reached["kill"] >= 1
    assert reached["fault"] >= 5
    assert {name.split()[1] for name in counts if name.startswith("fault")} >= {"kiwi", "stripe"}
    assert len([name for name in counts if name.startswith("webhook ")]) >= 2
    assert len([name for name in counts if name.startswith("event ")]) >= 5


def test_a_campaign_says_what_it_has_not_reached():
    summary = Summary(runs=300, ends=Counter({"confirmed/paid": 300}))
    assert "cancelled/refunded" in not_reached(summary)
    assert "confirmed/paid" not in not_reached(summary)


def test_a_failure_is_made_as_small_as_it_can_be():
    """Two events are needed: those are what is left."""
    plan = next(one for one in map(drawn, range(1000)) if len(one.events) >= 8)
    needed = {plan.kept[1], plan.kept[5]}

    async def play(part: Plan) -> Report:
        return Report(part, [Breach("a rule", "")] if needed <= set(part.kept) else [])

    found = asyncio.run(smallest(asyncio.run(play(plan)), play))
    assert set(found.plan.kept) == needed


def test_the_same_seed_is_the_same_story(torture: Player):
    first, second = (torture.play(drawn(7)) for _ in range(2))
    assert (first.points, first.ends, first.counts, first.notes) == (
        second.points,
        second.ends,
        second.counts,
        second.notes,
    )


def test_a_part_of_a_plan_is_a_plan():
    plan = drawn(3)
    part = plan.only([0, 2])
    assert part.events == (plan.events[0], plan.events[2])
    assert part.only([2]).kept == (2,)
