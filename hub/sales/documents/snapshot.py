"""What is written down when a paper is issued: from then on it depends on nothing else."""

from collections.abc import Mapping
from typing import Any

from asyncpg import Record

from hub.core.money import Money
from hub.sales.bookings import Booking
from hub.sales.documents.journey import JourneyText
from hub.sales.documents.model import Invoice, Seller

SNAPSHOT_VERSION = 1


def build_invoice_snapshot(seller: Seller, booking: Booking, payment: Record, journey: JourneyText) -> dict[str, Any]:
    """What was taken for a booking. `payment` is its row with `paid_at`."""
    gross = Money(payment["captured"], payment["currency"])
    document = _document(seller, booking, payment, gross, seller.tax.compute_included_tax(gross.amount))
    line: dict[str, Any] = {
        "text": journey.format_title(booking),
        "details": journey.format_flights(booking),
        "quantity": len(booking.travelers) or None,
        "amount": gross.amount,
    }
    return document | {"lines": [line]}


def build_credit_snapshot(
    seller: Seller, booking: Booking, payment: Record, invoice: Invoice, step: tuple[int, int]
) -> dict[str, Any]:
    """What went back with one `step`: all that had before it, and with it, in minor units. Less: what came back.

    Taxed by the invoice's own rate, and so rounded that the credit notes of a full refund add up to its tax.
    """
    before, now = step
    back = now < before
    gross = Money(abs(now - before), invoice.amount.currency)
    line: dict[str, Any] = {
        "text": f"{'Refund that was not carried out' if back else 'Refund'}, booking {booking.reference}",
        "details": [],
        "quantity": None,
        "amount": gross.amount,
    }
    tax = abs(_tax_share(invoice, now) - _tax_share(invoice, before))
    document = _document(seller, booking, payment, gross, tax)
    document["taxes"] = [one | _parts(gross.amount, tax) for one in invoice.document["taxes"]]
    document["note"] = invoice.document["note"]
    document["refers_to"] = {"number": invoice.number, "issued_on": invoice.issued_on.isoformat()}
    return document | {"lines": [line]}


def build_buyer(name: str, address: Mapping[str, Any]) -> dict[str, Any]:
    """Name and address, which an invoice must bear; nothing else of the person."""
    known = {key: value for key, value in address.items() if value}
    return {"name": name, **known}


def _tax_share(invoice: Invoice, refunded: int) -> int:
    """Of the invoice's tax, that part which belongs to what has been refunded so far, rounded half up."""
    tax: int = sum(one["tax"] for one in invoice.document["taxes"])
    return (2 * tax * refunded + invoice.amount.amount) // (2 * invoice.amount.amount)


def _document(seller: Seller, booking: Booking, payment: Record, gross: Money, tax: int) -> dict[str, Any]:
    rate = seller.tax.rate
    taxes = [{"name": seller.tax.name, "rate": f"{rate.normalize():f}", **_parts(gross.amount, tax)}] if rate else []
    return {
        "version": SNAPSHOT_VERSION,
        "seller": seller.to_json(),
        "booking": {"id": str(booking.id), "reference": booking.reference},
        "payment": {
            "id": str(payment["id"]),
            "provider": payment["provider"],
            "provider_payment_id": payment["intent_id"],
            "paid_on": seller.get_local_date(payment["paid_at"]).isoformat(),
        },
        "taxes": taxes,
        "totals": {gross.currency: _parts(gross.amount, tax) | {"gross": gross.amount}},
        "note": seller.tax.note,
    }


def _parts(gross: int, tax: int) -> dict[str, int]:
    return {"net": gross - tax, "tax": tax}
