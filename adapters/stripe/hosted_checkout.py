"""Pages on which Stripe lets travellers pay: checkout sessions, and payment links, which open sessions themselves."""

from datetime import UTC, datetime
from typing import Any

import stripe

from adapters.sdk_clients import translate_sdk_errors
from adapters.stripe.charge_errors import translate_charge_errors
from adapters.stripe.wire import build_metadata, from_wire_amount, read_payment_id, to_wire_amount
from hub.core.errors import ProviderPermanent
from hub.sales.bookings import PaymentStatus
from hub.sales.payments import CheckoutPage, CheckoutPageRequest, Intent

_SESSION, _LINK = "cs_", "plink_"
"""How the ids of pages begin."""


def is_page_id(name: str) -> bool:
    return name.startswith((_SESSION, _LINK))


class StripeHostedCheckout:
    """That part of the gateway."""

    _client: stripe.StripeClient

    async def create_checkout_session(self, request: CheckoutPageRequest, key: str) -> CheckoutPage:
        """Stripe keeps it open for 24 hours. It is not given a time of its own: then it can be asked for again."""
        params: Any = _page_facts(request) | {
            "mode": "payment",
            "client_reference_id": str(request.booking_id),
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "payment_method_options": {"card": {"capture_method": "manual"}},
        }
        if request.payment_customer_id:
            params["customer"] = request.payment_customer_id
        with translate_charge_errors():
            made = await self._client.v1.checkout.sessions.create_async(params, {"idempotency_key": key})
        return CheckoutPage(made.id, made.url or "", datetime.fromtimestamp(made.expires_at, UTC))

    async def create_payment_link(self, request: CheckoutPageRequest, key: str) -> CheckoutPage:
        """For cards only: a link cannot hold the money of some methods and take that of others."""
        params: Any = _page_facts(request)
        params["payment_intent_data"]["capture_method"] = "manual"
        params |= {
            "payment_method_types": ["card"],
            "restrictions": {"completed_sessions": {"limit": 1}},
            "after_completion": {"type": "redirect", "redirect": {"url": request.success_url}},
        }
        with translate_charge_errors():
            made = await self._client.v1.payment_links.create_async(params, {"idempotency_key": key})
        return CheckoutPage(made.id, made.url)

    async def close_page(self, page_id: str, key: str) -> None:
        """With a link go the sessions that have been opened from it."""
        if not page_id.startswith(_LINK):
            await self._expire(page_id, key)
            return
        with translate_sdk_errors("stripe"):
            await self._client.v1.payment_links.update_async(page_id, {"active": False}, {"idempotency_key": key})
        for session in await self._sessions_of(page_id):
            if session["status"] == "open":
                await self._expire(session["id"], f"{key}:{session['id']}")

    async def find_page_intent(self, page_id: str) -> Intent | str:
        """The id of the intent that it was paid with, or how it stands without one."""
        if page_id.startswith(_LINK):
            with translate_sdk_errors("stripe"):
                link = await self._client.v1.payment_links.retrieve_async(page_id, {"expand": ["line_items"]})
            sessions = await self._sessions_of(page_id)
            facts = link.to_dict()
        else:
            with translate_sdk_errors("stripe"):
                facts = (await self._client.v1.checkout.sessions.retrieve_async(page_id)).to_dict()
            sessions = [facts]
        paid = next((one for one in sessions if one["status"] == "complete"), None)
        if paid is not None and isinstance(paid.get("payment_intent"), str):
            return str(paid["payment_intent"])
        return _unpaid_page(facts, sessions)

    async def _sessions_of(self, link_id: str) -> list[dict[str, Any]]:
        """The oldest first."""
        with translate_sdk_errors("stripe"):
            first = await self._client.v1.checkout.sessions.list_async({"payment_link": link_id, "limit": 100})
            return [one.to_dict() async for one in first.auto_paging_iter()][::-1]

    async def _expire(self, session_id: str, key: str) -> None:
        """Refused, it is looked at: one that has expired by itself is as closed as can be."""
        try:
            with translate_sdk_errors("stripe"):
                await self._client.v1.checkout.sessions.expire_async(session_id, {}, {"idempotency_key": key})
        except ProviderPermanent:
            with translate_sdk_errors("stripe"):
                found = await self._client.v1.checkout.sessions.retrieve_async(session_id)
            if found.status != "expired":
                raise


def _page_facts(request: CheckoutPageRequest) -> dict[str, Any]:
    """What sessions and links have alike. The intent bears the mark, and so does the page."""
    price = {
        "currency": request.amount.currency.lower(),
        "unit_amount": to_wire_amount(request.amount),
        "product_data": {"name": request.description},
    }
    return {
        "line_items": [{"price_data": price, "quantity": 1}],
        "payment_intent_data": {"metadata": build_metadata(request), "description": request.description},
        "metadata": build_metadata(request),
    }


def _unpaid_page(facts: dict[str, Any], sessions: list[dict[str, Any]]) -> Intent:
    """Total, as `wire.intent_from`. A session of a link that has expired says nothing of the link."""
    if facts["object"] == "payment_link":
        items = (facts.get("line_items") or {}).get("data") or []
        total = sum(int(one["amount_total"]) for one in items)
        over = not facts["active"] and not any(one["status"] == "open" for one in sessions)
    else:
        total, over = facts.get("amount_total") or 0, facts["status"] == "expired" and not facts.get("payment_link")
    going = any(one["status"] not in {"open", "expired"} for one in sessions)
    status = PaymentStatus.PROCESSING if going else PaymentStatus.RELEASED if over else PaymentStatus.UNPAID
    return Intent("", read_payment_id(facts), from_wire_amount(total, facts["currency"] or ""), status)
