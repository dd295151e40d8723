"""Tells staff of papers with boxes in them: text in a script that no font at hand can print."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from hub.core.db import Database
from hub.oversight.review_queue import Attention
from hub.sales.documents.pdf import Printer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GlyphReports:
    db: Database
    printer: Printer
    attention: Attention

    async def report(self, name: str, words: dict[str, Any], booking_id: UUID | None = None) -> None:
        """Opens one review item for each paper, with the scripts. Once a font is installed it is printed from the
        same data again.
        """
        scripts = await self.printer.missing_scripts(words)
        if scripts:
            log.warning("paper.glyphs_missing", scripts=scripts)
            async with self.db.transaction() as tx:
                kind = "paper_glyphs_missing"
                await self.attention.ask(tx, kind, booking_id=booking_id, item=name, paper=name, scripts=scripts)
