"""PayPal behind the payments' port: an order with intent AUTHORIZE is the intent.

The hub says `create_intent`, the buyer approves on PayPal's page, and only then can the money be held. That step is
made by `read_intent`: every way in which news of a payment arrives (webhook, the buyer's return, the sweep) ends in a
`read_intent`, so an approval is never overlooked; the hold is made under the payment's own key, so it is made once; and
the buyer has said yes to it. `cancel_intent` marks an order that nothing is held on yet; a `read_intent` holds nothing
on a marked one, and lets go of what a slower `read_intent` has still held.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog

from adapters.paypal import wire
from adapters.paypal.api import PayPalApi, read_error_code, read_json_object, to_paypal_error
from adapters.paypal.currencies import CHARGE_LIMITS
from adapters.transport import CallSender
from hub.core.clock import Clock
from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderTransient
from hub.core.money import Money
from hub.sales.bookings import Decline, PaymentStatus
from hub.sales.payments import (
    AMOUNT_NOT_SUPPORTED,
    Intent,
    IntentRequest,
    ProviderDispute,
    ProviderRefund,
    RefundTooLarge,
)

log = structlog.get_logger(__name__)

_BUYERS = frozenset({
    "CARD_EXPIRED", "INSTRUMENT_DECLINED", "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
    "PAYER_ACCOUNT_RESTRICTED", "PAYER_ACTION_REQUIRED", "PAYER_CANNOT_PAY", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
    "TRANSACTION_LIMIT_EXCEEDED", "TRANSACTION_REFUSED",
})  # fmt: skip
"""What the buyer can mend, with another card or another account."""
_AMOUNT = frozenset({
    "AMOUNT_NOT_SUPPORTED", "CURRENCY_NOT_SUPPORTED", "DECIMALS_NOT_SUPPORTED", "DECIMAL_PRECISION",
    "INVALID_CURRENCY_CODE", "MAX_VALUE_EXCEEDED",
})  # fmt: skip
"""An order that PayPal will not take for its amount or its currency."""
_MOVED = frozenset({"ORDER_ALREADY_AUTHORIZED", "ORDER_ALREADY_COMPLETED", "ORDER_COMPLETED_OR_VOIDED"})
"""The order went on between our reading and our asking."""
_ENDED = frozenset({"PREVIOUSLY_VOIDED", "PREVIOUSLY_CAPTURED"})
"""There is nothing left to void."""
_CAPTURED = frozenset({"AUTHORIZATION_ALREADY_CAPTURED"})
_FORBIDDEN = 403


class PayPalGateway:
    """The payments' port, spoken to PayPal.

    `return_url` and `cancel_url` are where the buyer comes back to, with `{booking_id}` and `{payment_id}` filled in;
    PayPal adds `token` and `PayerID`. `base_url` is https://api-m.paypal.com, or PayPal's sandbox.
    """

    name = "paypal"
    keeps_customers = False
    charge_limits = CHARGE_LIMITS

    def __init__(
        self,
        transport: CallSender,
        *,
        client_id: str,
        client_secret: str,
        base_url: str,
        return_url: str,
        cancel_url: str,
        clock: Clock,
        brand: str = "",
    ) -> None:
        self.publishable_key = client_id
        self._mode = "live" if base_url.rstrip("/").endswith("api-m.paypal.com") else "test"
        self._api = PayPalApi(
            transport, client_id=client_id, client_secret=client_secret, base_url=base_url, clock=clock
        )
        self._return_url = return_url
        self._cancel_url = cancel_url
        self._brand = brand
        self._clock = clock
        self._blind = False
        self._clock = clock

    async def get_account(self) -> str:
        """Orders belong to the app of the client id; PayPal's live and sandbox apps have different ones."""
        return f"{self.publishable_key}/{self._mode}"

    def find_foreign_reason(self, event: dict[str, Any]) -> str | None:  # noqa: ARG002 (the signature names our webhook)
        return None

    def find_intent_id(self, event: dict[str, Any]) -> str | None:
        """The order's id where the event tells it; else `capture:…` or `authorization:…`, which `read_intent` takes
        too.
        """
        resource, kind = event.get("resource"), event.get("resource_type")
        if not isinstance(resource, dict):
            return None
        if kind == "checkout-order":
            return resource["id"] if wire.is_provider_id(resource.get("id")) else None
        return _order_of(resource) or _upwards(resource, kind)

    async def check_access(self) -> None:
        """A token, to see whether the credentials are good."""
        await self._api.check_access()

    async def ensure_customer(self, customer_id: UUID, email: str, name: str, *, key: str) -> str:  # noqa: ARG002
        """Buyers have their own accounts at PayPal, and the hub none for them."""
        return ""

    async def forget_customer(self, payment_customer_id: str, key: str) -> None:
        """Nothing of a person is given to PayPal, beyond what they tell it themselves."""

    async def create_intent(self, request: IntentRequest, key: str) -> Intent:
        """PayPal knows the key for six hours; a second order made after that holds nothing until it is approved."""
        body = wire.build_order_body(
            request, return_url=self._return_url, cancel_url=self._cancel_url, brand=self._brand
        )
        answer = await self._api.send_request("orders.create", "POST", "/v2/checkout/orders", body, key=key)
        if not answer.ok and read_error_code(answer) in _AMOUNT:
            text = "cannot charge this amount"
            raise ProviderPermanent("paypal", text, provider_code=AMOUNT_NOT_SUPPORTED, provider_status=answer.status)
        if not answer.ok:
            raise to_paypal_error(answer)
        return _read(read_json_object(answer), write=True)

    def is_approval(self, event: dict[str, Any]) -> bool:
        return event.get("event_type") == "CHECKOUT.ORDER.APPROVED"

    async def read_intent(self, intent_id: str, attempt: int = 0) -> Intent:
        """An order that its buyer has approved is authorised here (see above).

        Raises ProviderPermanent with provider_code INVALID_RESOURCE_ID for an order that nobody approved in time:
        PayPal forgets it after three hours, and nothing was held.
        """
        order, declined = await self._order(intent_id), None
        if _sound(order, wire.is_ready_to_authorize):
            order, declined = await self._authorised(order, attempt)
        if _sound(order, wire.is_canceled) and _sound(order, wire.has_open_hold):
            order = await self._voided(order, f"payment:{wire.read_payment_id(order)}:cancel")
        return declined or await self._seen(order)

    async def capture_intent(self, intent_id: str, key: str) -> Intent:
        order = await self._order(intent_id)
        hold = _newest_hold(order)
        body = {"amount": hold.get("amount"), "final_capture": True}
        path = f"/v2/payments/authorizations/{_id(hold)}/capture"
        await self._unless(_CAPTURED, "authorizations.capture", path, body, key)
        return await self._seen(await self._order(str(order["id"])))

    async def cancel_intent(self, intent_id: str, key: str) -> Intent:
        """Voids what is held, or marks the order, so that its approval comes to nothing."""
        order = await self._order(intent_id)
        if not _holds(order):
            order = await self._marked(order, key)
        rest = _read(order).has_remaining_hold
        if _holds(order):
            order = await self._voided(order, key)
        intent = await self._seen(order)
        if not rest and intent.status not in {PaymentStatus.RELEASED, PaymentStatus.FAILED}:
            raise ProviderPermanent("paypal", f"cannot cancel what is {intent.status}", provider_code="not_cancellable")
        return intent

    async def refund_intent(self, intent_id: str, amount: Money, refund_id: UUID, key: str) -> ProviderRefund:
        """Of the first capture that has so much left, the largest first; of one that has this very refund, that one: so
        the key has one meaning.
        """
        order = await self._order(intent_id)
        captures = _sound(order, lambda it: wire.refundable(it, refund_id))
        if not captures:
            raise ProviderPermanent("paypal", "has taken nothing that could come back", provider_code="not_captured")
        capture = next((one for one in captures if one.left >= amount.amount), captures[0])
        most = max(one.left for one in captures)
        if capture.left < amount.amount and len(captures) > 1 and most > 0:
            raise RefundTooLarge("paypal", Money(most, amount.currency))
        body = {"amount": wire.to_wire_amount(amount), "custom_id": f"{wire.REFUND_PREFIX}{refund_id}"}
        path = f"/v2/payments/captures/{_path(capture.id)}/refund"
        made = await self._api.request_document("captures.refund", "POST", path, body, key=key)
        try:
            return replace(wire.to_refund(made), refund_id=refund_id)
        except (ValueError, TypeError, AttributeError):
            raise OutcomeUnknown("paypal", "answered captures.refund with something that makes no sense") from None

    async def _order(self, intent_id: str) -> dict[str, Any]:
        """By its own id, or by that of a capture or an authorisation of it."""
        kind, _, ident = intent_id.rpartition(":")
        if kind in {"capture", "authorization"}:
            found = await self._api.request_document(f"{kind}s.get", "GET", f"/v2/payments/{kind}s/{_path(ident)}")
            order_id = _order_of(found)
            if order_id is None:
                raise ProviderPermanent("paypal", f"did not say which order the {kind} is of", provider_code="no_order")
            ident = order_id
        order = await self._api.request_document("orders.get", "GET", f"/v2/checkout/orders/{_path(ident)}")
        _sound(order, lambda it: wire.mark_lapsed_holds(it, self._clock.now()))
        return order

    async def _authorised(self, order: dict[str, Any], attempt: int) -> tuple[dict[str, Any], Intent | None]:
        """The order as it is then. What the buyer can mend is no failure: the intent sends them to PayPal once more.

        PayPal answers a key that was declined with the decline, also when the buyer has chosen another card since.
        """
        ident, key = _path(str(order["id"])), f"payment:{wire.read_payment_id(order)}:authorise"
        key, asked = f"{key}:{attempt}" if attempt else key, self._clock.now()
        answer = await self._api.send_request(
            "orders.authorize", "POST", f"/v2/checkout/orders/{ident}/authorize", {}, key=key
        )
        if answer.ok:
            return read_json_object(answer), None
        code = read_error_code(answer)
        if code in _MOVED:
            return await self._order(ident), None
        if code not in _BUYERS:
            raise to_paypal_error(answer)
        intent = _read(order)
        there = wire.find_link(read_json_object(answer), "redirect", "payer-action") or intent.approval_url
        decline = Decline(code, at=asked, attempt=attempt)
        return order, replace(intent, status=PaymentStatus.REQUIRES_ACTION, failure=decline, approval_url=there)

    async def _voided(self, order: dict[str, Any], key: str) -> dict[str, Any]:
        """The first hold: one that renews it goes with it."""
        path = f"/v2/payments/authorizations/{_id(_holds(order)[0])}/void"
        await self._unless(_ENDED, "authorizations.void", path, None, key)
        return await self._order(str(order["id"]))

    async def _marked(self, order: dict[str, Any], key: str) -> dict[str, Any]:
        """An order cannot be cancelled at PayPal, only left alone; the mark makes all of the hub leave it alone."""
        if order.get("status") == "VOIDED" or _sound(order, wire.is_canceled):
            return order
        ident = str(order["id"])
        mark = f"{wire.CANCELED_PREFIX}{wire.read_payment_id(order) or ''}"
        change = {"op": "replace", "path": "/purchase_units/@reference_id=='default'/custom_id", "value": mark}
        answer = await self._api.send_request(
            "orders.patch", "PATCH", f"/v2/checkout/orders/{_path(ident)}", [change], key=key
        )
        if not answer.ok and read_error_code(answer) not in _MOVED:
            raise to_paypal_error(answer)
        return await self._order(ident)

    async def _unless(self, fine: frozenset[str], operation: str, path: str, body: Any, key: str) -> None:
        """Asks for it; that it has been done already is as good."""
        answer = await self._api.send_request(operation, "POST", path, body, key=key)
        if not answer.ok and read_error_code(answer) not in fine:
            raise to_paypal_error(answer)

    async def _seen(self, order: dict[str, Any]) -> Intent:
        """With its disputes, of which an order says nothing: they are asked for once something was taken."""
        disputes = [one for capture in _sound(order, wire.list_captures) for one in await self._disputes(_id(capture))]
        return _read(order, tuple(disputes))

    async def _disputes(self, capture_id: str) -> list[ProviderDispute]:
        params, asked_at = {"disputed_transaction_id": capture_id}, self._clock.now()
        answer = await self._api.send_request("disputes.list", "GET", "/v1/customer/disputes", params=params)
        if answer.status == _FORBIDDEN:
            self._tell_blind()
            return []
        if not answer.ok:
            raise to_paypal_error(answer)
        listed = read_json_object(answer).get("items") or []
        ids = [
            one["dispute_id"] for one in listed if isinstance(one, dict) and wire.is_provider_id(one.get("dispute_id"))
        ]
        found = [
            await self._api.request_document("disputes.get", "GET", f"/v1/customer/disputes/{ident}") for ident in ids
        ]
        try:
            return [wire.to_dispute(dispute, asked_at) for dispute in found]
        except (ValueError, TypeError, AttributeError):
            raise ProviderTransient("paypal", "answered disputes.get with something that makes no sense") from None

    def _tell_blind(self) -> None:
        """Said once: the application at PayPal lacks the right to see disputes, and payments go on without."""
        if not self._blind:
            self._blind = True
            log.warning("paypal.disputes_forbidden")


def _read(order: dict[str, Any], disputes: tuple[ProviderDispute, ...] = (), *, write: bool = False) -> Intent:
    try:
        return wire.to_intent(order, disputes)
    except (ValueError, TypeError, AttributeError):
        raise _senseless(write=write) from None


def _sound(order: dict[str, Any], question: Any) -> Any:
    try:
        return question(order)
    except (ValueError, TypeError, AttributeError):
        raise _senseless(write=False) from None


def _senseless(*, write: bool) -> OutcomeUnknown | ProviderTransient:
    kind = OutcomeUnknown if write else ProviderTransient
    return kind("paypal", "described an order that makes no sense")


def _holds(order: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _sound(order, lambda it: wire.list_payments(it, "authorizations"))
    return found


def _newest_hold(order: dict[str, Any]) -> dict[str, Any]:
    """The newest that is good; the newest of all, when none is: PayPal then says what became of it."""
    holds = _holds(order)
    if not holds:
        raise ProviderPermanent("paypal", "holds nothing that could be taken", provider_code="not_authorised")
    return next((one for one in reversed(holds) if one.get("status") == "CREATED"), holds[-1])


def _id(thing: dict[str, Any]) -> str:
    return _path(str(thing.get("id")))


def _path(ident: str) -> str:
    """An id that is fit for a path. Raises ProviderPermanent."""
    if not wire.is_provider_id(ident):
        raise ProviderPermanent("paypal", "has no such id", provider_code="INVALID_RESOURCE_ID")
    return ident


def _order_of(resource: dict[str, Any]) -> str | None:
    """The order that a hold, a capture or an event's resource belongs to."""
    extra = resource.get("supplementary_data")
    related = extra.get("related_ids") if isinstance(extra, dict) else None
    found = related.get("order_id") if isinstance(related, dict) else None
    if wire.is_provider_id(found):
        return str(found)
    return wire.last_part(wire.find_link(resource, "up"), "/checkout/orders/")


def _upwards(resource: dict[str, Any], kind: Any) -> str | None:
    """From a refund to its capture, from a dispute to the capture that it is about."""
    above = wire.find_link(resource, "up")
    disputed = resource.get("disputed_transactions")
    first = disputed[0] if isinstance(disputed, list) and disputed and isinstance(disputed[0], dict) else {}
    capture = wire.last_part(above, wire.CAPTURES) or first.get("seller_transaction_id")
    if capture is None and kind == "capture":
        capture = resource.get("id")
    if wire.is_provider_id(capture):
        return f"capture:{capture}"
    hold = wire.last_part(above, "/payments/authorizations/") or (
        resource.get("id") if kind == "authorization" else None
    )
    return f"authorization:{hold}" if wire.is_provider_id(hold) else None
