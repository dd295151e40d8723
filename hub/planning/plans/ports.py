"""What the keeping of plans needs of others: somebody who makes them, somebody who knows the place, and their faces."""

from collections.abc import AsyncGenerator, Mapping
from datetime import date
from typing import Protocol
from uuid import UUID

from hub.planning.completions.events import Spender
from hub.planning.plans.drafting.steps import Step, Titled
from hub.planning.plans.model import Ground, Plan, PlanDay, PlanRequest
from hub.planning.plans.rendering.affiliates import Affiliate


class Grounds(Protocol):
    """Finds out what is true about the place and the time.

    Raises Invalid for a place that nobody knows; a supplier that does not answer is in `Ground.missing`.
    """

    async def of(self, request: PlanRequest) -> Ground: ...


class Planner(Protocol):
    """Makes plans step by step; the last one is Made. Closing the generator hangs up on whoever was asked.

    `keep` are days that are there already, by `planner`, under `titled` if that is there too.

    Raises HubError where a plan cannot be made: BudgetSpent, ContentFiltered.
    """

    def make(
        self,
        request: PlanRequest,
        ground: Ground,
        spender: Spender,
        *,
        keep: Mapping[date, PlanDay] = ...,
        titled: Titled | None = None,
        planner: str = "",
    ) -> AsyncGenerator[Step]: ...

    def refine(
        self, plan: Plan, wish: str, request: PlanRequest, ground: Ground, spender: Spender
    ) -> AsyncGenerator[Step]: ...


class Faces(Protocol):
    """How a plan looks to people. All of it is made from the structure: no text of a plan becomes markup."""

    @property
    def sandbox(self) -> bool:
        """Whether the offers in plans are made up: said with every plan."""
        ...

    def markdown(self, plan: Plan) -> str: ...

    def html(self, plan: Plan) -> str:
        """A fragment."""
        ...

    def ics(self, plan: Plan, plan_id: UUID, *, version: int = 0) -> bytes: ...

    async def pdf(self, plan: Plan, plan_id: UUID) -> bytes: ...

    def affiliates(self, plan: Plan, request: PlanRequest) -> list[Affiliate]: ...
