"""Where papers are issued: one invoice for a captured payment, one credit note for each refund that has arrived.

A refund that fails after it had seemed to arrive leaves its credit note, which cannot be changed, and gets a reversal.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.context import bind_context
from hub.core.db import Database, Tx, load_queries
from hub.core.jobs import JobQueue, every, job
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.audit import AuditLog
from hub.people.customers import Customers
from hub.sales.bookings import Booking, BookingRepository
from hub.sales.documents.journey import JourneyText
from hub.sales.documents.model import Invoice, InvoiceKind, Seller, format_invoice_number
from hub.sales.documents.snapshot import build_buyer, build_credit_snapshot, build_invoice_snapshot
from hub.sales.payments import IssueCreditNote, IssueInvoice

SQL = load_queries("documents")

LOOKBACK_WINDOW = timedelta(days=3)
"""Money that moved longer ago, and has no paper, was dealt with before there were any."""


@dataclass(frozen=True, slots=True)
class InvoiceService:
    """`sandboxed_providers` names the payment providers whose money is made up."""

    db: Database
    bookings: BookingRepository
    customers: Customers
    jobs: JobQueue
    audit: AuditLog
    clock: Clock
    ids: IdGenerator
    seller: Seller
    journey: JourneyText
    sandboxed_providers: frozenset[str] = frozenset()

    @job
    async def issue_invoice(self, work: IssueInvoice) -> None:
        """Nothing where less than the amount has been taken, or the invoice is there already."""
        async with self.db.transaction() as tx:
            trade = await self._open(tx, work.payment_id)
            if trade.payment["captured"] < trade.payment["amount"]:
                return
            with bind_context(booking_id=trade.booking.id):
                await self._invoice(tx, trade)

    @job
    async def issue_credit_note(self, work: IssueCreditNote) -> None:
        """Up to `work.refunded`, and never beyond what has arrived. A later step that came first has covered it.

        Where more has been credited than has arrived, the rest is taken back.
        """
        async with self.db.transaction() as tx:
            trade = await self._open(tx, work.payment_id)
            with bind_context(booking_id=trade.booking.id):
                invoice = await self._invoice(tx, trade)
                if invoice is not None:
                    await self._correct(tx, trade, invoice, work.refunded)

    @every(600, "invoices.sweep")
    async def enqueue_missing_invoices(self) -> None:
        """Money without its paper gets one; buyers who have been erased go, once the law does not ask for them."""
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget_buyers)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.overdue, self.clock.now() - LOOKBACK_WINDOW)
        sweep = Sweep("invoices.enqueue", self.db, self.clock)
        await sweep.process_rows(rows, self._enqueue, key=lambda row: RowKey(str(row["id"]), payment_id=row["id"]))

    async def _enqueue(self, row: Record) -> None:
        payment_id, returned = row["id"], row["returned"]
        async with self.db.transaction() as tx:
            if returned != row["credited"]:
                credit = IssueCreditNote(payment_id=payment_id, refunded=returned)
                await self.jobs.enqueue(tx, credit, key=f"payment:{payment_id}:credit:{returned}")
            else:
                await self.jobs.enqueue(tx, IssueInvoice(payment_id=payment_id), key=f"payment:{payment_id}:invoice")

    async def _open(self, tx: Tx, payment_id: UUID) -> "_Trade":
        """Holds customer, booking and payment in the order in which everybody takes them."""
        held = await tx.fetchrow(SQL.hold_customer, payment_id)
        if held is None:
            raise LookupError(f"there is no payment {payment_id}")
        booking = await self.bookings.find_booking(tx, held["booking_id"], lock=True)
        payment: Any = await tx.fetchrow(SQL.lock_payment, payment_id)
        return _Trade(booking, payment, booking.sandbox or payment["provider"] in self.sandboxed_providers)

    async def _invoice(self, tx: Tx, trade: "_Trade") -> Invoice | None:
        row = await tx.fetchrow(SQL.invoice_of, trade.payment["id"])
        if row is not None:
            return Invoice.from_row(row)
        if not trade.payment["captured"]:
            return None
        document = build_invoice_snapshot(self.seller, trade.booking, trade.payment, self.journey)
        buyer = await self._buyer(tx, trade.booking.customer_id)
        return await self._write(tx, trade, _Draft("invoice", trade.payment["captured"], document, buyer))

    async def _correct(self, tx: Tx, trade: "_Trade", invoice: Invoice, refunded: int) -> None:
        """Makes the papers agree with what has arrived: more credit, or less of it."""
        papers: Any = await tx.fetchrow(SQL.credited, invoice.payment_id)
        stands, arrived = papers["credited"] - papers["reversed"], trade.payment["returned"]
        more, less = min(refunded, arrived) - stands, stands - arrived
        about = (self.seller, trade.booking, trade.payment, invoice)
        if more > 0:
            document = build_credit_snapshot(*about, (stands, stands + more))
            draft = _Draft("credit_note", more, document, invoice.buyer, invoice.id, papers["credited"] + more)
            await self._write(tx, trade, draft)
        elif less > 0:
            document = build_credit_snapshot(*about, (stands, arrived)) | {"credit_notes": papers["notes"]}
            draft = _Draft("reversal", less, document, invoice.buyer, invoice.id, papers["reversed"] + less)
            await self._write(tx, trade, draft)

    async def _buyer(self, tx: Tx, customer_id: UUID) -> dict[str, Any] | None:
        customer = await self.customers.find_customer(tx, customer_id)
        if customer.erased_at is not None:
            return None
        address = await tx.fetchrow(SQL.billing_address, customer_id)
        return build_buyer(customer.name, dict(address) if address else {})

    async def _write(self, tx: Tx, trade: "_Trade", draft: "_Draft") -> Invoice:
        """The number is taken last: its series is held until the transaction ends."""
        kind, payment, booking = draft.kind, trade.payment, trade.booking
        number, issued_on = await self._number(tx, kind, sandbox=trade.sandbox)
        row = await tx.fetchrow(
            SQL.insert_invoice,
            self.ids.new_uuid(), number, kind, trade.sandbox, booking.customer_id, booking.id, payment["id"],
            draft.invoice_id, draft.refunded, draft.amount, payment["currency"], draft.document, draft.buyer,
            issued_on, self.clock.now(), self.seller.compute_keep_until(issued_on),
        )  # fmt: skip
        await self.audit.record_action(
            tx, f"{kind}.issued", customer_id=booking.customer_id, booking_id=booking.id, number=number
        )
        return Invoice.from_row(row)  # type: ignore[arg-type]

    async def _number(self, tx: Tx, kind: InvoiceKind, *, sandbox: bool) -> tuple[str, date]:
        row: Any = await tx.fetchrow(SQL.next_number, kind, sandbox, self.seller.get_local_date(self.clock.now()))
        return format_invoice_number(kind, row["year"], row["last"], sandbox=sandbox), row["last_on"]


@dataclass(frozen=True, slots=True)
class _Trade:
    """What a paper is about. `payment` is its row with `paid_at`, and `returned`: what of its refunds has arrived."""

    booking: Booking
    payment: Record
    sandbox: bool


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a paper says. Amounts in minor units."""

    kind: InvoiceKind
    amount: int
    document: dict[str, Any]
    buyer: dict[str, Any] | None
    invoice_id: UUID | None = None
    refunded: int | None = None
