"""Receipts, invoices, credit notes and their reversals as PDF.

A receipt tells how a booking stands now. The others are issued: numbered without a gap, written down
whole, and never changed. They are kept as long as the law asks, also after their buyer has been erased from
everywhere else: European law has an issuer keep every invoice as it was issued (directive 2006/112/EC, articles 233 and
247), and the right to erasure ends there (GDPR, article 17(3)(b)). So they hold the buyer's name and address, and no
e-mail address, telephone number or names of travellers; the buyer goes when `keep_until` has passed, from test data
at once.
"""

from hub.sales.documents.glyph_reports import MissingGlyphReports
from hub.sales.documents.glyphs import GlyphCoverage, list_font_files
from hub.sales.documents.invoicing import InvoiceService
from hub.sales.documents.journey import JourneyText
from hub.sales.documents.model import Invoice, PdfFile, Seller, Tax
from hub.sales.documents.pdf import TypstPrinter
from hub.sales.documents.service import DocumentService

__all__ = [
    "DocumentService",
    "GlyphCoverage",
    "Invoice",
    "InvoiceService",
    "JourneyText",
    "MissingGlyphReports",
    "PdfFile",
    "Seller",
    "Tax",
    "TypstPrinter",
    "list_font_files",
]
