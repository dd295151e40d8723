"""What people see of a plan: Markdown, HTML, a calendar file, paper. All made from its structure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from hub.core.clock import Clock
from hub.planning.plans.model import Plan, PlanRequest
from hub.planning.plans.rendering.affiliates import Affiliate, AffiliateAddresses, affiliates
from hub.planning.plans.rendering.calendar import to_ics
from hub.planning.plans.rendering.fragment import to_html
from hub.planning.plans.rendering.markdown import to_markdown
from hub.planning.plans.rendering.view_model import plain, told


class Printer(Protocol):
    """From plain data to a PDF (see hub/sales/documents/pdf.py)."""

    async def pdf(self, template: Literal["plan"], data: dict[str, Any], at: datetime) -> bytes: ...


class GlyphReports(Protocol):
    """Tells staff of a paper with text that no font can print (see hub/sales/documents/glyph_reports.py)."""

    async def report(self, name: str, words: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class PlanFaces:
    """All faces with what they need. `sandbox`: the offers in plans are made up, and every face says so."""

    printer: Printer
    clock: Clock
    addresses: AffiliateAddresses = field(default_factory=AffiliateAddresses)
    sandbox: bool = False
    glyphs: GlyphReports | None = None

    def markdown(self, plan: Plan) -> str:
        return to_markdown(plan, affiliates=self.affiliates(plan), sandbox=self.sandbox)

    def html(self, plan: Plan) -> str:
        """A fragment: `<article class="plan">`."""
        return to_html(plan, affiliates=self.affiliates(plan), sandbox=self.sandbox)

    def ics(self, plan: Plan, plan_id: UUID, *, version: int = 0) -> bytes:
        return to_ics(plan, plan_id, self.clock.now(), version=version)

    async def pdf(self, plan: Plan, plan_id: UUID) -> bytes:
        """Raises nothing for what stands in the plan: text is data to the printer."""
        words = told(plan, self.affiliates(plan), sandbox=self.sandbox)
        if self.glyphs is not None:
            await self.glyphs.report(f"plan-{plan_id}.pdf", words)
        return await self.printer.pdf("plan", words, self.clock.now())

    def affiliates(self, plan: Plan, request: PlanRequest | None = None) -> list[Affiliate]:
        """For the adults of the request where it is known, else for one."""
        return affiliates(plan, self.addresses, adults=request.adults if request is not None else 1)


def filename(plan: Plan, suffix: str) -> str:
    """A name to save it under, in ASCII: `lisbon-2026-12-01.pdf`."""
    words = "".join(one if one.isascii() and one.isalnum() else "-" for one in plain(plan.destination).lower())
    place = "-".join(word for word in words.split("-") if word)[:40] or "trip"
    start = f"-{min(one.date for one in plan.days).isoformat()}" if plan.days else ""
    return f"{place}{start}.{suffix}"


__all__ = [
    "Affiliate",
    "AffiliateAddresses",
    "PlanFaces",
    "Printer",
    "affiliates",
    "filename",
    "plain",
    "to_html",
    "to_ics",
    "to_markdown",
    "told",
]
