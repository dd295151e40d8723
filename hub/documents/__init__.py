"""Receipts, invoices, credit notes and their reversals as PDF.

A receipt tells how a booking stands now. The others are issued: numbered without a gap, written down
whole, and never changed. They are kept as long as the law asks, also after their buyer has been erased from
everywhere else: European law has an issuer keep every invoice as it was issued (directive 2006/112/EC, articles 233 and
247), and the right to erasure ends there (GDPR, article 17(3)(b)). So they hold the buyer's name and address, and no
e-mail address, telephone number or names of travellers; the buyer goes when `keep_until` has passed, from test data
at once.
"""

from hub.documents.desk import Documents
from hub.documents.glyph_reports import GlyphReports
from hub.documents.issuing import Invoices
from hub.documents.journey import Journey
from hub.documents.model import Invoice, Paper, Seller, Tax
from hub.documents.printing import Printer

__all__ = ["Documents", "GlyphReports", "Invoice", "Invoices", "Journey", "Paper", "Printer", "Seller", "Tax"]
