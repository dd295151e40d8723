"""From a run that has failed to the smallest part of its plan that still fails in the same way."""

from collections.abc import Awaitable, Callable

from simulation.plan import Plan
from simulation.run import Report

MOST = 80
"""Plays, at most, that a failure is worth."""

Play = Callable[[Plan], Awaitable[Report]]


async def smallest(failed: Report, play: Play, most: int = MOST) -> Report:
    """The report of the smallest plan found. Larger pieces are left out first, then single events."""
    rules = {one.rule for one in failed.breaches}
    best, left = failed, most

    async def still_fails(kept: list[int]) -> bool:
        nonlocal best, left
        left -= 1
        report = await play(failed.plan.only(kept))
        if rules & {one.rule for one in report.breaches}:
            best = report
            return True
        return False

    size = max(1, len(failed.plan.kept) // 2)
    while left > 0:
        removed = False
        for piece in _pieces(best.plan, size):
            kept = [one for one in best.plan.kept if one not in piece]
            if left > 0 and len(kept) < len(best.plan.kept) and await still_fails(kept):
                removed = True
        if size == 1 and not removed:
            break
        size = max(1, size // 2)
    return best


def _pieces(plan: Plan, size: int) -> list[frozenset[int]]:
    """The last first: what comes late depends on what came before, and not the other way round."""
    places = list(reversed(plan.kept))
    return [frozenset(places[start : start + size]) for start in range(0, len(places), size)]
