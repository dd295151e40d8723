"""The chain with its budget: what the rest of the hub asks."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from uuid import UUID

import structlog

from hub.core.clock import IdGenerator
from hub.core.errors import HubError
from hub.planning.completions.budgets import UsageBill, UsageBudgets
from hub.planning.completions.chain import ChainRun, ModelChain
from hub.planning.completions.errors import NoModelAvailable
from hub.planning.completions.events import Completion, CompletionEvent, UsageScope
from hub.planning.completions.model import CompletionRequest, TokenUsage
from hub.planning.completions.model_catalog import ModelCatalog
from hub.planning.completions.token_counts import estimate_max_cost
from hub.resilience.deadline import cap_deadline

SETTLE_TIMEOUT = 10.0
"""Seconds for the database to take a bill; after that the sweep does it, at its worst."""

log = structlog.get_logger(__name__)


class Completions:
    """`total_timeout` is how long a chain may take, in seconds. Who makes one closes it."""

    def __init__(
        self, chain: ModelChain, menu: ModelCatalog, spending: UsageBudgets, ids: IdGenerator, *, total_timeout: float
    ) -> None:
        self.catalog = menu
        self.budgets = spending
        self._chain = chain
        self._clock = ids.clock
        self._ids = ids
        self._total = total_timeout
        self._settling: set[asyncio.Task[None]] = set()

    async def stream_completion(
        self, question: CompletionRequest, spender: UsageScope, *, models: Sequence[str] | None = None
    ) -> AsyncGenerator[CompletionEvent, None]:
        """Began, Delta*, (Restarted, Began, Delta*)*, Answered. Closing it hangs up on the model, and settles.

        Raises BudgetExceeded before anybody is asked; NoModelAvailable, ContextTooLong, ContentFiltered,
        AnswerTruncated, AnswerUnreadable.
        """
        routes = self.catalog.resolve_routes(models)
        if not routes:
            raise NoModelAvailable
        course = ChainRun(self._ids.new_uuid(), question, routes, cap_deadline(self._clock, self._total))
        await self._reserve(course, spender)
        outcome, settling = "left", None
        try:
            async with aclosing(self._chain.run(course)) as events:
                async for event in events:
                    if isinstance(event, Completion):  # the bill is on its way while the end of the answer is
                        settling = self._settle(course.id, _bill(course, "answered"))
                    yield event
        except HubError as error:
            outcome = error.code
            raise
        finally:
            await asyncio.shield(settling or self._settle(course.id, _bill(course, outcome)))

    async def create_completion(
        self, question: CompletionRequest, spender: UsageScope, *, models: Sequence[str] | None = None
    ) -> Completion:
        """The whole answer. Raises what `stream_completion` raises."""
        async with aclosing(self.stream_completion(question, spender, models=models)) as events:
            async for event in events:
                if isinstance(event, Completion):
                    return event
        raise NoModelAvailable  # not reached: a stream ends with an answer or an error

    async def close(self) -> None:
        """Waits for the bills that are on their way."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=SETTLE_TIMEOUT)

    async def _reserve(self, course: ChainRun, spender: UsageScope) -> None:
        cost = estimate_max_cost(course.request, (one.price for one in course.routes))
        try:
            await self.budgets.reserve_budget(course.id, spender, cost, self._total)
        except HubError:  # it says itself that nothing was taken, or the database has gone
            raise
        except BaseException:  # who leaves now may have been served already
            await asyncio.shield(self._settle(course.id, UsageBill(0, "left", TokenUsage(0, 0))))
            raise

    def _settle(self, spending_id: UUID, bill: UsageBill) -> asyncio.Task[None]:
        """A task of its own: neither a client that leaves nor a deadline stops it half way."""
        task = asyncio.create_task(self._settled(spending_id, bill))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        return task

    async def _settled(self, spending_id: UUID, bill: UsageBill) -> None:
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT):
                await self.budgets.settle_reservation(spending_id, bill)
        except Exception as error:  # noqa: BLE001 (the answer is out: a bill that is late changes nothing of it)
            log.warning("spending.settle_failed", spending_id=str(spending_id), error=type(error).__name__)


def _bill(course: ChainRun, outcome: str) -> UsageBill:
    model, usage, cost = course.calculate_cost()
    return UsageBill(cost, outcome, usage, model, tuple(course.attempts))
