"""Giving money back: asked for under a lock, carried out by a job, under one key for ever."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from asyncpg import Record

from hub.core.charge_limits import is_expressible
from hub.core.clock import Clock, Ids
from hub.core.context import about, current
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, FieldError, Invalid, NotFound, ProviderPermanent
from hub.core.jobs import Job, every, job
from hub.core.money import Money
from hub.core.rows import RowKey, Sweep
from hub.payments.gateway import AMOUNT_NOT_SUPPORTED, Gateways
from hub.payments.ledger import SQL, Ledger
from hub.payments.model import Payment

STRANDED = timedelta(seconds=60)


class RefundPayment(Job, kind="payment.refund", attempts=20):
    """One refund that has been asked for."""

    refund_id: UUID


@dataclass(frozen=True, slots=True)
class Refund:
    """`status` is `pending`, `succeeded` or `failed`."""

    id: UUID
    payment_id: UUID
    amount: Money
    reason: str
    status: str
    provider_refund_id: str | None
    requested_by: str
    created_at: datetime

    @classmethod
    def from_row(cls, row: Record) -> Self:
        same = "id payment_id reason status provider_refund_id requested_by created_at"
        return cls(amount=Money(row["amount"], row["currency"]), **{name: row[name] for name in same.split()})


@dataclass(frozen=True, slots=True)
class Refunds:
    db: Database
    ledger: Ledger
    gateways: Gateways
    clock: Clock
    ids: Ids

    async def ask(self, payment_id: UUID, *, amount: Money | None, reason: str) -> Refund:
        """For staff: a part, or the rest when no amount is named.

        Raises NotFound, Conflict `nothing_to_refund` or `refund_exceeds_captured`, Invalid for another currency or an
        amount that the provider cannot give back.
        """
        async with self.db.transaction() as tx:
            if await tx.fetchval(SQL.booking_of, payment_id) is None:
                raise NotFound("There is no such payment.", code="payment_not_found")
            refund = await self.request(tx, payment_id, amount=amount, reason=reason)
        if refund is None:
            raise Conflict("Nothing is left to give back.", code="nothing_to_refund")
        return refund

    async def request(self, tx: Tx, payment_id: UUID, *, amount: Money | None, reason: str) -> Refund | None:
        """Writes the wish down with its job. None when nothing is left. The payment's lock makes wishes queue up."""
        payment = await self.ledger.locked(tx, payment_id)
        if amount is not None:
            self._check_expressible(amount, payment)
        asked = _checked(amount, payment, await self.ledger.left(tx, payment))
        if asked <= 0:
            return None
        made, now = self.ids.uuid(), self.clock.now()
        facts = (made, payment_id, asked, payment.amount.currency, reason, now, current().actor)
        await tx.execute(SQL.insert_refund, *facts)
        await self.ledger.audit.record(
            tx, "refund.requested", customer_id=payment.customer_id, booking_id=payment.booking_id,
            amount=payment.money(asked).display, reason=reason,
        )  # fmt: skip
        await self.ledger.jobs.enqueue(tx, RefundPayment(refund_id=made), key=f"refund:{made}")
        return Refund.from_row(await tx.fetchrow(SQL.find_refund, made))  # type: ignore[arg-type]

    def _check_expressible(self, amount: Money, payment: Payment) -> None:
        gateway = self.gateways.by_name.get(payment.provider)
        same = amount.currency == payment.amount.currency
        if gateway is not None and same and not is_expressible(gateway.charge_limits, amount):
            text = f"{payment.provider} cannot give back {amount.display} exactly"
            raise Invalid(errors=(FieldError("/amount", AMOUNT_NOT_SUPPORTED, text),))

    @job
    async def refund(self, work: RefundPayment) -> None:
        """Asks the provider, under the refund's own key. A refusal is a matter for a person, and frees the sum."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.find_refund, work.refund_id)
        if row is None or row["status"] == "failed" or row["provider_refund_id"] is not None:
            return
        async with self.db.transaction() as tx:
            payment = await self.ledger.locked(tx, row["payment_id"])
        with about(booking_id=payment.booking_id):
            await self._carry_out(payment, Refund.from_row(row))

    async def _carry_out(self, payment: Payment, refund: Refund) -> None:
        gateway, intent_id = self.gateways.of(payment.provider), payment.intent_id or ""
        try:
            seen = await gateway.refund(intent_id, refund.amount, refund.id, key=f"refund:{refund.id}")
        except ProviderPermanent as error:
            await self._refused(payment, refund, error.provider_code or error.code)
            return
        intent = await gateway.read(intent_id)
        async with self.db.transaction() as tx:  # both at once, or the books and the payment would differ in between
            await self.ledger.refund_seen(tx, await self.ledger.locked(tx, payment.id), seen)
            await self.ledger.settle(tx, payment.id, intent)

    async def _refused(self, payment: Payment, refund: Refund, why: str) -> None:
        async with self.db.transaction() as tx:
            if await tx.fetchval(SQL.fail_refund, refund.id, why, self.clock.now()) is not None:
                await self.ledger.attention.ask(
                    tx, "refund_failed", booking_id=payment.booking_id, payment_id=payment.id,
                    refund_id=str(refund.id), why=why,
                )  # fmt: skip

    @every(30)
    async def sweep(self) -> None:
        """Refunds asked for that no job carries out any more."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.pending_refunds, self.clock.now() - STRANDED)
        sweep = Sweep("refunds.enqueue", self.db, self.clock)
        await sweep.process(rows, self._enqueue, key=lambda row: RowKey(str(row["id"])))

    async def _enqueue(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self.ledger.jobs.enqueue(tx, RefundPayment(refund_id=row["id"]), key=f"refund:{row['id']}")


def _checked(amount: Money | None, payment: Payment, left: int) -> int:
    if amount is None:
        return left
    if amount.currency != payment.amount.currency:
        text = f"was paid in {payment.amount.currency}"
        raise Invalid(errors=(FieldError("/currency", "currency_mismatch", text),))
    if amount.amount > left:
        text = f"{payment.money(max(0, left)).display} can still be given back, not {amount.display}."
        raise Conflict(text, code="refund_exceeds_captured")
    return amount.amount
