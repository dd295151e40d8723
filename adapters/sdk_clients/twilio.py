"""The Twilio SDK's HTTP client."""

import re
from base64 import b64encode
from logging import getLogger
from typing import Any
from urllib.parse import urlencode

from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from adapters.sdk_clients.exchange import send_for_sdk
from adapters.sdk_clients.offline_transport import OfflineTransport
from adapters.sdk_clients.operations import CAMEL_WORD, name_operation
from adapters.transport import CallSender, ProviderCall

_ACCOUNT = re.compile(r"/Accounts/[^/]+(?=/)")


class TwilioHTTP(AsyncHttpClient):  # type: ignore[misc]  # it has no types
    """Give it as `http_client` to Client. Twilio takes no idempotency key: its writes are never repeated."""

    def __init__(self, transport: CallSender) -> None:
        super().__init__(getLogger(__name__), True)
        self._transport = transport

    async def request(  # noqa: PLR0917 (the SDK's signature)
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        allow_redirects: bool = False,  # noqa: ARG002 (never followed)
    ) -> Response:
        call = ProviderCall(
            provider="twilio",
            operation=_operation(method, uri),
            method=method.upper(),
            url=uri,
            headers={**(headers or {}), **_authorization(auth)},
            params=_pairs(params) or None,
            body=urlencode(_pairs(data)).encode() if data else None,
            timeout=timeout,
            is_read=method.upper() == "GET",
        )
        answer = await send_for_sdk(self._transport, call)
        return Response(answer.status, answer.body.decode(errors="replace"), answer.headers)


def _operation(method: str, uri: str) -> str:
    """Without the account that nearly every path begins with."""
    return name_operation(method, _ACCOUNT.sub("", uri), CAMEL_WORD)


def _authorization(auth: tuple[str, str] | None) -> dict[str, str]:
    if auth is None:
        return {}
    return {"Authorization": f"Basic {b64encode(f'{auth[0]}:{auth[1]}'.encode()).decode()}"}


def _pairs(fields: dict[str, object] | None) -> list[tuple[str, str]]:
    """A list is one field repeated (MediaUrl); the SDK marks what was not given as a value of its own."""
    pairs = []
    for name, value in (fields or {}).items():
        values: list[Any] = value if isinstance(value, list) else [value]
        pairs += [(name, str(one)) for one in values if one is not None]
    return pairs


async def warm_up() -> None:
    """The API's hundred modules are loaded by the first `client.messages`."""
    client = Client("AC0", "0", http_client=TwilioHTTP(OfflineTransport({"sid": "SM0", "status": "queued"})))
    await client.messages.create_async(to="+15005550001", from_="+15005550006", body="")
