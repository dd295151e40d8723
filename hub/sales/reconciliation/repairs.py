"""Proposals that need no judgement, carried out when somebody asks for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from hub.core.context import bind_context
from hub.core.db import Database, Tx
from hub.core.errors import ProviderError
from hub.core.jobs import Job
from hub.core.money import Money
from hub.core.row_failures import RowKey, Sweep
from hub.sales.bookings import BookingStatus, CapturePayment, FulfillBooking, PaymentStatus, ReleasePayment
from hub.sales.payments import ENDED_BOOKING_STATUSES, GatewayRegistry, PaymentStateMachine, RefundPayment
from hub.sales.reconciliation.breaks import BreakRegister
from hub.sales.reconciliation.model import Break, BreakKind, ReconciliationReport, RunNote, add_count, add_failure_notes

log = structlog.get_logger(__name__)
ENDED_ORDER_STATUSES = frozenset({"cancelled", "refused"})


@dataclass(frozen=True, slots=True)
class Repairs:
    """Each act is one that the hub would have done itself, had it heard in time. Whether it has helped, the next run
    sees.
    """

    db: Database
    state_machine: PaymentStateMachine
    gateways: GatewayRegistry
    breaks: BreakRegister

    async def repair_breaks(self, report: ReconciliationReport) -> None:
        """All that can be mended of what is open. One that fails leaves the others their turn."""
        acts: dict[BreakKind, Callable[[Break], Awaitable[bool]]] = {
            BreakKind.MONEY_WITHOUT_BOOKING: self._give_back,
            BreakKind.HOLD_EXPIRING: self._hold,
            BreakKind.REFUND_STUCK: self._refund,
            BreakKind.BOOKING_WITHOUT_TICKET: self._end,
            BreakKind.SECOND_INTENT: self._let_go,
        }

        async def carry_out(one: Break) -> None:
            with bind_context(booking_id=one.booking_id):
                done = await acts[BreakKind(one.kind)](one)
            add_count(report.mended, one.kind, int(done))

        sweep = Sweep("reconcile.mend", self.db, self.breaks.clock, respects_backoff=False)
        failures = await sweep.process_rows(
            await self.breaks.list_open_breaks(frozenset(acts)), carry_out, key=_break_key
        )
        for failure in failures:
            error = failure.error
            if isinstance(error, ProviderError):
                report.notes.append(RunNote("mending", error.provider, error.code, error.detail))
            else:
                add_failure_notes(report, "mending", "hub", [failure])

    async def _give_back(self, one: Break) -> bool:
        booking_id = _booking(one)
        async with self.db.transaction() as tx:
            await self._release(tx, booking_id)
        return True

    async def _hold(self, one: Break) -> bool:
        """Each state of the booking has its own way out of a hold."""
        booking_id = _booking(one)
        async with self.db.transaction() as tx:
            booking = await self.state_machine.bookings.find_booking(tx, booking_id)
            if booking.status in ENDED_BOOKING_STATUSES:
                await self._release(tx, booking_id)
            elif booking.status in {BookingStatus.ORDERED, BookingStatus.CONFIRMED}:
                await self._ask(tx, CapturePayment(booking_id=booking_id), f"booking:{booking_id}:capture")
            else:
                await self._ask(tx, FulfillBooking(booking_id=booking_id), f"booking:{booking_id}:fulfil")
        return True

    async def _refund(self, one: Break) -> bool:
        async with self.db.transaction() as tx:
            await self._ask(tx, RefundPayment(refund_id=UUID(one.subject)), f"refund:{one.subject}")
        return True

    async def _end(self, one: Break) -> bool:
        """As when the supplier's own word of it comes: the money goes back, and the traveller is told."""
        if one.theirs["status"] not in ENDED_ORDER_STATUSES:
            return False
        async with self.db.transaction() as tx:
            booking = await self.state_machine.bookings.find_booking(tx, _booking(one), lock=True)
            ended = await self.state_machine.bookings.end_booking(
                tx, booking, BookingStatus.CANCELED, failure="supplier_cancelled"
            )
        return ended is not None

    async def _let_go(self, one: Break) -> bool:
        """An intent beside the one that counts: cancelled, or given back what it took, under keys of its own."""
        gateway = self.gateways.get_gateway(one.theirs["provider"])
        intent = await gateway.read_intent(one.subject)
        kept = intent.captured - intent.refunded
        if intent.captured and kept > 0:
            money = Money(kept, intent.amount.currency)
            mark = uuid5(NAMESPACE_URL, f"refund:{intent.id}:{kept}")
            await gateway.refund_intent(intent.id, money, mark, key=f"intent:{intent.id}:refund:{kept}")
        elif intent.status in {PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION, PaymentStatus.AUTHORIZED}:
            await gateway.cancel_intent(intent.id, key=f"intent:{intent.id}:cancel")
        else:
            return False
        log.info("intent.let_go", intent=intent.id, provider=gateway.name)
        return True

    async def _release(self, tx: Tx, booking_id: UUID) -> None:
        await self._ask(
            tx, ReleasePayment(booking_id=booking_id, because="reconciliation"), f"booking:{booking_id}:release"
        )

    async def _ask(self, tx: Tx, work: Job, key: str) -> None:
        await self.state_machine.jobs.enqueue(tx, work, key=key)


def _break_key(one: Break) -> RowKey:
    return RowKey(str(one.id), one.booking_id, one.payment_id)


def _booking(one: Break) -> UUID:
    if one.booking_id is None:
        raise ValueError(f"{one.kind} without a booking")
    return one.booking_id
