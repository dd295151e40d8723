"""From a run that has failed to the smallest part of its plan that still fails in the same way."""

from collections.abc import Awaitable, Callable

from simulation.run_plan import RunPlan
from simulation.simulation_run import RunReport

MAX_PLAYS = 80
"""Plays, at most, that a failure is worth."""

PlayPlan = Callable[[RunPlan], Awaitable[RunReport]]


async def shrink_plan(failed: RunReport, play: PlayPlan, most: int = MAX_PLAYS) -> RunReport:
    """The report of the smallest plan found. Larger pieces are left out first, then single events."""
    rules = {one.rule for one in failed.violations}
    best, left = failed, most

    async def still_fails(kept: list[int]) -> bool:
        nonlocal best, left
        left -= 1
        report = await play(failed.plan.keep_events(kept))
        if rules & {one.rule for one in report.violations}:
            best = report
            return True
        return False

    size = max(1, len(failed.plan.event_indexes) // 2)
    while left > 0:
        removed = False
        for piece in _pieces(best.plan, size):
            kept = [one for one in best.plan.event_indexes if one not in piece]
            if left > 0 and len(kept) < len(best.plan.event_indexes) and await still_fails(kept):
                removed = True
        if size == 1 and not removed:
            break
        size = max(1, size // 2)
    return best


def _pieces(plan: RunPlan, size: int) -> list[frozenset[int]]:
    """The last first: what comes late depends on what came before, and not the other way round."""
    places = list(reversed(plan.event_indexes))
    return [frozenset(places[start : start + size]) for start in range(0, len(places), size)]
