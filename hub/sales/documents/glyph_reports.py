"""Tells staff of papers with boxes in them: text in a script that no font at hand can print."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from hub.core.db import Database
from hub.oversight.review_queue import ReviewQueue
from hub.sales.documents.pdf import TypstPrinter

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MissingGlyphReports:
    db: Database
    printer: TypstPrinter
    review_queue: ReviewQueue

    async def report_missing_glyphs(self, name: str, words: dict[str, Any], booking_id: UUID | None = None) -> None:
        """Opens one review item for each paper, with the scripts. Once a font is installed it is printed from the
        same data again.
        """
        scripts = await self.printer.find_missing_scripts(words)
        if scripts:
            log.warning("paper.glyphs_missing", scripts=scripts)
            async with self.db.transaction() as tx:
                kind = "paper_glyphs_missing"
                await self.review_queue.open_item(
                    tx, kind, booking_id=booking_id, subject=name, paper=name, scripts=scripts
                )
