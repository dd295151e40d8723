"""Attempts to pay: what was declined is written down, and the next attempt has idempotency keys of its own."""

from dataclasses import dataclass, replace

from hub.core.clock import Clock
from hub.core.context import current_context
from hub.core.db import Tx, load_queries
from hub.oversight.audit import AuditLog
from hub.sales.bookings import BookingRepository, PaymentStatus
from hub.sales.payments.gateway import Intent
from hub.sales.payments.ledger import SQL as BOOKS
from hub.sales.payments.model import Payment

SQL = load_queries("payments")


@dataclass(frozen=True, slots=True)
class PaymentAttempts:
    bookings: BookingRepository
    audit: AuditLog
    clock: Clock

    async def record_decline(self, tx: Tx, payment: Payment, intent: Intent) -> Payment:
        """Writes down a decline that is news; an intent that waits for the traveler again begins another attempt."""
        decline, last = intent.failure, payment.last_failure
        if decline is None:
            waits = intent.status is PaymentStatus.UNPAID and last is not None and last.attempt == payment.attempt
            return await self.begin_next_attempt(tx, payment) if waits else payment
        shown = decline.redact_for_traveler()
        if shown.is_same_attempt(last) or (last and decline.at and last.at and decline.at < last.at):
            return payment
        now, context = self.clock.now(), current_context()
        shown = replace(shown, at=shown.at or now)
        await tx.execute(SQL.set_last_failure, payment.id, shown.to_json(), now)
        await tx.execute(  # for staff alone: the provider's own reason
            BOOKS.log, payment.id, now, context.actor, context.request_id, payment.status, payment.status,
            payment.captured, payment.refunded, payment.disputed, decline.reason,
        )  # fmt: skip
        if payment.superseded_at is None:
            await self.bookings.set_last_failure(tx, payment.booking_id, shown)
        await self.audit.record_action(
            tx, "payment.declined", customer_id=payment.customer_id, booking_id=payment.booking_id,
            failure=shown.reason,
        )  # fmt: skip
        return replace(payment, last_failure=shown)

    async def begin_next_attempt(self, tx: Tx, payment: Payment) -> Payment:
        """What was definitely refused is tried anew under other keys. Done twice for one attempt, it counts once."""
        await tx.execute(SQL.set_attempt, payment.id, payment.attempt + 1)
        return replace(payment, attempt=payment.attempt + 1)
