"""What stands on the papers."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from asyncpg import Record

from hub.core.money import Money

InvoiceKind = Literal["invoice", "credit_note", "reversal"]
"""A reversal takes back credit that was given for a refund which did not arrive."""
_PREFIX: dict[InvoiceKind, str] = {"invoice": "", "credit_note": "CN-", "reversal": "RV-"}


@dataclass(frozen=True, slots=True)
class Tax:
    """The tax that the prices include: `rate` in percent, None where none is shown. `note` is printed as it is."""

    name: str = "VAT"
    rate: Decimal | None = None
    note: str = ""

    def compute_included_tax(self, gross: int) -> int:
        """The part of `gross` that is tax, in minor units, rounded half up."""
        if not self.rate:
            return 0
        return int((gross * self.rate / (100 + self.rate)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Seller:
    """Who issues. A paper bears the date that it is in `time_zone`, and is kept for `keep_years` full years."""

    name: str
    address: tuple[str, ...] = ()
    tax_id: str | None = None
    email: str | None = None
    footer: str = ""
    tax: Tax = Tax()
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    keep_years: int = 10

    def get_local_date(self, moment: datetime) -> date:
        return moment.astimezone(self.time_zone).date()

    def compute_keep_until(self, issued_on: date) -> date:
        """The last day of the year: books are kept by full years."""
        return date(issued_on.year + self.keep_years, 12, 31)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "address": list(self.address),
            "tax_id": self.tax_id,
            "email": self.email,
            "footer": self.footer,
        }


@dataclass(frozen=True, slots=True)
class Invoice:
    """One issued paper. `document` and `buyer` are the snapshots it is printed from.

    `refunded` is, on a credit note or a reversal, the sum of all of its kind up to and with it, in minor units.
    """

    id: UUID
    number: str
    kind: InvoiceKind
    sandbox: bool
    booking_id: UUID
    payment_id: UUID
    invoice_id: UUID | None
    refunded: int | None
    amount: Money
    document: dict[str, Any]
    buyer: dict[str, Any] | None
    issued_on: date
    issued_at: datetime

    @classmethod
    def from_row(cls, row: Record) -> Self:
        same = (
            "id number kind sandbox booking_id payment_id invoice_id refunded document buyer issued_on issued_at"
        ).split()
        return cls(amount=Money(row["amount"], row["currency"]), **{name: row[name] for name in same})


@dataclass(frozen=True, slots=True)
class PdfFile:
    """A PDF with the name to save it under."""

    filename: str
    content: bytes


def format_invoice_number(kind: InvoiceKind, year: int, sequence: int, *, sandbox: bool) -> str:
    """`2027-000001`, `CN-…` for a credit note, `RV-…` for a reversal; test data has `TEST-` before that."""
    return f"{'TEST-' if sandbox else ''}{_PREFIX[kind]}{year}-{sequence:06}"
