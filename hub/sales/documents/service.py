"""What travellers may have on paper."""

from dataclasses import dataclass
from uuid import UUID

from hub.core.db import Database, load_queries
from hub.core.errors import Conflict, NotFound
from hub.people.identity import Caller
from hub.sales.bookings import BookingLinks, BookingRepository
from hub.sales.documents.glyph_reports import MissingGlyphReports
from hub.sales.documents.journey import JourneyText
from hub.sales.documents.model import Invoice, PdfFile, Seller
from hub.sales.documents.pdf import TypstPrinter
from hub.sales.documents.view_models import build_invoice_view, build_receipt_view

SQL = load_queries("documents")


@dataclass(frozen=True, slots=True)
class DocumentService:
    """Each method is one unit of work for one traveller: what is not theirs is NotFound. Printed after it has ended.

    `sandboxed_providers` names the payment providers whose money is made up.
    """

    db: Database
    bookings: BookingRepository
    printer: TypstPrinter
    seller: Seller
    journey: JourneyText
    booking_links: BookingLinks
    glyph_reports: MissingGlyphReports
    sandboxed_providers: frozenset[str] = frozenset()

    async def print_receipt(self, caller: Caller, booking_id: UUID) -> PdfFile:
        """What has been paid for a booking, as it is now. Raises Conflict `nothing_paid`."""
        async with self.db.transaction(caller.id) as tx:
            booking = await self.bookings.find_booking(tx, booking_id)
            payments = await tx.fetch(SQL.payments_of_booking, booking_id)
        if not payments:
            raise Conflict("Nothing has been paid for this booking.", code="nothing_paid")
        sandbox = booking.sandbox or any(one["provider"] in self.sandboxed_providers for one in payments)
        link = self.booking_links.build_link(booking.id)
        words = build_receipt_view(self.seller, booking, payments, self.journey, sandbox=sandbox, link=link)
        at = max(one["updated_at"] if one["refunded"] else one["paid_at"] for one in payments)
        name = f"receipt-{booking.reference}.pdf"
        await self.glyph_reports.report_missing_glyphs(name, words, booking_id)
        return PdfFile(name, await self.printer.print_pdf("receipt", words, at))

    async def list_invoices(self, caller: Caller, *, page: int, page_size: int) -> tuple[list[Invoice], int]:
        """Their invoices and credit notes, the newest first, and how many there are."""
        async with self.db.transaction(caller.id) as tx:
            rows = await tx.fetch(SQL.page, page_size, (page - 1) * page_size)
            total: int = rows[0]["total"] if rows else await tx.fetchval(SQL.count)
        return [Invoice.from_row(row) for row in rows], total

    async def print_invoice(self, caller: Caller, number: str) -> PdfFile:
        """An invoice or a credit note, printed from what was written down when it was issued."""
        async with self.db.transaction(caller.id) as tx:
            row = await tx.fetchrow(SQL.by_number, number)
        if row is None:
            raise NotFound("There is no such invoice.", code="invoice_not_found")
        paper = Invoice.from_row(row)
        words, name = build_invoice_view(paper), f"{paper.kind.replace('_', '-')}-{paper.number}.pdf"
        await self.glyph_reports.report_missing_glyphs(name, words, row["booking_id"])
        return PdfFile(name, await self.printer.print_pdf(paper.kind, words, paper.issued_at))
