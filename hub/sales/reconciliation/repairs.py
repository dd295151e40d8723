"""Proposals that need no judgement, carried out when somebody asks for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from hub.core.context import about
from hub.core.db import Database, Tx
from hub.core.errors import ProviderError
from hub.core.jobs import Job
from hub.core.money import Money
from hub.core.row_failures import RowKey, Sweep
from hub.sales.bookings import BookingStatus, CapturePayment, FulfilBooking, PaymentStatus, ReleasePayment
from hub.sales.payments import Gateways, Ledger
from hub.sales.payments.payment_state import ENDED
from hub.sales.payments.refunds import RefundPayment
from hub.sales.reconciliation.breaks import Breaks
from hub.sales.reconciliation.model import Break, Kind, Note, Report, count, note_failures

log = structlog.get_logger(__name__)
GONE = frozenset({"cancelled", "refused"})


@dataclass(frozen=True, slots=True)
class Mending:
    """Each act is one that the hub would have done itself, had it heard in time. Whether it has helped, the next run
    sees.
    """

    db: Database
    ledger: Ledger
    gateways: Gateways
    breaks: Breaks

    async def mend(self, report: Report) -> None:
        """All that can be mended of what is open. One that fails leaves the others their turn."""
        acts: dict[Kind, Callable[[Break], Awaitable[bool]]] = {
            Kind.MONEY_WITHOUT_BOOKING: self._give_back,
            Kind.HOLD_EXPIRING: self._hold,
            Kind.REFUND_STUCK: self._refund,
            Kind.BOOKING_WITHOUT_TICKET: self._end,
            Kind.SECOND_INTENT: self._let_go,
        }

        async def carry_out(one: Break) -> None:
            with about(booking_id=one.booking_id):
                done = await acts[Kind(one.kind)](one)
            count(report.mended, one.kind, int(done))

        sweep = Sweep("reconcile.mend", self.db, self.breaks.clock, waits=False)
        failures = await sweep.process(await self.breaks.open(frozenset(acts)), carry_out, key=_break_key)
        for failure in failures:
            error = failure.error
            if isinstance(error, ProviderError):
                report.notes.append(Note("mending", error.provider, error.code, error.detail))
            else:
                note_failures(report, "mending", "hub", [failure])

    async def _give_back(self, one: Break) -> bool:
        booking_id = _booking(one)
        async with self.db.transaction() as tx:
            await self._release(tx, booking_id)
        return True

    async def _hold(self, one: Break) -> bool:
        """Each state of the booking has its own way out of a hold."""
        booking_id = _booking(one)
        async with self.db.transaction() as tx:
            booking = await self.ledger.bookings.find(tx, booking_id)
            if booking.status in ENDED:
                await self._release(tx, booking_id)
            elif booking.status in {BookingStatus.ORDERED, BookingStatus.CONFIRMED}:
                await self._ask(tx, CapturePayment(booking_id=booking_id), f"booking:{booking_id}:capture")
            else:
                await self._ask(tx, FulfilBooking(booking_id=booking_id), f"booking:{booking_id}:fulfil")
        return True

    async def _refund(self, one: Break) -> bool:
        async with self.db.transaction() as tx:
            await self._ask(tx, RefundPayment(refund_id=UUID(one.subject)), f"refund:{one.subject}")
        return True

    async def _end(self, one: Break) -> bool:
        """As when the supplier's own word of it comes: the money goes back, and the traveller is told."""
        if one.theirs["status"] not in GONE:
            return False
        async with self.db.transaction() as tx:
            booking = await self.ledger.bookings.find(tx, _booking(one), lock=True)
            ended = await self.ledger.bookings.end(tx, booking, BookingStatus.CANCELLED, failure="supplier_cancelled")
        return ended is not None

    async def _let_go(self, one: Break) -> bool:
        """An intent beside the one that counts: cancelled, or given back what it took, under keys of its own."""
        gateway = self.gateways.of(one.theirs["provider"])
        intent = await gateway.read(one.subject)
        kept = intent.captured - intent.refunded
        if intent.captured and kept > 0:
            money = Money(kept, intent.amount.currency)
            mark = uuid5(NAMESPACE_URL, f"refund:{intent.id}:{kept}")
            await gateway.refund(intent.id, money, mark, key=f"intent:{intent.id}:refund:{kept}")
        elif intent.status in {PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION, PaymentStatus.AUTHORISED}:
            await gateway.cancel(intent.id, key=f"intent:{intent.id}:cancel")
        else:
            return False
        log.info("intent.let_go", intent=intent.id, provider=gateway.name)
        return True

    async def _release(self, tx: Tx, booking_id: UUID) -> None:
        await self._ask(
            tx, ReleasePayment(booking_id=booking_id, because="reconciliation"), f"booking:{booking_id}:release"
        )

    async def _ask(self, tx: Tx, work: Job, key: str) -> None:
        await self.ledger.jobs.enqueue(tx, work, key=key)


def _break_key(one: Break) -> RowKey:
    return RowKey(str(one.id), one.booking_id, one.payment_id)


def _booking(one: Break) -> UUID:
    if one.booking_id is None:
        raise ValueError(f"{one.kind} without a booking")
    return one.booking_id
