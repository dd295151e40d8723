"""What the templates are given: every sum and date as it will stand on the paper."""

from datetime import date, datetime
from typing import Any

from asyncpg import Record

from hub.core.money import Money
from hub.sales.bookings import Booking
from hub.sales.documents.journey import JourneyText
from hub.sales.documents.model import Invoice, Seller
from hub.supply.flights import Traveler

_LAST = {"invoice": "Total", "credit_note": "Total credited", "reversal": "Total taken back"}


def build_invoice_view(paper: Invoice) -> dict[str, Any]:
    """An issued paper, from its snapshot alone."""
    document, total = paper.document, paper.amount.display
    issued, paid = format_date(paper.issued_on), format_date(date.fromisoformat(document["payment"]["paid_on"]))
    common = {
        "number": paper.number,
        "reference": document["booking"]["reference"],
        "sandbox": paper.sandbox,
        "seller": _seller(document["seller"]),
        "buyer": _buyer(paper.buyer),
        "lines": [_line(one, paper.amount.currency) for one in document["lines"]],
        "totals": _totals(document, paper.amount.currency, _LAST[paper.kind]),
        "notes": [document["note"]] if document["note"] else [],
    }
    about = [
        ["Booking", document["booking"]["reference"]],
        ["Payment", document["payment"]["provider_payment_id"] or document["payment"]["id"]],
    ]
    if paper.kind == "invoice":
        facts = [["Invoice number", paper.number], ["Date of issue", issued], ["Date paid", paid], *about]
        return common | {"title": "Invoice", "headline": f"{total} paid on {paid}", "facts": facts}
    first = document["refers_to"]
    to_invoice = f"{first['number']}, {format_date(date.fromisoformat(first['issued_on']))}"
    if paper.kind == "reversal":
        notes = ["Credit notes", ", ".join(document["credit_notes"])]
        facts = [["Number", paper.number], ["Date of issue", issued], ["For invoice", to_invoice], notes, *about]
        headline = f"{total} of what was credited stands again"
        return common | {"title": "Reversal of credit", "headline": headline, "facts": facts}
    facts = [["Credit note number", paper.number], ["Date of issue", issued], ["For invoice", to_invoice], *about]
    return common | {"title": "Credit note", "headline": f"{total} credited on {issued}", "facts": facts}


def build_receipt_view(
    seller: Seller, booking: Booking, payments: list[Record], journey: JourneyText, *, sandbox: bool, link: str = ""
) -> dict[str, Any]:
    """What has been taken for a booking and given back so far. `payments` are rows with `paid_at`."""
    currency = payments[0]["currency"]
    taken = Money(sum(one["captured"] for one in payments), currency)
    returned = Money(sum(one["refunded"] for one in payments), currency)
    paid = format_date(seller.get_local_date(payments[0]["paid_at"]))
    totals = [["Amount paid", taken.display]]
    if returned.amount:
        totals += [["Refunded", _minus(returned)], ["Paid after refunds", (taken - returned).display]]
    line = {"text": journey.format_title(booking), "details": journey.format_flights(booking), "amount": taken.amount}
    ids = ", ".join(one["intent_id"] or str(one["id"]) for one in payments)
    itinerary = journey.build_itinerary(booking)
    references = [["Airline reference", ", ".join(itinerary.references)]] if itinerary.references else []
    bags = [f"Bags, {entry.traveler}: {entry.bags}" for entry in itinerary.baggage]
    return {
        "title": "Receipt",
        "number": booking.reference,
        "reference": booking.reference,
        "sandbox": sandbox,
        "seller": _seller(seller.to_json()),
        "buyer": _travellers(booking.travelers),
        "headline": f"{taken.display} paid on {paid}",
        "facts": [["Booking", booking.reference], *references, ["Date paid", paid], ["Payment", ids]],
        "lines": [_line(line | {"quantity": len(booking.travelers) or None}, currency)],
        "totals": totals,
        "notes": [
            *bags,
            *([f"Your booking: {link}"] if link else []),
            "This receipt confirms a payment. It is not an invoice.",
        ],
    }


def format_date(one: date | datetime) -> str:
    """1 March 2027."""
    return f"{one.day} {one:%B %Y}"


def _seller(seller: dict[str, Any]) -> dict[str, Any]:
    tax_id = [f"Tax ID {seller['tax_id']}"] if seller["tax_id"] else []
    email = [seller["email"]] if seller["email"] else []
    return {"name": seller["name"], "lines": [*seller["address"], *tax_id, *email], "footer": seller["footer"]}


def _buyer(buyer: dict[str, Any] | None) -> dict[str, Any] | None:
    if buyer is None:
        return None
    place = " ".join(buyer[key] for key in ("postcode", "city") if buyer.get(key))
    lines = [buyer.get("line1"), buyer.get("line2"), place, buyer.get("region"), buyer.get("country")]
    return {"name": buyer["name"], "lines": [one for one in lines if one]}


def _travellers(people: tuple[Traveler, ...]) -> dict[str, Any] | None:
    names = [one.full_name for one in people]
    return {"name": names[0], "lines": names[1:]} if names else None


def _line(line: dict[str, Any], currency: str) -> dict[str, Any]:
    quantity = line["quantity"]
    return {
        "text": line["text"],
        "details": line["details"],
        "quantity": None if quantity is None else str(quantity),
        "amount": Money(line["amount"], currency).display,
    }


def _totals(document: dict[str, Any], currency: str, name: str) -> list[list[str]]:
    sums = document["totals"][currency]
    last = [name, Money(sums["gross"], currency).display]
    if not document["taxes"]:
        return [last]
    taxes = [
        [f"{one['name']} {one['rate']} % (included)", Money(one["tax"], currency).display] for one in document["taxes"]
    ]
    return [["Net", Money(sums["net"], currency).display], *taxes, last]


def _minus(money: Money) -> str:
    return f"\N{MINUS SIGN}{money.display}"
