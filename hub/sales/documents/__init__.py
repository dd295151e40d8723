"""Receipts, invoices, credit notes and their reversals as PDF.

A receipt tells how a booking stands now. The others are issued: numbered without a gap, written down
whole, and never changed. They are kept as long as the law asks, also after their buyer has been erased from
everywhere else: European law has an issuer keep every invoice as it was issued (directive 2006/112/EC, articles 233 and
247), and the right to erasure ends there (GDPR, article 17(3)(b)). So they hold the buyer's name and address, and no
e-mail address, telephone number or names of travellers; the buyer goes when `keep_until` has passed, from test data
at once.
"""

from hub.sales.documents.glyph_reports import GlyphReports
from hub.sales.documents.invoicing import Invoices
from hub.sales.documents.journey import Journey
from hub.sales.documents.model import Invoice, Paper, Seller, Tax
from hub.sales.documents.pdf import Printer
from hub.sales.documents.service import Documents

__all__ = ["Documents", "GlyphReports", "Invoice", "Invoices", "Journey", "Paper", "Printer", "Seller", "Tax"]
