"""What people see of a plan: Markdown, HTML, a calendar file, paper. All made from its structure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from hub.core.clock import Clock
from hub.planning.plans.model import Plan, PlanRequest
from hub.planning.plans.rendering.affiliates import AffiliateLink, AffiliateTemplates, build_affiliate_links
from hub.planning.plans.rendering.calendar import to_ics
from hub.planning.plans.rendering.fragment import to_html
from hub.planning.plans.rendering.markdown import to_markdown
from hub.planning.plans.rendering.view_model import build_view_model, strip_invisible


class PdfPrinter(Protocol):
    """From plain data to a PDF (see hub/sales/documents/pdf.py)."""

    async def print_pdf(self, template: Literal["plan"], data: dict[str, Any], at: datetime) -> bytes: ...


class MissingGlyphReporter(Protocol):
    """Tells staff of a paper with text that no font can print (see hub/sales/documents/glyph_reports.py)."""

    async def report_missing_glyphs(self, name: str, words: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class StandardPlanRenderer:
    """All faces with what they need. `sandbox`: the offers in plans are made up, and every face says so."""

    printer: PdfPrinter
    clock: Clock
    affiliate_templates: AffiliateTemplates = field(default_factory=AffiliateTemplates)
    sandbox: bool = False
    glyphs: MissingGlyphReporter | None = None

    def render_markdown(self, plan: Plan) -> str:
        return to_markdown(plan, affiliates=self.list_affiliate_links(plan), sandbox=self.sandbox)

    def render_html(self, plan: Plan) -> str:
        """A fragment: `<article class="plan">`."""
        return to_html(plan, affiliates=self.list_affiliate_links(plan), sandbox=self.sandbox)

    def render_calendar(self, plan: Plan, plan_id: UUID, *, version: int = 0) -> bytes:
        return to_ics(plan, plan_id, self.clock.now(), version=version)

    async def render_pdf(self, plan: Plan, plan_id: UUID) -> bytes:
        """Raises nothing for what stands in the plan: text is data to the printer."""
        words = build_view_model(plan, self.list_affiliate_links(plan), sandbox=self.sandbox)
        if self.glyphs is not None:
            await self.glyphs.report_missing_glyphs(f"plan-{plan_id}.pdf", words)
        return await self.printer.print_pdf("plan", words, self.clock.now())

    def list_affiliate_links(self, plan: Plan, request: PlanRequest | None = None) -> list[AffiliateLink]:
        """For the adults of the request where it is known, else for one."""
        return build_affiliate_links(
            plan, self.affiliate_templates, adults=request.adults if request is not None else 1
        )


def build_filename(plan: Plan, suffix: str) -> str:
    """A name to save it under, in ASCII: `lisbon-2026-12-01.pdf`."""
    words = "".join(
        one if one.isascii() and one.isalnum() else "-" for one in strip_invisible(plan.destination).lower()
    )
    place = "-".join(word for word in words.split("-") if word)[:40] or "trip"
    start = f"-{min(one.date for one in plan.days).isoformat()}" if plan.days else ""
    return f"{place}{start}.{suffix}"


__all__ = [
    "AffiliateLink",
    "AffiliateTemplates",
    "PdfPrinter",
    "StandardPlanRenderer",
    "build_affiliate_links",
    "build_filename",
    "build_view_model",
    "strip_invisible",
    "to_html",
    "to_ics",
    "to_markdown",
]
