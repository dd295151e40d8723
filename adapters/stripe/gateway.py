"""The payments' port, spoken to Stripe: intents that hold cards' money first, refunds, and the account in bulk."""

from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import stripe

from adapters.sdk_clients import StripeHTTP, translate_sdk_errors
from adapters.stripe.charge_errors import translate_charge_errors
from adapters.stripe.currencies import CHARGE_LIMITS
from adapters.stripe.hosted_checkout import StripeHostedCheckout, is_page_id
from adapters.stripe.wire import (
    build_metadata,
    read_payment_id,
    to_dispute,
    to_intent,
    to_movement,
    to_refund,
    to_verified_event,
    to_wire_amount,
)
from adapters.transport import Transport
from hub.core.clock import Clock
from hub.core.errors import ProviderPermanent
from hub.core.inbox import VerifiedWebhook
from hub.core.money import Money
from hub.sales.payments import BalanceMovement, Intent, IntentRequest, ProviderRefund

_WHOLE = ["latest_charge.refunds", "latest_charge.balance_transaction"]
_MOVING = [
    *(f"payment_intent.{what}" for what in ("requires_action", "processing", "amount_capturable_updated")),
    *(f"payment_intent.{what}" for what in ("succeeded", "payment_failed", "canceled")),
    *("charge.refunded", "refund.created", "refund.updated", "refund.failed"),
    *(f"charge.dispute.{what}" for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")),
    *(f"checkout.session.{what}" for what in ("completed", "expired")),
    *(f"checkout.session.async_payment_{what}" for what in ("succeeded", "failed")),
]
"""The events that can change a payment. Stripe takes up to 20 names."""


class StripeGateway(StripeHostedCheckout):
    """The payments' port, spoken to Stripe."""

    name = "stripe"
    keeps_customers = True
    charge_limits = CHARGE_LIMITS

    def __init__(
        self, transport: Transport, *, secret_key: str, publishable_key: str, base_url: str, clock: Clock
    ) -> None:
        self.publishable_key = publishable_key
        self._clock = clock
        self._mode = "live" if "_live_" in secret_key else "test"
        self._account: str | None = None
        stripe.enable_telemetry = False
        self._client = stripe.StripeClient(
            secret_key,
            http_client=StripeHTTP(transport),
            base_addresses={"api": base_url},
            max_network_retries=0,
        )

    def find_intent_id(self, event: dict[str, Any]) -> str | None:
        """From the event's object: the intent itself, or the one that a charge, refund or dispute belongs to.

        A checkout session of ours is told by itself: what an expired one is worth, its intent does not say.
        """
        inner = event.get("data", {}).get("object", {})
        if not isinstance(inner, dict):
            return None
        if inner.get("object") == "checkout.session" and read_payment_id(inner) is not None:
            return str(inner["id"]) if isinstance(inner.get("id"), str) else None
        found = inner.get("id") if inner.get("object") == "payment_intent" else inner.get("payment_intent")
        return found if isinstance(found, str) else None

    def is_approval(self, event: dict[str, Any]) -> bool:  # noqa: ARG002 (the card is charged as it is confirmed)
        return False

    async def check_access(self) -> None:
        """One harmless read, to see whether the key is good."""
        with translate_sdk_errors("stripe"):
            await self._client.v1.payment_intents.list_async({"limit": 1})

    async def get_account(self) -> str:
        """A restricted key may not read the account: then ids are told apart by their mode alone."""
        if self._account is None:
            try:
                with translate_sdk_errors("stripe"):
                    found = await self._client.raw_request_async("get", "/v1/account")
                name = str(found.data["id"])
            except ProviderPermanent:
                name = "unknown"
            self._account = f"{name}/{self._mode}"
        return self._account

    def find_foreign_reason(self, event: dict[str, Any]) -> str | None:
        """Thin events carry no object; `get_account` is set on those of connected accounts."""
        if str(event.get("object", "")).startswith("v2."):
            return "thin_event"
        if event.get("account") is not None and not str(self._account).startswith(f"{event['account']}/"):
            return "connected_account"
        return "other_mode" if event.get("livemode", self._mode == "live") is not (self._mode == "live") else None

    async def ensure_customer(self, customer_id: UUID, email: str, name: str, *, key: str) -> str:
        with translate_sdk_errors("stripe"):
            made = await self._client.v1.customers.create_async(
                {"email": email, "name": name, "metadata": {"customer_id": str(customer_id)}},
                {"idempotency_key": key},
            )
        return made.id

    async def forget_customer(self, payment_customer_id: str, key: str) -> None:
        """Stripe keeps no key for a DELETE: a second one finds nothing, and that is what was wanted."""
        try:
            with translate_sdk_errors("stripe"):
                await self._client.v1.customers.delete_async(payment_customer_id, {}, {"idempotency_key": key})
        except ProviderPermanent as error:
            if error.provider_code != "resource_missing":
                raise

    async def create_intent(self, request: IntentRequest, key: str) -> Intent:
        params: Any = {
            "amount": to_wire_amount(request.amount),
            "currency": request.amount.currency.lower(),
            # Cards are held first; a method that knows no hold takes the money at once, and the order follows.
            "capture_method": "automatic_async",
            "payment_method_options": {"card": {"capture_method": "manual"}},
            "automatic_payment_methods": {"enabled": True},
            "description": request.description,
            "metadata": build_metadata(request),
        }
        if request.payment_customer_id:
            params["customer"] = request.payment_customer_id
        with translate_charge_errors():
            made = await self._client.v1.payment_intents.create_async(params, {"idempotency_key": key})
        if _is_replayed(made):
            return await self.read_intent(made.id)
        return to_intent(made.to_dict())

    async def read_intent(self, intent_id: str, attempt: int = 0) -> Intent:  # noqa: ARG002 (a read changes nothing here)
        if is_page_id(intent_id):
            found_there = await self.find_page_intent(intent_id)
            if isinstance(found_there, Intent):
                return found_there
            intent_id = found_there
        with translate_sdk_errors("stripe"):
            # Every event of theirs ends here: the SDK's objects take a millisecond to make, and nobody wants them.
            found = await self._client.raw_request_async(
                "get", f"/v1/payment_intents/{quote(intent_id, safe='')}", expand=_WHOLE
            )
        return await self._whole(found.data)

    async def capture_intent(self, intent_id: str, key: str) -> Intent:
        with translate_sdk_errors("stripe"):
            found = await self._client.v1.payment_intents.capture_async(
                intent_id, {"expand": _WHOLE}, {"idempotency_key": key}
            )
        return await self._whole(found.to_dict())

    async def cancel_intent(self, intent_id: str, key: str) -> Intent:
        with translate_sdk_errors("stripe"):
            found = await self._client.v1.payment_intents.cancel_async(intent_id, {}, {"idempotency_key": key})
        return to_intent(found.to_dict())

    async def refund_intent(self, intent_id: str, amount: Money, refund_id: UUID, key: str) -> ProviderRefund:
        params: Any = {
            "payment_intent": intent_id,
            "amount": to_wire_amount(amount),
            "metadata": {"refund_id": str(refund_id)},
        }
        with translate_sdk_errors("stripe"):
            made = await self._client.v1.refunds.create_async(params, {"idempotency_key": key})
        return to_refund(made.to_dict(), amount.currency)

    async def list_intents(self, since: datetime) -> list[Intent]:
        """One call for a hundred; one more for each that is disputed."""
        expand = [f"data.{one}" for one in _WHOLE]
        found = await _every_since(self._client.v1.payment_intents.list_async, since, expand=expand)
        return [await self._whole(one.to_dict()) for one in found]

    async def list_movements(self, since: datetime) -> list[BalanceMovement]:
        listed = await _every_since(self._client.v1.balance_transactions.list_async, since, expand=["data.source"])
        found = (to_movement(one.to_dict()) for one in listed)
        return [one for one in found if one is not None]

    async def list_events(self, since: datetime, *, undelivered: bool = False) -> list[VerifiedWebhook]:
        """Stripe keeps events for 30 days, and counts as undelivered what waits or has been given up."""
        only = {"delivery_success": False} if undelivered else {}
        found = await _every_since(self._client.v1.events.list_async, since, types=_MOVING, **only)
        return [to_verified_event(one.to_dict(), raw=b"") for one in reversed(found)]

    async def _whole(self, found: dict[str, Any]) -> Intent:
        """With its disputes, which Stripe tells only when asked, and all its refunds: a charge shows the latest ten."""
        charge = found.get("latest_charge")
        if not isinstance(charge, dict):
            return to_intent(found)
        if (charge.get("refunds") or {}).get("has_more"):
            refunds = await _every(self._client.v1.refunds.list_async, payment_intent=found["id"])
            whole = charge | {"refunds": {"data": [refund.to_dict() for refund in refunds]}}
            found = found | {"latest_charge": whole}
        if not charge.get("disputed"):
            return to_intent(found)
        asked_at = self._clock.now()
        disputes = await _every(self._client.v1.disputes.list_async, payment_intent=found["id"])
        return to_intent(found, tuple(to_dispute(dispute.to_dict(), asked_at) for dispute in disputes))


def _is_replayed(made: stripe.PaymentIntent) -> bool:
    """Whether this is the first answer once more, whatever has become of the intent since.

    docs.stripe.com/api/idempotent_requests
    """
    answer = made.last_response
    return answer is not None and answer.headers.get("Idempotent-Replayed") == "true"


async def _every_since(ask: Any, since: datetime, **params: Any) -> list[Any]:
    """All pages of a list, the newest first."""
    return await _every(ask, created={"gte": int(since.timestamp())}, **params)


async def _every(ask: Any, **params: Any) -> list[Any]:
    with translate_sdk_errors("stripe"):
        first = await ask({"limit": 100, **params})
        return [row async for row in first.auto_paging_iter()]
