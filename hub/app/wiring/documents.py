"""What is printed, put together."""

from dataclasses import dataclass

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import Ids
from hub.core.jobs import Jobs
from hub.oversight.audit import Audit
from hub.oversight.review_queue import Attention
from hub.people.customers import Customers
from hub.sales.bookings import BookingLinks, Itineraries
from hub.sales.bookings.repository import Store
from hub.sales.documents import Documents, GlyphReports, Invoices, Journey, Printer, Seller, Tax
from hub.settings import InvoiceSettings


@dataclass(frozen=True, slots=True)
class Papers:
    invoices: Invoices
    documents: Documents
    printer: Printer
    glyphs: GlyphReports


@dataclass(frozen=True, slots=True)
class Shelf:
    """What papers are made from."""

    bookings: Store
    customers: Customers
    jobs: Jobs
    audit: Audit
    ids: Ids
    itineraries: Itineraries
    links: BookingLinks
    attention: Attention


def papers(have: Resources, wired: Adapters, shelf: Shelf) -> Papers:
    """Invoices are issued by jobs; documents are printed when they are asked for."""
    seller, journey = seller_of(have.settings.invoice), Journey(shelf.itineraries)
    printer = Printer(have.settings.invoice.fonts)
    have.closing.callback(printer.close)
    glyphs = GlyphReports(have.db, printer, shelf.attention)
    return Papers(
        invoices=Invoices(
            have.db,
            shelf.bookings,
            shelf.customers,
            shelf.jobs,
            shelf.audit,
            have.clock,
            shelf.ids,
            seller,
            journey,
            wired.sandboxed,
        ),
        documents=Documents(have.db, shelf.bookings, printer, seller, journey, shelf.links, glyphs, wired.sandboxed),
        printer=printer,
        glyphs=glyphs,
    )


def seller_of(said: InvoiceSettings) -> Seller:
    tax = Tax(said.tax_name, said.tax_rate, said.tax_note)
    return Seller(said.name, said.address, said.tax_id, said.email, said.footer, tax, said.time_zone, said.keep_years)
