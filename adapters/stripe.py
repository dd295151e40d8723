"""Stripe: payment intents with manual capture, over the official SDK.

What differs from the hub's words is decided here: currencies that Stripe counts otherwise than ISO 4217, and statuses.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import stripe

from adapters.shims import StripeHTTP, translate
from adapters.transport import Transport
from hub.bookings import PaymentStatus
from hub.core.errors import BadRequest, ProviderPermanent, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedEvent
from hub.core.money import Money
from hub.payments import DisputeSeen, Intent, IntentRequest, Movement, RefundSeen

_CENTS_ALL_THE_SAME = frozenset({"ISK", "UGX"})
"""No decimals in ISO 4217, sent to Stripe in hundredths (docs.stripe.com/currencies, special cases)."""
_WHOLE_ALL_THE_SAME = frozenset({"MGA"})
"""Two decimals in ISO 4217, whole units at Stripe."""
_TENS_ONLY = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Three decimals, of which Stripe takes no third."""

_STATUS = {
    "requires_payment_method": PaymentStatus.UNPAID,
    "requires_confirmation": PaymentStatus.UNPAID,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.AUTHORISED,
    "canceled": PaymentStatus.RELEASED,
    "succeeded": PaymentStatus.PAID,
}
_REFUND_STATUS: dict[str, Literal["pending", "succeeded", "failed"]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
_WHOLE = ["latest_charge.refunds", "latest_charge.balance_transaction"]
_TAKING = frozenset({"charge", "payment"})
"""Types of balance transactions that stand for a charge itself (docs.stripe.com/reports/balance-transaction-types)."""
_MOVING = [
    *(f"payment_intent.{what}" for what in ("requires_action", "processing", "amount_capturable_updated")),
    *(f"payment_intent.{what}" for what in ("succeeded", "payment_failed", "canceled")),
    *("charge.refunded", "refund.created", "refund.updated", "refund.failed"),
    *(f"charge.dispute.{what}" for what in ("created", "closed", "funds_withdrawn", "funds_reinstated")),
    *(f"checkout.session.{what}" for what in ("completed", "expired")),
    *(f"checkout.session.async_payment_{what}" for what in ("succeeded", "failed")),
]
"""The events that can change a payment. Stripe takes up to 20 names."""
TOLERANCE = 300
"""Seconds between a signature's timestamp and our clock, either way."""


def to_wire(money: Money) -> int:
    """The amount as Stripe counts it. Raises ProviderPermanent for what it cannot express."""
    if money.currency in _CENTS_ALL_THE_SAME:
        return money.amount * 100
    if money.currency in _WHOLE_ALL_THE_SAME:
        return _exact(money, 100)
    if money.currency in _TENS_ONLY and money.amount % 10:
        raise ProviderPermanent(
            "stripe", f"cannot charge {money.display} exactly", provider_code="amount_not_supported"
        )
    return money.amount


def from_wire(amount: int, currency: str) -> Money:
    code = currency.upper()
    if code in _CENTS_ALL_THE_SAME:
        return Money(amount // 100, code)
    return Money(amount * 100 if code in _WHOLE_ALL_THE_SAME else amount, code)


def _exact(money: Money, unit: int) -> int:
    if money.amount % unit:
        raise ProviderPermanent(
            "stripe", f"cannot charge {money.display} exactly", provider_code="amount_not_supported"
        )
    return money.amount // unit


class StripeGateway:
    """The payments' port, spoken to Stripe."""

    name = "stripe"
    keeps_customers = True

    def __init__(self, transport: Transport, *, secret_key: str, publishable_key: str, base_url: str) -> None:
        self.publishable_key = publishable_key
        stripe.enable_telemetry = False
        self._client = stripe.StripeClient(
            secret_key,
            http_client=StripeHTTP(transport),
            base_addresses={"api": base_url},
            max_network_retries=0,
        )

    def intent_of(self, event: dict[str, Any]) -> str | None:
        """From the event's object: the intent itself, or the one that a charge, refund or dispute belongs to."""
        inner = event.get("data", {}).get("object", {})
        if not isinstance(inner, dict):
            return None
        found = inner.get("id") if inner.get("object") == "payment_intent" else inner.get("payment_intent")
        return found if isinstance(found, str) else None

    async def ping(self) -> None:
        """One harmless read, to see whether the key is good."""
        with translate("stripe"):
            await self._client.v1.payment_intents.list_async({"limit": 1})

    async def ensure_customer(self, customer_id: UUID, email: str, name: str) -> str:
        with translate("stripe"):
            made = await self._client.v1.customers.create_async(
                {"email": email, "name": name, "metadata": {"customer_id": str(customer_id)}},
                {"idempotency_key": f"customer:{customer_id}:create"},
            )
        return made.id

    async def forget_customer(self, payment_customer_id: str, key: str) -> None:
        """Stripe keeps no key for a DELETE: a second one finds nothing, and that is what was wanted."""
        try:
            with translate("stripe"):
                await self._client.v1.customers.delete_async(payment_customer_id, {}, {"idempotency_key": key})
        except ProviderPermanent as error:
            if error.provider_code != "resource_missing":
                raise

    async def create(self, request: IntentRequest, key: str) -> Intent:
        params: Any = {
            "amount": to_wire(request.amount),
            "currency": request.amount.currency.lower(),
            # Cards are held first; a method that knows no hold takes the money at once, and the order follows.
            "capture_method": "automatic_async",
            "payment_method_options": {"card": {"capture_method": "manual"}},
            "automatic_payment_methods": {"enabled": True},
            "description": request.description,
            "metadata": {"booking_id": str(request.booking_id), "payment_id": str(request.payment_id)},
        }
        if request.payment_customer_id:
            params["customer"] = request.payment_customer_id
        with translate("stripe"):
            return _intent(await self._client.v1.payment_intents.create_async(params, {"idempotency_key": key}))

    async def read(self, intent_id: str) -> Intent:
        with translate("stripe"):
            found = await self._client.v1.payment_intents.retrieve_async(intent_id, {"expand": _WHOLE})
        return await self._whole(found)

    async def capture(self, intent_id: str, key: str) -> Intent:
        with translate("stripe"):
            found = await self._client.v1.payment_intents.capture_async(
                intent_id, {"expand": _WHOLE}, {"idempotency_key": key}
            )
        return await self._whole(found)

    async def cancel(self, intent_id: str, key: str) -> Intent:
        with translate("stripe"):
            return _intent(await self._client.v1.payment_intents.cancel_async(intent_id, {}, {"idempotency_key": key}))

    async def refund(self, intent_id: str, amount: Money, refund_id: UUID, key: str) -> RefundSeen:
        params: Any = {
            "payment_intent": intent_id,
            "amount": to_wire(amount),
            "metadata": {"refund_id": str(refund_id)},
        }
        with translate("stripe"):
            made = await self._client.v1.refunds.create_async(params, {"idempotency_key": key})
        return _refund(made.to_dict(), amount.currency)

    async def intents(self, since: datetime) -> list[Intent]:
        """One call for a hundred; one more for each that is disputed."""
        expand = [f"data.{one}" for one in _WHOLE]
        found = await _every(self._client.v1.payment_intents.list_async, since, expand=expand)
        return [await self._whole(one) for one in found]

    async def movements(self, since: datetime) -> list[Movement]:
        listed = await _every(self._client.v1.balance_transactions.list_async, since, expand=["data.source"])
        found = (_movement(one.to_dict()) for one in listed)
        return [one for one in found if one is not None]

    async def events(self, since: datetime, *, undelivered: bool = False) -> list[VerifiedEvent]:
        """Stripe keeps events for 30 days, and counts as undelivered what waits or has been given up."""
        only = {"delivery_success": False} if undelivered else {}
        found = await _every(self._client.v1.events.list_async, since, types=_MOVING, **only)
        return [_event(one.to_dict(), raw=b"") for one in reversed(found)]

    async def _whole(self, found: Any) -> Intent:
        """With its disputes, which Stripe tells only when asked."""
        charge = found.to_dict().get("latest_charge")
        if not isinstance(charge, dict) or not charge.get("disputed"):
            return _intent(found)
        with translate("stripe"):
            listed = await self._client.v1.disputes.list_async({"payment_intent": found.id, "limit": 100})
        return _intent(found, tuple(one.to_dict() for one in listed.data))


async def _every(ask: Any, since: datetime, **params: Any) -> list[Any]:
    """All pages of a list, the newest first."""
    with translate("stripe"):
        first = await ask({"created": {"gte": int(since.timestamp())}, "limit": 100, **params})
        return [one async for one in first.auto_paging_iter()]


def _intent(found: Any, disputes: tuple[dict[str, Any], ...] = ()) -> Intent:
    """Total: a status that Stripe adds one day is `processing`, neither success nor failure."""
    wire = found.to_dict()
    currency, charge = wire["currency"], wire.get("latest_charge")
    refunded = _refunded(charge)
    captured = wire.get("amount_received") or 0
    error = wire.get("last_payment_error") or {}
    return Intent(
        id=wire["id"],
        payment_id=_uuid(wire.get("metadata", {}).get("payment_id")),
        amount=from_wire(wire["amount"], currency),
        status=_status(wire["status"], captured, refunded),
        captured=from_wire(captured, currency).amount,
        refunded=from_wire(refunded, currency).amount,
        client_secret=wire.get("client_secret"),
        failure=error.get("decline_code") or error.get("code"),
        refunds=_refunds(charge, captured, currency),
        disputes=tuple(_dispute(one, currency) for one in disputes),
        fee=_fee(charge),
    )


def _refunds(charge: Any, captured: int, currency: str) -> tuple[RefundSeen, ...] | None:
    """None when the list was not expanded. What gave back a hold that was never taken is no refund to the hub."""
    listed = charge.get("refunds") if isinstance(charge, dict) else None
    if not isinstance(listed, dict):
        return None
    return tuple(_refund(one, currency) for one in listed["data"]) if captured else ()


def _refund(wire: dict[str, Any], currency: str) -> RefundSeen:
    status = _REFUND_STATUS.get(wire.get("status") or "", "pending")
    known = _uuid((wire.get("metadata") or {}).get("refund_id"))
    return RefundSeen(wire["id"], from_wire(wire["amount"], currency).amount, status, known, wire.get("reason"))


def _dispute(wire: dict[str, Any], currency: str) -> DisputeSeen:
    """An inquiry (`warning_…`) takes no money; what else is not decided is open."""
    status = wire.get("status") or ""
    if status in {"won", "warning_closed", "prevented"} or status.startswith("warning_"):
        state: Literal["open", "won", "lost"] = "won"
    else:
        state = "lost" if status == "lost" else "open"
    due = (wire.get("evidence_details") or {}).get("due_by")
    by = datetime.fromtimestamp(due, UTC) if isinstance(due, int) else None
    return DisputeSeen(wire["id"], from_wire(wire["amount"], currency).amount, state, wire.get("reason"), by)


def _fee(charge: Any) -> Money | None:
    booked = charge.get("balance_transaction") if isinstance(charge, dict) else None
    if not isinstance(booked, dict) or not isinstance(booked.get("fee"), int):
        return None
    return from_wire(booked["fee"], booked["currency"])


def _movement(wire: dict[str, Any]) -> Movement | None:
    """None for what is no payment's: payouts, Stripe's bills, what somebody takes outside of intents."""
    source = wire.get("source")
    intent_id = source.get("payment_intent") if isinstance(source, dict) else None
    if not isinstance(intent_id, str):
        return None
    amount, fee = (from_wire(int(wire[name] or 0), wire["currency"]) for name in ("amount", "fee"))
    return Movement(wire["id"], intent_id, wire.get("type") in _TAKING, amount, fee)


def _event(payload: dict[str, Any], raw: bytes | None = None) -> VerifiedEvent:
    """Raises what a payload that is no event raises."""
    return VerifiedEvent(
        event_id=str(payload["id"]),
        type=str(payload["type"]),
        payload=payload,
        occurred_at=datetime.fromtimestamp(int(payload["created"]), UTC),
        raw=raw,
    )


def _refunded(charge: Any) -> int:
    """What came back of what was taken. Stripe also counts as refunded what was held and never captured."""
    if not isinstance(charge, dict):
        return 0
    never_taken = int(charge["amount"]) - int(charge["amount_captured"])
    return max(0, int(charge["amount_refunded"]) - never_taken)


def _status(wire: str, captured: int, refunded: int) -> PaymentStatus:
    status = _STATUS.get(wire, PaymentStatus.PROCESSING)
    if status is not PaymentStatus.PAID or not refunded:
        return status
    return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text)
    except (TypeError, ValueError, AttributeError):
        return None


class StripeWebhooks:
    """Stripe-Signature over the raw bytes; several secrets while one is being rotated."""

    name = "stripe"

    def __init__(self, secrets: Sequence[str], now: Callable[[], datetime]) -> None:
        self._secrets = tuple(secrets)
        self._now = now

    @property
    def configured(self) -> bool:
        return bool(self._secrets)

    def verify(self, raw: RawWebhook) -> VerifiedEvent:
        """Raises Unauthenticated for a signature that is wrong, old or from the future, BadRequest for the rest."""
        header = raw.headers.get("Stripe-Signature", "")
        if not any(self._signed(raw.body, header, secret) for secret in self._secrets):
            raise Unauthenticated("The signature is not valid.", code="bad_signature")
        try:
            return _event(json.loads(raw.body))
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError, OSError) as error:
            raise BadRequest("The event cannot be read.") from error

    def _signed(self, body: bytes, header: str, secret: str) -> bool:
        """The SDK checks the signature and the age; it lets timestamps of the future pass, so those are ours."""
        try:
            stripe.WebhookSignature.verify_header(body.decode("utf-8"), header, secret, None)
            # The first t, which is the one that the SDK has verified: a second one is nobody's word.
            signed_at = int(next(part[2:] for part in header.split(",") if part.startswith("t=")))
        except (stripe.SignatureVerificationError, ValueError, TypeError, AttributeError):
            return False
        return abs(int(self._now().timestamp()) - signed_at) <= TOLERANCE
