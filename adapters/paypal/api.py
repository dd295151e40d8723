"""PayPal's REST interface: one method that asks, its refusals in the hub's words."""

import json
import re
from dataclasses import replace
from typing import Any

from adapters.paypal.tokens import AccessTokenCache
from adapters.transport import CallSender, ProviderCall, ProviderResponse, make_refusal_error, make_unreadable_error
from hub.core.clock import Clock
from hub.core.errors import ProviderError

_CODE = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_UNAUTHORISED = 401


class PayPalApi:
    def __init__(
        self, transport: CallSender, *, client_id: str, client_secret: str, base_url: str, clock: Clock
    ) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._tokens = AccessTokenCache(
            transport, client_id=client_id, client_secret=client_secret, base_url=self._base_url, clock=clock
        )

    async def check_access(self) -> None:
        """A new token, to see whether the credentials are good."""
        self._tokens.discard_token(await self._tokens.get_token())
        await self._tokens.get_token()

    async def request_document(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        params: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """The document of a good answer.

        Raises ProviderPermanent with PayPal's issue, or what `send_request` raises.
        """
        answer = await self.send_request(operation, method, path, body, key=key, params=params)
        if not answer.ok:
            raise to_paypal_error(answer)
        return read_json_object(answer)

    async def send_request(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        params: dict[str, str] | None = None,
    ) -> ProviderResponse:
        """`key` is the PayPal-Request-Id. A token that has ended before its time is replaced, once."""
        headers = {"Accept": "application/json", "Prefer": "return=representation"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["PayPal-Request-Id"] = key
        call = ProviderCall(
            provider="paypal",
            operation=operation,
            method=method,
            url=self._base_url + path,
            headers=headers,
            params=params,
            body=json.dumps(body).encode() if body is not None else None,
            idempotency_key=key,
            is_read=method == "GET",
        )
        token = await self._tokens.get_token()
        answer = await self._transport.send_call(_under(token, call))
        if answer.status == _UNAUTHORISED:
            self._tokens.discard_token(token)
            answer = await self._transport.send_call(_under(await self._tokens.get_token(), call))
        return answer


def _under(token: str, call: ProviderCall) -> ProviderCall:
    return replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})


def to_paypal_error(answer: ProviderResponse) -> ProviderError:
    return make_refusal_error(answer, code=read_error_code(answer) or None)


def read_json_object(answer: ProviderResponse) -> dict[str, Any]:
    """Raises ProviderError for what is no object. No content is an empty one."""
    if not answer.body.strip():
        return {}
    try:
        found = answer.json()
    except ValueError:
        raise make_unreadable_error(answer) from None
    if not isinstance(found, dict):
        raise make_unreadable_error(answer)
    return found


def read_error_code(answer: ProviderResponse) -> str:
    """The first detail's issue, which says most; else the error's name. "" where there is neither."""
    try:
        found = answer.json()
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    details = found.get("details")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    names = (first.get("issue"), found.get("name"), found.get("error"))
    return next((one for one in names if isinstance(one, str) and _CODE.fullmatch(one)), "")
