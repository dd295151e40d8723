"""One payment as the books have it beside the intent as the provider shows it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from asyncpg import Record

from hub.core.money import Money
from hub.sales.bookings import BookingStatus, PaymentStatus
from hub.sales.payments import BalanceMovement, Intent, Payment, ProviderDispute, can_transition, is_unpaid_page_attempt
from hub.sales.reconciliation.model import BreakKind, Finding, get_write_off_limit

WRITE_OFF_KINDS = frozenset({BreakKind.CAPTURED, BreakKind.REFUNDED, BreakKind.DISPUTED})
"""What a small difference may be written off of."""
INTENT_KINDS = WRITE_OFF_KINDS | {BreakKind.AMOUNT, BreakKind.FEE, BreakKind.STATUS, BreakKind.INTENT_MISSING}
_OVER = frozenset({PaymentStatus.RELEASED, PaymentStatus.FAILED})
_MONEY = frozenset({
    PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED, PaymentStatus.PAID, PaymentStatus.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED,
})  # fmt: skip
_OPEN = frozenset({PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION})


@dataclass(frozen=True, slots=True)
class RecordedPayment:
    """A payment with what the books know beyond its row. `refunds` are "id status", `disputes` "id status amount
    currency", `written_off` in minor units.
    """

    payment: Payment
    booking_status: BookingStatus
    written_off: int
    fee: Money | None
    refunds: frozenset[str]
    disputes: frozenset[str]

    @classmethod
    def from_row(cls, row: Record) -> Self:
        return cls(
            payment=Payment.from_row(row),
            booking_status=BookingStatus(row["booking_status"]),
            written_off=row["written_off"],
            fee=Money(row["fee"], row["fee_currency"]) if row["fee"] is not None else None,
            refunds=frozenset(row["refunds_seen"]),
            disputes=frozenset(row["disputes_seen"]),
        )

    @property
    def expected_balance(self) -> int:
        """What must be in the provider's balance of it."""
        return self.payment.captured - self.payment.refunded - self.payment.disputed - self.written_off


def get_disputed_amount(ours: RecordedPayment, theirs: Intent) -> int:
    """What the banks have of it. Where the provider does not say it in the payment's currency, what is booked."""
    worths = [dispute.get_amount_in(theirs.amount.currency) for dispute in theirs.disputes]
    known = [worth for worth in worths if worth is not None]
    return sum(known) if len(known) == len(worths) else ours.payment.disputed


def get_remaining_amount(ours: RecordedPayment, theirs: Intent) -> int:
    """What the provider says it has kept of it."""
    return theirs.captured - theirs.refunded - get_disputed_amount(ours, theirs)


def has_unsettled_changes(ours: RecordedPayment, theirs: Intent) -> bool:
    """Whether the ledger has something to take over. What it could not book is none: that is a break."""
    payment = ours.payment
    if payment.amount != theirs.amount or not theirs.is_consistent:
        return False
    seen = {f"{one.id} {one.status}" for one in theirs.refunds or ()}
    return (
        (payment.intent_id is None and not is_unpaid_page_attempt(payment, theirs))
        or theirs.captured > payment.captured
        or (theirs.refunds is None and theirs.refunded > payment.refunded)
        or not ours.refunds.issuperset(seen)
        or not ours.disputes.issuperset(map(_facts, theirs.disputes))
        or (
            payment.status is not theirs.status
            and not payment.captured
            and can_transition(payment.status, theirs.status)
        )
        or (ours.fee is None and theirs.fee is not None)
    )


def _facts(dispute: ProviderDispute) -> str:
    return f"{dispute.id} {dispute.status} {dispute.amount.amount} {dispute.amount.currency}"


def compute_gap(ours: RecordedPayment, theirs: Intent) -> int:
    """By how much the books have more than the provider, in minor units."""
    return ours.expected_balance - get_remaining_amount(ours, theirs)


def can_write_off(ours: RecordedPayment, theirs: Intent) -> bool:
    """Little is missing, also together with what is written off already; more money than expected never is."""
    missing = compute_gap(ours, theirs)
    return missing > 0 and ours.written_off + missing <= get_write_off_limit(ours.payment.amount.currency)


def find_payment_differences(ours: RecordedPayment, theirs: Intent) -> list[Finding]:
    """What remains to be told once the ledger has taken over the news."""
    if ours.payment.amount != theirs.amount:
        return [_found(BreakKind.AMOUNT, ours, {"amount": ours.payment.amount}, {"amount": theirs.amount})]
    found = [] if ours.written_off and compute_gap(ours, theirs) == 0 else _sums(ours, theirs)
    if _status_differs(ours, theirs):
        found.append(_found(BreakKind.STATUS, ours, {"status": ours.payment.status}, {"status": theirs.status}))
    if ours.fee is not None and theirs.fee is not None and ours.fee != theirs.fee:
        found.append(_found(BreakKind.FEE, ours, {"fee": ours.fee}, {"fee": theirs.fee}))
    return found


def _sums(ours: RecordedPayment, theirs: Intent) -> list[Finding]:
    payment = ours.payment
    told = (
        (BreakKind.CAPTURED, payment.captured, theirs.captured),
        (BreakKind.REFUNDED, payment.refunded, theirs.refunded),
        (BreakKind.DISPUTED, payment.disputed, get_disputed_amount(ours, theirs)),
    )
    return [
        _found(kind, ours, {"amount": payment.to_money(had)}, {"amount": payment.to_money(has)})
        for kind, had, has in told
        if had != has
    ]


def _status_differs(ours: RecordedPayment, theirs: Intent) -> bool:
    """Money on one side only. What is on its way settles by itself, or is stuck, which shows elsewhere."""
    if ours.payment.status in _OVER:
        return theirs.status in _MONEY - {PaymentStatus.REFUNDED}
    return ours.payment.status in _MONEY and theirs.status in _OVER | _OPEN


def find_balance_difference(ours: RecordedPayment, movements: Iterable[BalanceMovement]) -> Finding | None:
    """For a payment all of whose lines are at hand. None also where it is settled in another currency, or not yet."""
    lines = list(movements)
    if not any(one.is_charge for one in lines) or {one.amount.currency for one in lines} != {
        ours.payment.amount.currency
    }:
        return None
    has = sum(one.amount.amount for one in lines)
    if has == ours.expected_balance:
        return None
    money = ours.payment.to_money
    return _found(BreakKind.BALANCE, ours, {"kept": money(ours.expected_balance)}, {"balance": money(has)})


def _found(kind: BreakKind, ours: RecordedPayment, mine: dict[str, Any], theirs: dict[str, Any]) -> Finding:
    payment = ours.payment
    facts = {"provider": payment.provider, "intent": payment.intent_id}
    return Finding(kind, str(payment.id), _told(mine), facts | _told(theirs), payment.booking_id, payment.id)


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: one.display if isinstance(one, Money) else str(one) for name, one in facts.items()}


def find_stray_intent(provider: str, theirs: Intent, payment: RecordedPayment | None) -> Finding | None:
    """An intent under our mark that no payment of ours has. None when nothing is at stake."""
    at_stake = theirs.status in _MONEY - {PaymentStatus.REFUNDED} or theirs.status is PaymentStatus.PROCESSING
    told = {"provider": provider, "intent": theirs.id, "status": str(theirs.status), "amount": theirs.amount.display}
    if payment is None:
        return (
            Finding(BreakKind.STRAY_INTENT, theirs.id, {}, told | {"mark": str(theirs.payment_id)})
            if at_stake
            else None
        )
    if not at_stake and theirs.status not in _OPEN:
        return None
    one = payment.payment
    ours = {"intent": one.intent_id, "status": str(one.status)}
    return Finding(BreakKind.SECOND_INTENT, theirs.id, ours, told, one.booking_id, one.id)
