"""The Resend SDK's HTTP client."""

import json as jsonlib
from collections.abc import Mapping
from typing import Any

import resend
from resend.http_client_async import AsyncHTTPClient

from adapters.sdk_clients.exchange import send_for_sdk
from adapters.sdk_clients.offline_transport import OfflineTransport
from adapters.sdk_clients.operations import name_operation
from adapters.sdk_clients.problems import is_quota_exhausted
from adapters.transport import CallSender, ProviderCall
from hub.core.errors import ProviderError


class WrappedProviderError(resend.exceptions.ResendError):
    """One of our errors on its way through the SDK, which would turn any other exception into a bare 500."""

    def __init__(self, ours: ProviderError) -> None:
        super().__init__(code=ours.status, error_type=ours.code, message=ours.detail, suggested_action="")
        self.provider_error = ours


class ResendHTTP(AsyncHTTPClient):
    """Give it to the SDK as `resend.default_async_http_client`. Errors of ours come out inside `translate`."""

    def __init__(self, transport: CallSender) -> None:
        self._transport = transport

    async def request(  # noqa: PLR0917 (the SDK's signature)
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: dict[str, object] | list[object] | None = None,
        files: dict[str, Any] | None = None,
        data: dict[str, str] | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        if files is not None or data is not None:
            raise TypeError("uploads do not go through this client")
        call = ProviderCall(
            provider="resend",
            operation=name_operation(method, url.removeprefix(resend.api_url)),
            method=method.upper(),
            url=url,
            headers={**headers, "Content-Type": "application/json"},
            body=jsonlib.dumps(json).encode() if json else None,
            idempotency_key=headers.get("Idempotency-Key"),
            is_read=method.lower() == "get",
            is_final=is_quota_exhausted,
        )
        try:
            answer = await send_for_sdk(self._transport, call)
        except ProviderError as error:
            raise WrappedProviderError(error) from error
        return answer.body, answer.status, answer.headers


async def warm_up() -> None:
    """The SDK keeps its client in a global: it is borrowed for one call, and given back."""
    client, key = resend.default_async_http_client, resend.api_key
    resend.default_async_http_client, resend.api_key = ResendHTTP(OfflineTransport({"id": "0"})), "re_0"
    try:
        await resend.Emails.send_async(
            {"from": "a@example.com", "to": ["b@example.com"], "subject": "", "text": ""}, {"idempotency_key": "0"}
        )
    finally:
        resend.default_async_http_client, resend.api_key = client, key
