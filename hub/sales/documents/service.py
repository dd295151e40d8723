"""What travellers may have on paper."""

from dataclasses import dataclass
from uuid import UUID

from hub.core.db import Database, named_queries
from hub.core.errors import Conflict, NotFound
from hub.people.identity import Caller
from hub.sales.bookings import BookingLinks
from hub.sales.bookings.repository import Store
from hub.sales.documents.glyph_reports import GlyphReports
from hub.sales.documents.journey import Journey
from hub.sales.documents.model import Invoice, Paper, Seller
from hub.sales.documents.pdf import Printer
from hub.sales.documents.view_models import invoice_words, receipt_words

SQL = named_queries("documents")


@dataclass(frozen=True, slots=True)
class Documents:
    """Each method is one unit of work for one traveller: what is not theirs is NotFound. Printed after it has ended.

    `sandboxed` names the payment providers whose money is made up.
    """

    db: Database
    bookings: Store
    printer: Printer
    seller: Seller
    journey: Journey
    links: BookingLinks
    glyphs: GlyphReports
    sandboxed: frozenset[str] = frozenset()

    async def receipt(self, caller: Caller, booking_id: UUID) -> Paper:
        """What has been paid for a booking, as it is now. Raises Conflict `nothing_paid`."""
        async with self.db.transaction(caller.id) as tx:
            booking = await self.bookings.find(tx, booking_id)
            payments = await tx.fetch(SQL.payments_of_booking, booking_id)
        if not payments:
            raise Conflict("Nothing has been paid for this booking.", code="nothing_paid")
        sandbox = booking.sandbox or any(one["provider"] in self.sandboxed for one in payments)
        link = self.links.link(booking.id)
        words = receipt_words(self.seller, booking, payments, self.journey, sandbox=sandbox, link=link)
        at = max(one["updated_at"] if one["refunded"] else one["paid_at"] for one in payments)
        name = f"receipt-{booking.reference}.pdf"
        await self.glyphs.report(name, words, booking_id)
        return Paper(name, await self.printer.pdf("receipt", words, at))

    async def page(self, caller: Caller, *, page: int, page_size: int) -> tuple[list[Invoice], int]:
        """Their invoices and credit notes, the newest first, and how many there are."""
        async with self.db.transaction(caller.id) as tx:
            rows = await tx.fetch(SQL.page, page_size, (page - 1) * page_size)
            total: int = rows[0]["total"] if rows else await tx.fetchval(SQL.count)
        return [Invoice.from_row(row) for row in rows], total

    async def invoice(self, caller: Caller, number: str) -> Paper:
        """An invoice or a credit note, printed from what was written down when it was issued."""
        async with self.db.transaction(caller.id) as tx:
            row = await tx.fetchrow(SQL.by_number, number)
        if row is None:
            raise NotFound("There is no such invoice.", code="invoice_not_found")
        paper = Invoice.from_row(row)
        words, name = invoice_words(paper), f"{paper.kind.replace('_', '-')}-{paper.number}.pdf"
        await self.glyphs.report(name, words, row["booking_id"])
        return Paper(name, await self.printer.pdf(paper.kind, words, paper.issued_at))
