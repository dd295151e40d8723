"""What is printed, put together."""

from dataclasses import dataclass

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import IdGenerator
from hub.core.jobs import JobQueue
from hub.oversight.audit import AuditLog
from hub.oversight.review_queue import ReviewQueue
from hub.people.customers import Customers
from hub.sales.bookings import BookingLinks, BookingRepository, ItineraryBuilder
from hub.sales.documents import (
    DocumentService,
    InvoiceService,
    JourneyText,
    MissingGlyphReports,
    Seller,
    Tax,
    TypstPrinter,
)
from hub.settings import InvoiceSettings


@dataclass(frozen=True, slots=True)
class DocumentServices:
    invoices: InvoiceService
    service: DocumentService
    printer: TypstPrinter
    glyph_reports: MissingGlyphReports


@dataclass(frozen=True, slots=True)
class DocumentDependencies:
    """What papers are made from."""

    bookings: BookingRepository
    customers: Customers
    jobs: JobQueue
    audit: AuditLog
    ids: IdGenerator
    itineraries: ItineraryBuilder
    links: BookingLinks
    review_queue: ReviewQueue


def build_documents(have: Resources, wired: Adapters, shelf: DocumentDependencies) -> DocumentServices:
    """Invoices are issued by jobs; documents are printed when they are asked for."""
    seller, journey = build_seller(have.settings.invoice), JourneyText(shelf.itineraries)
    printer = TypstPrinter(have.settings.invoice.fonts)
    have.exit_stack.callback(printer.close)
    glyphs = MissingGlyphReports(have.db, printer, shelf.review_queue)
    return DocumentServices(
        invoices=InvoiceService(
            have.db,
            shelf.bookings,
            shelf.customers,
            shelf.jobs,
            shelf.audit,
            have.clock,
            shelf.ids,
            seller,
            journey,
            wired.sandboxed_providers,
        ),
        service=DocumentService(
            have.db, shelf.bookings, printer, seller, journey, shelf.links, glyphs, wired.sandboxed_providers
        ),
        printer=printer,
        glyph_reports=glyphs,
    )


def build_seller(said: InvoiceSettings) -> Seller:
    tax = Tax(said.tax_name, said.tax_rate, said.tax_note)
    return Seller(said.name, said.address, said.tax_id, said.email, said.footer, tax, said.time_zone, said.keep_years)
