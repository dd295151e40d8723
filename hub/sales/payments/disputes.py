"""Disputes: the books follow the provider's latest state, round after round.

inquiry ──> open ──> won      inquiry: the bank asks, and no money moves      open: the bank keeps it meanwhile
│         │ ^      │       won: it is the hub's again, or an inquiry came to nothing
└──> won  v └──────┘       lost: it is the traveler's
lost <─> open     a decided dispute may go into another round, at any time
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Tx, load_queries
from hub.oversight.audit import AuditLog
from hub.oversight.review_queue import ReviewQueue
from hub.sales.payments.gateway import DisputeStatus, ProviderDispute
from hub.sales.payments.ledger import Ledger, TransactionKind
from hub.sales.payments.model import Payment

SQL = load_queries("payments")

_ACCOUNTS: Mapping[DisputeStatus, str] = MappingProxyType({
    "inquiry": "taken", "open": "disputed", "won": "taken", "lost": "traveller",
})  # fmt: skip
"""Where the disputed money is."""
_MOVEMENTS: Mapping[tuple[str, str], tuple[TransactionKind, ...]] = MappingProxyType({
    ("taken", "disputed"): ("dispute",),
    ("taken", "traveller"): ("dispute", "dispute_lost"),
    ("disputed", "taken"): ("dispute_won",),
    ("disputed", "traveller"): ("dispute_lost",),
    ("traveller", "disputed"): ("dispute_reopened",),
    ("traveller", "taken"): ("dispute_reopened", "dispute_won"),
})  # fmt: skip
_FOR_PEOPLE = frozenset({"inquiry", "open", "lost"})


@dataclass(frozen=True, slots=True)
class _Booked:
    """How a dispute stands in the books. `amount` in minor units of the payment's currency."""

    status: DisputeStatus = "inquiry"
    amount: int = 0


@dataclass(frozen=True, slots=True)
class DisputeRecorder:
    ledger: Ledger
    audit: AuditLog
    review_queue: ReviewQueue
    clock: Clock
    ids: IdGenerator

    async def record_dispute(self, tx: Tx, payment: Payment, captured: int, seen: ProviderDispute) -> None:
        """Takes over how a dispute stands now. An answer older than the one on record changes nothing."""
        asked_at = seen.seen_at or self.clock.now()
        row = await tx.fetchrow(SQL.lock_dispute, seen.id)
        if row is not None and row["seen_at"] is not None and asked_at < row["seen_at"]:
            return
        was = _Booked(row["status"], row["booked"]) if row else _Booked()
        now = _Booked(seen.status, await self._amount(tx, payment, captured, seen, was))
        await self._post(tx, payment, seen.id, was, now)
        await tx.execute(
            SQL.record_dispute,
            self.ids.new_uuid(),
            payment.id,
            seen.id,
            seen.amount.amount,
            seen.amount.currency,
            seen.reason,
            seen.status,
            seen.due_by,
            now.amount,
            asked_at,
            self.clock.now(),
        )
        if row is None or was.status != seen.status:
            await self._announce(tx, payment, seen, row)

    async def _amount(self, tx: Tx, payment: Payment, captured: int, seen: ProviderDispute, was: _Booked) -> int:
        """What the bank has of the payment. Of a dispute in another currency whose worth the provider does not say:
        all that the payment has kept.
        """
        if _ACCOUNTS[seen.status] == "taken":
            return 0
        known = seen.get_amount_in(payment.amount.currency)
        if known is not None:
            return known
        if was.amount:
            return was.amount
        sums: Record = await tx.fetchrow(SQL.sums, payment.id)  # type: ignore[assignment]
        left: int = captured - sums["refunded"] - sums["disputed"]
        return max(0, left)

    async def _post(self, tx: Tx, payment: Payment, dispute_id: str, was: _Booked, now: _Booked) -> None:
        """Directly where the amount is the same, else back to the hub first and from there."""
        source, target = _ACCOUNTS[was.status], _ACCOUNTS[now.status]
        if was.amount == now.amount:
            steps = [(kind, now.amount) for kind in _MOVEMENTS.get((source, target), ())]
        else:
            steps = [(kind, was.amount) for kind in _MOVEMENTS.get((source, "taken"), ())]
            steps += [(kind, now.amount) for kind in _MOVEMENTS.get(("taken", target), ())]
        for kind, amount in steps:
            await self.ledger.post_transaction(tx, payment.owner, kind, payment.to_money(amount), dispute_id)

    async def _announce(self, tx: Tx, payment: Payment, seen: ProviderDispute, row: Record | None) -> None:
        await self.audit.record_action(
            tx, f"dispute.{seen.status}", customer_id=payment.customer_id, booking_id=payment.booking_id,
            was=row["status"] if row else None, amount=seen.amount.display,
        )  # fmt: skip
        if row is not None and row["status"] == "inquiry":
            note = "It has come to nothing." if seen.status == "won" else "It has become a chargeback."
            await self.review_queue.close_item(tx, "dispute_inquiry", payment.booking_id, note)
        if seen.status in _FOR_PEOPLE:
            kind = "dispute_inquiry" if seen.status == "inquiry" else "dispute"
            await self.review_queue.open_item(
                tx, kind, booking_id=payment.booking_id, payment_id=payment.id, status=seen.status,
                reason=seen.reason, amount=seen.amount.display,
                due_by=seen.due_by.isoformat() if seen.due_by else None,
            )  # fmt: skip
