"""A booking that has been paid for, and the service that issues its papers."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from hub.core.clock import IdGenerator
from hub.core.db import Database
from hub.core.jobs import JobQueue
from hub.core.sealing import SecretBox
from hub.oversight.audit import AuditLog
from hub.people.customers import Customers
from hub.people.identity import Caller
from hub.sales.bookings import BookingLinks, ItineraryBuilder
from hub.sales.bookings.repository import BookingRepository
from hub.sales.documents import InvoiceService, JourneyText, Seller, Tax
from hub.sales.payments.jobs import IssueCreditNote, IssueInvoice
from hub.supply.locations import Locations

NOW = datetime(2027, 3, 1, 10, tzinfo=UTC)
ADA = UUID(int=0xADA)
ITINERARIES = ItineraryBuilder(Locations())
JOURNEY = JourneyText(ITINERARIES)
LINKS = BookingLinks(SecretBox(["s" * 32]), "https://hub.test", "https://www.example.com")
SELLER = Seller(
    name="Blue Harbour Travel GmbH",
    address=("Hafenstraße 12", "20457 Hamburg", "Germany"),
    tax_id="DE123456789",
    email="billing@blueharbour.example",
    footer="Registered in Hamburg, HRB 12345",
    tax=Tax("VAT", Decimal(19), "Prices include all taxes and airport charges."),
)


@dataclass
class Clock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass
class Shop:
    """`invoices` with a clock that stands still until it is set."""

    db: Database
    clock: Any = field(default_factory=Clock)
    seller: Seller = SELLER
    audit: Any = None
    sandboxed: frozenset[str] = frozenset()

    @property
    def invoices(self) -> InvoiceService:
        audit, ids, jobs = self.audit or AuditLog(self.clock), IdGenerator(self.clock), JobQueue()
        store, customers = BookingRepository(jobs, audit, self.clock), Customers(self.db, audit, self.clock, ids)
        return InvoiceService(
            self.db, store, customers, jobs, audit, self.clock, ids, self.seller, JOURNEY, self.sandboxed
        )

    async def issue(self, payment: UUID) -> None:
        await self.invoices.issue_invoice(IssueInvoice(payment_id=payment))

    async def refund(self, payment: UUID, to: int) -> None:
        """Money goes back until `to` minor units have, and its credit note is asked for. Locks as the ledger does."""
        async with self.db.transaction() as tx:
            await tx.execute("select 1 from bookings where id = $1 for update", payment)
            await tx.execute("update payments set refunded = greatest(refunded, $2) where id = $1", payment, to)
        await self.invoices.issue_credit_note(IssueCreditNote(payment_id=payment, refunded=to))

    async def papers(self) -> list[dict[str, Any]]:
        async with self.db.transaction() as tx:
            return [dict(row) for row in await tx.fetch("select * from invoices order by issued_at, kind, number")]


async def insert(db: Database, *rows: tuple[str, dict[str, Any]]) -> None:
    async with db.transaction() as tx:
        for table, row in rows:
            places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await tx.execute(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())


async def customer(db: Database, who: UUID = ADA, name: str = "Ada Lovelace") -> Caller:
    address = {"line1": "12 St James's Square", "city": "London", "postcode": "SW1Y 4JH", "country": "GB"}
    times = {"created_at": NOW, "updated_at": NOW}
    await insert(
        db,
        ("customers", {"id": who, "email": f"{who}@example.com", "name": name, "created_at": NOW}),
        ("addresses", {"id": uuid4(), "customer_id": who, "kind": "billing", "name": name, **address, **times}),
    )
    return Caller(who, who)


async def paid(db: Database, who: UUID = ADA, *, amount: int = 129_998, sandbox: bool = False, **more: Any) -> UUID:
    """A payment that has been captured; its booking has the same id."""
    one = uuid4()
    money, times = {"amount": amount, "currency": "GBP"}, {"created_at": NOW, "updated_at": NOW}
    await insert(
        db,
        (
            "bookings",
            {"id": one, "reference": str(one)[-6:].upper(), "customer_id": who, **money, "offer_id": "o", **times}
            | {"supplier": "kiwi", "itinerary": ITINERARY, "sandbox": sandbox, "contact_email": "ada@example.com"}
            | {"expires_at": NOW + timedelta(hours=1), "status": "confirmed", "payment_status": "paid"},
        ),
        (
            "booking_travelers",
            {"booking_id": one, "position": 0, "title": "ms", "gender": "f", "given_name": "Ada"}
            | {"family_name": "Lovelace", "born_on": date(1815, 12, 10), "nationality": "GB"},
        ),
        (
            "payments",
            {"id": one, "booking_id": one, "customer_id": who, "provider": "stripe", **money, **times}
            | {"captured": amount, "intent_id": f"pi_{one.hex[:16]}", "status": "paid", **more},
        ),
    )
    return one


def _segment(origin: str, destination: str, leaves: str, lands: str, number: str) -> dict[str, Any]:
    return {"origin": origin, "destination": destination, "departs_at": leaves, "arrives_at": lands} | {
        "carrier": "BA",
        "flight_number": number,
    }


_THERE = _segment("LHR", "JFK", "2027-03-12T11:20:00+00:00", "2027-03-12T14:20:00-05:00", "175")
_BACK = _segment("JFK", "LHR", "2027-03-19T18:30:00-04:00", "2027-03-20T06:25:00+00:00", "176")
ITINERARY = {
    "slices": [
        {"origin": "LHR", "destination": "JFK", "segments": [_THERE]},
        {"origin": "JFK", "destination": "LHR", "segments": [_BACK]},
    ]
}
