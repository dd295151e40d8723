"""What Stripe says, in the hub's words: amounts, statuses, and marks."""

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from adapters.stripe.currencies import CHARGE_LIMITS, WHOLE_HUNDREDS, WHOLE_UNIT_CURRENCIES
from hub.core.charge_limits import is_representable
from hub.core.errors import ProviderPermanent
from hub.core.inbox import VerifiedWebhook
from hub.core.money import Money
from hub.sales.bookings import Decline, PaymentStatus
from hub.sales.payments import (
    AMOUNT_NOT_SUPPORTED,
    BalanceMovement,
    CheckoutPageRequest,
    DisputeStatus,
    Intent,
    IntentRequest,
    ProviderDispute,
    ProviderRefund,
    compute_captured_status,
)

_STATUS = {
    "requires_payment_method": PaymentStatus.UNPAID,
    "requires_confirmation": PaymentStatus.UNPAID,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.AUTHORIZED,
    "canceled": PaymentStatus.RELEASED,
    "succeeded": PaymentStatus.PAID,
}
_REFUND_STATUS: dict[str, Literal["pending", "succeeded", "failed"]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
_DISPUTE_STATUS: dict[str, DisputeStatus] = {
    "won": "won", "warning_closed": "won", "prevented": "won", "lost": "lost",
}  # fmt: skip
_TAKING = frozenset({"charge", "payment"})
"""Types of balance transactions that stand for a charge itself (docs.stripe.com/reports/balance-transaction-types)."""


def to_wire_amount(money: Money) -> int:
    """The amount as Stripe counts it. Raises ProviderPermanent `amount_not_supported` for what it cannot express."""
    if not is_representable(CHARGE_LIMITS, money):
        text = f"cannot charge {money.display} exactly"
        raise ProviderPermanent("stripe", text, provider_code=AMOUNT_NOT_SUPPORTED)
    if money.currency in WHOLE_HUNDREDS:
        return money.amount * 100
    return money.amount // 100 if money.currency in WHOLE_UNIT_CURRENCIES else money.amount


def from_wire_amount(amount: int, currency: str) -> Money:
    code = currency.upper()
    if code in WHOLE_HUNDREDS:
        return Money(amount // 100, code)
    return Money(amount * 100 if code in WHOLE_UNIT_CURRENCIES else amount, code)


def to_intent(wire: dict[str, Any], disputes: tuple[ProviderDispute, ...] = ()) -> Intent:
    """Total: a status that Stripe adds one day is `processing`, neither success nor failure."""
    currency, charge = wire["currency"], wire.get("latest_charge")
    refunded = _refunded(charge)
    captured = wire.get("amount_received") or 0
    return Intent(
        id=wire["id"],
        payment_id=_uuid(wire.get("metadata", {}).get("payment_id")),
        amount=from_wire_amount(wire["amount"], currency),
        status=_status(wire, captured, refunded),
        captured=from_wire_amount(captured, currency).amount,
        refunded=from_wire_amount(refunded, currency).amount,
        client_secret=wire.get("client_secret"),
        failure=_decline(wire.get("last_payment_error"), charge),
        has_remaining_hold=captured > 0 and (wire.get("amount_capturable") or 0) > 0,
        refunds=_refunds(charge, captured, currency),
        disputes=disputes,
        fee=_fee(charge),
    )


def _decline(error: Any, charge: Any) -> Decline | None:
    """Of `last_payment_error`, which Stripe keeps until the next attempt. The failed charge says when it was."""
    if not isinstance(error, dict):
        return None
    source = error.get("charge") if isinstance(error.get("charge"), str) else ""
    made = charge.get("created") if isinstance(charge, dict) and source and charge.get("id") == source else None
    return Decline(
        code=str(error.get("code") or error.get("type") or "declined"),
        decline_code=error.get("decline_code"),
        at=datetime.fromtimestamp(made, UTC) if isinstance(made, int) else None,
        source=str(source),
    )


def build_metadata(request: IntentRequest | CheckoutPageRequest) -> dict[str, str]:
    return {"booking_id": str(request.booking_id), "payment_id": str(request.payment_id)}


def read_payment_id(wire: dict[str, Any]) -> UUID | None:
    return _uuid((wire.get("metadata") or {}).get("payment_id"))


def _refunds(charge: Any, captured: int, currency: str) -> tuple[ProviderRefund, ...] | None:
    """None when the list was not expanded, or does not say which of them let go of what was never captured."""
    listed = charge.get("refunds") if isinstance(charge, dict) else None
    if not isinstance(listed, dict):
        return None
    if not captured:
        return ()
    refunds = _without_release(listed["data"], int(charge["amount"]) - int(charge["amount_captured"]))
    return None if refunds is None else tuple(to_refund(refund, currency) for refund in refunds)


def _without_release(refunds: list[dict[str, Any]], never_taken: int) -> list[dict[str, Any]] | None:
    """Stripe books the rest of a hold, once a part was captured, as a refund that is on no balance: it is none.

    `refunds` the newest first. None when it cannot be told apart.
    """
    if never_taken <= 0:
        return refunds
    released = [
        refund for refund in refunds if refund["amount"] == never_taken and not refund.get("balance_transaction")
    ]
    return [refund for refund in refunds if refund is not released[-1]] if released else None


def to_refund(wire: dict[str, Any], currency: str) -> ProviderRefund:
    status = _REFUND_STATUS.get(wire.get("status") or "", "pending")
    known = _uuid((wire.get("metadata") or {}).get("refund_id"))
    return ProviderRefund(
        wire["id"], from_wire_amount(wire["amount"], currency).amount, status, known, wire.get("reason")
    )


def to_dispute(wire: dict[str, Any], seen_at: datetime) -> ProviderDispute:
    """An inquiry (`warning_*`) has moved no money; what else is not decided is open. A closed inquiry is won.

    The amount is in the currency of the bank; what was withdrawn, in that of the balance.
    """
    status = wire.get("status") or ""
    state = _DISPUTE_STATUS.get(status, "inquiry" if status.startswith("warning_") else "open")
    due = (wire.get("evidence_details") or {}).get("due_by")
    return ProviderDispute(
        id=wire["id"],
        amount=from_wire_amount(wire["amount"], wire["currency"]),
        status=state,
        reason=wire.get("reason"),
        due_by=datetime.fromtimestamp(due, UTC) if isinstance(due, int) else None,
        withdrawn=_withdrawn(wire.get("balance_transactions")),
        seen_at=seen_at,
    )


def _withdrawn(lines: Any) -> Money | None:
    """What the lines of the balance have taken in all. None where there is none, or it is in more than one currency."""
    moved = [from_wire_amount(-int(line["amount"]), line["currency"]) for line in lines or () if isinstance(line, dict)]
    if not moved or len({money.currency for money in moved}) > 1:
        return None
    total = sum(money.amount for money in moved)
    return Money(total, moved[0].currency) if total > 0 else None


def _fee(charge: Any) -> Money | None:
    booked = charge.get("balance_transaction") if isinstance(charge, dict) else None
    if not isinstance(booked, dict) or not isinstance(booked.get("fee"), int):
        return None
    return from_wire_amount(booked["fee"], booked["currency"])


def to_movement(wire: dict[str, Any]) -> BalanceMovement | None:
    """None for what is no payment's: payouts, Stripe's bills, what somebody takes outside of intents."""
    source = wire.get("source")
    intent_id = source.get("payment_intent") if isinstance(source, dict) else None
    if not isinstance(intent_id, str):
        return None
    amount, fee = (from_wire_amount(int(wire[name] or 0), wire["currency"]) for name in ("amount", "fee"))
    return BalanceMovement(wire["id"], intent_id, wire.get("type") in _TAKING, amount, fee)


def to_verified_event(payload: dict[str, Any], raw: bytes | None = None) -> VerifiedWebhook:
    """Raises what a payload that is no event raises."""
    return VerifiedWebhook(
        event_id=str(payload["id"]),
        type=str(payload["type"]),
        payload=payload,
        occurred_at=_occurred_at(payload["created"]),
        raw=raw,
    )


def _occurred_at(created: int | str) -> datetime:
    """Seconds since 1970; in thin events RFC 3339."""
    if isinstance(created, str):
        moment = datetime.fromisoformat(created)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.fromtimestamp(int(created), UTC)


def _refunded(charge: Any) -> int:
    """What came back of what was taken. Stripe also counts as refunded what was held and never captured."""
    if not isinstance(charge, dict):
        return 0
    never_taken = int(charge["amount"]) - int(charge["amount_captured"])
    return max(0, int(charge["amount_refunded"]) - never_taken)


def _status(wire: dict[str, Any], captured: int, refunded: int) -> PaymentStatus:
    status = _STATUS.get(wire["status"], PaymentStatus.PROCESSING)
    if captured and status in {PaymentStatus.PAID, PaymentStatus.AUTHORIZED}:
        return compute_captured_status(wire["amount"], captured, refunded)
    return PaymentStatus.PROCESSING if status is PaymentStatus.PAID else status


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except (TypeError, ValueError, AttributeError):
        return None
