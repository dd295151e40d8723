"""The Stripe SDK's HTTP client."""

from collections.abc import Mapping
from typing import Any

import stripe

from adapters.sdk_clients.exchange import send_for_sdk
from adapters.sdk_clients.offline_transport import OfflineTransport
from adapters.sdk_clients.operations import name_operation
from adapters.transport import CallSender, ProviderCall


class StripeHTTP(stripe.HTTPClient):
    """Give it as `http_client` to StripeClient, with `max_network_retries=0`.

    The SDK puts an Idempotency-Key on every POST, so each may be repeated within the call. The SDK lets our errors
    pass; see `translate` for its own.
    """

    name = "travel-hub"

    def __init__(self, transport: CallSender) -> None:
        super().__init__()
        stripe.enable_telemetry = False  # it reports the last call's duration, and keeps an id of this machine
        self._transport = transport

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body = post_data.encode() if isinstance(post_data, str) else post_data
        call = ProviderCall(
            provider="stripe",
            operation=name_operation(method, url),
            method=method.upper(),
            url=url,
            headers=headers,
            body=body or None,
            idempotency_key=headers.get("Idempotency-Key"),
            is_read=method == "get",
        )
        answer = await send_for_sdk(self._transport, call)
        return answer.body, answer.status, answer.headers

    async def close_async(self) -> None:
        """The transport is not ours to close."""


async def warm_up() -> None:
    """The objects and parameters of the calls that the hub makes are loaded when first used."""
    transport = OfflineTransport(
        {"id": "pi_0", "object": "payment_intent", "latest_charge": {"id": "ch_0", "object": "charge"}}
    )
    client = stripe.StripeClient("sk_test_0", http_client=StripeHTTP(transport), max_network_retries=0)
    await client.v1.payment_intents.create_async({"amount": 1, "currency": "eur"}, {"idempotency_key": "0"})
    await client.v1.payment_intents.retrieve_async("pi_0")
