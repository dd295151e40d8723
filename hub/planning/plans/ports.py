"""What the keeping of plans needs of others: somebody who makes them, somebody who knows the place, and their faces."""

from collections.abc import AsyncGenerator, Mapping
from datetime import date
from typing import Protocol
from uuid import UUID

from hub.planning.completions import UsageScope
from hub.planning.plans.drafting.steps import DraftingStep, PlanHeading
from hub.planning.plans.model import Plan, PlanContext, PlanDay, PlanRequest
from hub.planning.plans.rendering.affiliates import AffiliateLink


class PlanContextSource(Protocol):
    """Finds out what is true about the place and the time.

    Raises InvalidRequest for a place that nobody knows; a supplier that does not answer is in `PlanContext.missing`.
    """

    async def collect_context(self, request: PlanRequest) -> PlanContext: ...


class Planner(Protocol):
    """Makes plans step by step; the last one is Made. Closing the generator hangs up on whoever was asked.

    `keep` are days that are there already, by `planner`, under `titled` if that is there too.

    Raises HubError where a plan cannot be made: BudgetExceeded, ContentFiltered.
    """

    def generate_steps(
        self,
        request: PlanRequest,
        ground: PlanContext,
        spender: UsageScope,
        *,
        keep: Mapping[date, PlanDay] = ...,
        titled: PlanHeading | None = None,
        planner: str = "",
    ) -> AsyncGenerator[DraftingStep]: ...

    def refine_steps(
        self, plan: Plan, wish: str, request: PlanRequest, ground: PlanContext, spender: UsageScope
    ) -> AsyncGenerator[DraftingStep]: ...


class PlanRenderer(Protocol):
    """How a plan looks to people. All of it is made from the structure: no text of a plan becomes markup."""

    @property
    def sandbox(self) -> bool:
        """Whether the offers in plans are made up: said with every plan."""
        ...

    def render_markdown(self, plan: Plan) -> str: ...

    def render_html(self, plan: Plan) -> str:
        """A fragment."""
        ...

    def render_calendar(self, plan: Plan, plan_id: UUID, *, version: int = 0) -> bytes: ...

    async def render_pdf(self, plan: Plan, plan_id: UUID) -> bytes: ...

    def list_affiliate_links(self, plan: Plan, request: PlanRequest) -> list[AffiliateLink]: ...
