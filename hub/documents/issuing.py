"""Where papers are issued: one invoice for a captured payment, one credit note for each refund of it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from hub.audit import Audit
from hub.bookings import Booking
from hub.bookings.store import Store
from hub.core.clock import Clock, Ids
from hub.core.context import about
from hub.core.db import Database, Tx, named_queries
from hub.core.jobs import Jobs, every, job
from hub.customers import Customers
from hub.documents.journey import Journey
from hub.documents.model import Invoice, Kind, Seller, number_of
from hub.documents.snapshot import buyer_of, credit_of, invoice_of
from hub.payments.work import IssueCreditNote, IssueInvoice

SQL = named_queries("documents")

LOOK_BACK = timedelta(days=3)
"""Money that moved longer ago, and has no paper, was dealt with before there were any."""


@dataclass(frozen=True, slots=True)
class Invoices:
    """`sandboxed` names the payment providers whose money is made up."""

    db: Database
    bookings: Store
    customers: Customers
    jobs: Jobs
    audit: Audit
    clock: Clock
    ids: Ids
    seller: Seller
    journey: Journey
    sandboxed: frozenset[str] = frozenset()

    @job
    async def issue(self, work: IssueInvoice) -> None:
        """Nothing where nothing has been taken, or the invoice is there already."""
        async with self.db.transaction() as tx:
            trade = await self._open(tx, work.payment_id)
            with about(booking_id=trade.booking.id):
                await self._invoice(tx, trade)

    @job
    async def credit(self, work: IssueCreditNote) -> None:
        """Up to `work.refunded`, and never beyond what has gone back. A later step that came first has covered it."""
        async with self.db.transaction() as tx:
            trade = await self._open(tx, work.payment_id)
            with about(booking_id=trade.booking.id):
                invoice = await self._invoice(tx, trade)
                credited: int = await tx.fetchval(SQL.credited, work.payment_id)
                step = min(work.refunded, trade.payment["refunded"])
                if invoice is not None and step > credited:
                    await self._credit(tx, trade, invoice, credited, step)

    @every(600)
    async def sweep(self) -> None:
        """Money without its paper gets one; buyers who have been erased go, once the law does not ask for them."""
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget_buyers)
            for row in await tx.fetch(SQL.overdue, self.clock.now() - LOOK_BACK):
                payment_id, refunded = row["id"], row["refunded"]
                if refunded > row["credited"]:
                    credit = IssueCreditNote(payment_id=payment_id, refunded=refunded)
                    await self.jobs.enqueue(tx, credit, key=f"payment:{payment_id}:credit:{refunded}")
                else:
                    await self.jobs.enqueue(
                        tx, IssueInvoice(payment_id=payment_id), key=f"payment:{payment_id}:invoice"
                    )

    async def _open(self, tx: Tx, payment_id: UUID) -> "_Trade":
        """Holds customer, booking and payment in the order in which everybody takes them."""
        held = await tx.fetchrow(SQL.hold_customer, payment_id)
        if held is None:
            raise LookupError(f"there is no payment {payment_id}")
        booking = await self.bookings.find(tx, held["booking_id"], lock=True)
        payment: Any = await tx.fetchrow(SQL.lock_payment, payment_id)
        return _Trade(booking, payment, booking.sandbox or payment["provider"] in self.sandboxed)

    async def _invoice(self, tx: Tx, trade: "_Trade") -> Invoice | None:
        row = await tx.fetchrow(SQL.invoice_of, trade.payment["id"])
        if row is not None:
            return Invoice.from_row(row)
        if not trade.payment["captured"]:
            return None
        document = invoice_of(self.seller, trade.booking, trade.payment, self.journey)
        buyer = await self._buyer(tx, trade.booking.customer_id)
        return await self._write(tx, trade, _Draft("invoice", trade.payment["captured"], document, buyer))

    async def _credit(self, tx: Tx, trade: "_Trade", invoice: Invoice, credited: int, step: int) -> None:
        document = credit_of(self.seller, trade.booking, trade.payment, invoice, (credited, step))
        draft = _Draft("credit_note", step - credited, document, invoice.buyer, invoice.id, step)
        await self._write(tx, trade, draft)

    async def _buyer(self, tx: Tx, customer_id: UUID) -> dict[str, Any] | None:
        customer = await self.customers.find(tx, customer_id)
        if customer.erased_at is not None:
            return None
        address = await tx.fetchrow(SQL.billing_address, customer_id)
        return buyer_of(customer.name, dict(address) if address else {})

    async def _write(self, tx: Tx, trade: "_Trade", draft: "_Draft") -> Invoice:
        """The number is taken last: its series is held until the transaction ends."""
        kind, payment, booking = draft.kind, trade.payment, trade.booking
        number, issued_on = await self._number(tx, kind, sandbox=trade.sandbox)
        row = await tx.fetchrow(
            SQL.insert_invoice,
            self.ids.uuid(), number, kind, trade.sandbox, booking.customer_id, booking.id, payment["id"],
            draft.invoice_id, draft.refunded, draft.amount, payment["currency"], draft.document, draft.buyer,
            issued_on, self.clock.now(), self.seller.keep_until(issued_on),
        )  # fmt: skip
        await self.audit.record(
            tx, f"{kind}.issued", customer_id=booking.customer_id, booking_id=booking.id, number=number
        )
        return Invoice.from_row(row)  # type: ignore[arg-type]

    async def _number(self, tx: Tx, kind: Kind, *, sandbox: bool) -> tuple[str, date]:
        row: Any = await tx.fetchrow(SQL.next_number, kind, sandbox, self.seller.day(self.clock.now()))
        return number_of(kind, row["year"], row["last"], sandbox=sandbox), row["last_on"]


@dataclass(frozen=True, slots=True)
class _Trade:
    """What a paper is about. `payment` is its row with `paid_at`."""

    booking: Booking
    payment: Record
    sandbox: bool


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a paper says. Amounts in minor units."""

    kind: Kind
    amount: int
    document: dict[str, Any]
    buyer: dict[str, Any] | None
    invoice_id: UUID | None = None
    refunded: int | None = None
