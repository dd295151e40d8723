"""The chain with its budget: what the rest of the hub asks."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from uuid import UUID

import structlog

from hub.core.clock import Ids
from hub.core.errors import HubError
from hub.planning.completions.budgets import Bill, Spending
from hub.planning.completions.chain import Chain, Course
from hub.planning.completions.errors import NoModel
from hub.planning.completions.events import Answered, Event, Spender
from hub.planning.completions.model import Question, Usage
from hub.planning.completions.model_catalog import Menu
from hub.planning.completions.token_counts import worst
from hub.resilience.deadline import bounded

SETTLING = 10.0
"""Seconds for the database to take a bill; after that the sweep does it, at its worst."""

log = structlog.get_logger(__name__)


class Completions:
    """`total` is how long a chain may take, in seconds. Who makes one closes it."""

    def __init__(self, chain: Chain, menu: Menu, spending: Spending, ids: Ids, *, total: float) -> None:
        self.menu = menu
        self.spending = spending
        self._chain = chain
        self._clock = ids.clock
        self._ids = ids
        self._total = total
        self._settling: set[asyncio.Task[None]] = set()

    async def stream(
        self, question: Question, spender: Spender, *, models: Sequence[str] | None = None
    ) -> AsyncGenerator[Event, None]:
        """Began, Delta*, (Restarted, Began, Delta*)*, Answered. Closing it hangs up on the model, and settles.

        Raises BudgetSpent before anybody is asked; NoModel, ContextTooLong, ContentFiltered, Truncated, NotJson.
        """
        routes = self.menu.of(models)
        if not routes:
            raise NoModel
        course = Course(self._ids.uuid(), question, routes, bounded(self._clock, self._total))
        await self._reserve(course, spender)
        outcome, settling = "left", None
        try:
            async with aclosing(self._chain.run(course)) as events:
                async for event in events:
                    if isinstance(event, Answered):  # the bill is on its way while the end of the answer is
                        settling = self._settle(course.id, _bill(course, "answered"))
                    yield event
        except HubError as error:
            outcome = error.code
            raise
        finally:
            await asyncio.shield(settling or self._settle(course.id, _bill(course, outcome)))

    async def complete(self, question: Question, spender: Spender, *, models: Sequence[str] | None = None) -> Answered:
        """The whole answer. Raises what `stream` raises."""
        async with aclosing(self.stream(question, spender, models=models)) as events:
            async for event in events:
                if isinstance(event, Answered):
                    return event
        raise NoModel  # not reached: a stream ends with an answer or an error

    async def close(self) -> None:
        """Waits for the bills that are on their way."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=SETTLING)

    async def _reserve(self, course: Course, spender: Spender) -> None:
        cost = worst(course.question, (one.price for one in course.routes))
        try:
            await self.spending.reserve(course.id, spender, cost, self._total)
        except HubError:  # it says itself that nothing was taken, or the database has gone
            raise
        except BaseException:  # who leaves now may have been served already
            await asyncio.shield(self._settle(course.id, Bill(0, "left", Usage(0, 0))))
            raise

    def _settle(self, spending_id: UUID, bill: Bill) -> asyncio.Task[None]:
        """A task of its own: neither a client that leaves nor a deadline stops it half way."""
        task = asyncio.create_task(self._settled(spending_id, bill))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return task

    async def _settled(self, spending_id: UUID, bill: Bill) -> None:
        try:
            async with asyncio.timeout(SETTLING):
                await self.spending.settle(spending_id, bill)
        except Exception as error:  # noqa: BLE001 (the answer is out: a bill that is late changes nothing of it)
            log.warning("spending.settle_failed", spending_id=str(spending_id), error=type(error).__name__)


def _bill(course: Course, outcome: str) -> Bill:
    model, usage, cost = course.owed()
    return Bill(cost, outcome, usage, model, tuple(course.attempts))
