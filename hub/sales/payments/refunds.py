"""Giving money back: asked for under a lock, carried out by a job, under one key for ever."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from asyncpg import Record

from hub.core.charge_limits import is_representable
from hub.core.clock import Clock, IdGenerator
from hub.core.context import bind_context, current_context
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, FieldError, InvalidRequest, NotFound, ProviderPermanent
from hub.core.jobs import Job, every, job
from hub.core.money import Money
from hub.core.row_failures import RowKey, Sweep
from hub.core.sealing import SecretBox
from hub.sales.payments.gateway import AMOUNT_NOT_SUPPORTED, GatewayRegistry, RefundTooLarge
from hub.sales.payments.model import Payment
from hub.sales.payments.payment_state import SQL, PaymentStateMachine

STRANDED_AFTER = timedelta(seconds=60)


REPEAT_WINDOW = timedelta(minutes=10)
"""Two refunds of the same amount within this time may be one that was asked for twice."""


class RefundRepeated(Conflict):
    """The same amount of this payment has been given back minutes ago."""

    code = "refund_repeated"

    def __init__(self, amount: Money, ago: timedelta, confirmation: str) -> None:
        minutes = int(ago.total_seconds()) // 60
        when = f"{minutes} minutes ago" if minutes > 1 else "a moment ago"
        text = f"{amount.display} of this payment has been given back {when}. Confirm to give it back once more."
        super().__init__(text, confirmation=confirmation)


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
class RefundService:
    db: Database
    state_machine: PaymentStateMachine
    gateways: GatewayRegistry
    clock: Clock
    ids: IdGenerator
    secret_box: SecretBox

    async def request_refund(
        self,
        payment_id: UUID,
        *,
        amount: Money | None,
        reason: str,
        has_idempotency_key: bool = False,
        confirmation: str | None = None,
    ) -> Refund:
        """For staff: a part, or the rest when no amount is named.

        `has_idempotency_key`: the request bears an idempotency key, so that a repetition is meant. Otherwise a part
        that was given back minutes ago is given again only with the `confirmation` that RefundRepeated carries. Raises
        NotFound, Conflict `nothing_to_refund` or `refund_exceeds_captured`, RefundRepeated, InvalidRequest for another
        currency or an amount that the provider cannot give back.
        """
        async with self.db.transaction() as tx:
            if await tx.fetchval(SQL.booking_of, payment_id) is None:
                raise NotFound("There is no such payment.", code="payment_not_found")
            if amount is not None and not has_idempotency_key:
                await self._check_repeated(tx, payment_id, amount, confirmation)
            refund = await self.create_refund(tx, payment_id, amount=amount, reason=reason)
        if refund is None:
            raise Conflict("Nothing is left to give back.", code="nothing_to_refund")
        return refund

    async def _check_repeated(self, tx: Tx, payment_id: UUID, amount: Money, confirmation: str | None) -> None:
        """Raises RefundRepeated. A confirmation is good once: it names the refund that it was asked about."""
        await self.state_machine.lock_payment(tx, payment_id)
        row = await tx.fetchrow(SQL.same_refund, payment_id, amount.amount, self.clock.now() - REPEAT_WINDOW)
        if row is None:
            return
        expected = self.secret_box.compute_keyed_hash(
            "refund_confirmation", f"{payment_id}:{amount.amount}:{row['id']}"
        ).hex()
        if confirmation is None or not hmac.compare_digest(confirmation.encode(), expected.encode()):
            raise RefundRepeated(amount, self.clock.now() - row["created_at"], expected)

    async def create_refund(self, tx: Tx, payment_id: UUID, *, amount: Money | None, reason: str) -> Refund | None:
        """Writes the wish down with its job. None when nothing is left. The payment's lock makes wishes queue up."""
        payment = await self.state_machine.lock_payment(tx, payment_id)
        if amount is not None:
            self._check_expressible(amount, payment)
        asked = _checked(amount, payment, await self.state_machine.get_refundable_amount(tx, payment))
        if asked <= 0:
            return None
        made, now = self.ids.new_uuid(), self.clock.now()
        facts = (made, payment_id, asked, payment.amount.currency, reason, now, current_context().actor)
        await tx.execute(SQL.insert_refund, *facts)
        await self.state_machine.audit.record_action(
            tx, "refund.requested", customer_id=payment.customer_id, booking_id=payment.booking_id,
            amount=payment.to_money(asked).display, reason=reason,
        )  # fmt: skip
        await self.state_machine.jobs.enqueue(tx, RefundPayment(refund_id=made), key=f"refund:{made}")
        return Refund.from_row(await tx.fetchrow(SQL.find_refund, made))  # type: ignore[arg-type]

    def _check_expressible(self, amount: Money, payment: Payment) -> None:
        gateway = self.gateways.by_name.get(payment.provider)
        same = amount.currency == payment.amount.currency
        if gateway is not None and same and not is_representable(gateway.charge_limits, amount):
            text = f"{payment.provider} cannot give back {amount.display} exactly"
            raise InvalidRequest(errors=(FieldError("/amount", AMOUNT_NOT_SUPPORTED, text),))

    @job
    async def execute_refund(self, work: RefundPayment) -> None:
        """Asks the provider, under the refund's own key. A refusal is a matter for a person, and frees the sum."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.find_refund, work.refund_id)
        if row is None or row["status"] == "failed" or row["provider_refund_id"] is not None:
            return
        async with self.db.transaction() as tx:
            payment = await self.state_machine.lock_payment(tx, row["payment_id"])
        with bind_context(booking_id=payment.booking_id):
            await self._carry_out(payment, Refund.from_row(row))

    async def _carry_out(self, payment: Payment, refund: Refund) -> None:
        gateway, intent_id = self.gateways.get_gateway(payment.provider), payment.intent_id or ""
        try:
            seen = await gateway.refund_intent(intent_id, refund.amount, refund.id, key=f"refund:{refund.id}")
        except RefundTooLarge as error:
            await self._split(payment, refund, error.most)
            return
        except ProviderPermanent as error:
            await self._refused(payment, refund, error.provider_code or error.code)
            return
        intent = await gateway.read_intent(intent_id)
        async with self.db.transaction() as tx:  # both at once, or the books and the payment would differ in between
            await self.state_machine.record_refund(tx, await self.state_machine.lock_payment(tx, payment.id), seen)
            await self.state_machine.settle_payment(tx, payment.id, intent)
            if (row := await tx.fetchrow(SQL.unfinished_refunds, payment.id)) is not None:
                await self._enqueue_in(tx, row)  # the rest of one that was split

    async def _split(self, payment: Payment, refund: Refund, most: Money) -> None:
        """Into what one capture has left, and the rest, which is asked for after it: each is a refund of its own."""
        rest, now = self.ids.new_uuid(), self.clock.now()
        facts = (refund.id, most.amount, rest, refund.amount.amount - most.amount, now)
        async with self.db.transaction() as tx:
            await self.state_machine.lock_payment(tx, payment.id)
            if await tx.fetchval(SQL.split_refund, *facts) is not None:
                await self.state_machine.jobs.enqueue(tx, RefundPayment(refund_id=refund.id), key=f"refund:{refund.id}")

    async def _refused(self, payment: Payment, refund: Refund, why: str) -> None:
        async with self.db.transaction() as tx:
            if await tx.fetchval(SQL.fail_refund, refund.id, why, self.clock.now()) is not None:
                await self.state_machine.review_queue.open_item(
                    tx, "refund_failed", booking_id=payment.booking_id, payment_id=payment.id,
                    refund_id=str(refund.id), why=why,
                )  # fmt: skip

    @every(30, "refunds.sweep")
    async def enqueue_stranded_refunds(self) -> None:
        """Refunds asked for that no job carries out any more."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.pending_refunds, self.clock.now() - STRANDED_AFTER)
        sweep = Sweep("refunds.enqueue", self.db, self.clock)
        await sweep.process_rows(rows, self._enqueue, key=lambda row: RowKey(str(row["id"])))

    async def _enqueue(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self._enqueue_in(tx, row)

    async def _enqueue_in(self, tx: Tx, row: Record) -> None:
        await self.state_machine.jobs.enqueue(tx, RefundPayment(refund_id=row["id"]), key=f"refund:{row['id']}")


def _checked(amount: Money | None, payment: Payment, left: int) -> int:
    if amount is None:
        return left
    if amount.currency != payment.amount.currency:
        text = f"was paid in {payment.amount.currency}"
        raise InvalidRequest(errors=(FieldError("/currency", "currency_mismatch", text),))
    if amount.amount > left:
        text = f"{payment.to_money(max(0, left)).display} can still be given back, not {amount.display}."
        raise Conflict(text, code="refund_exceeds_captured")
    return amount.amount
