"""GoTrue's REST interface: one method per question, its errors in the hub's words."""

import json
import re
from typing import Any

from adapters.transport import CallSender, ProviderCall, ProviderResponse, make_refusal_error, make_unreadable_error
from hub.core.errors import FieldError, Forbidden, Gone, HubError, InvalidRequest, TooManyRequests, Unauthenticated

_CODE = re.compile(r"[a-z_]{1,64}")
_VERSION = "2024-01-01"
_ENDED = frozenset({
    "refresh_token_not_found", "refresh_token_already_used", "session_not_found", "session_expired", "user_banned",
    "user_not_found",
})  # fmt: skip
_NOBODY = frozenset({
    "bad_jwt", "no_authorization", "session_not_found", "session_expired", "user_not_found", "user_banned",
})  # fmt: skip
_WEAK = {
    "length": "too short",
    "characters": "it needs more kinds of characters",
    "pwned": "it is known from a leak",
}


class SupabaseApi:
    """`base_url` is the project's. The anon key opens the door, the service key may do what only servers may."""

    def __init__(self, transport: CallSender, *, base_url: str, anon_key: str, service_key: str) -> None:
        self._transport = transport
        self._url = f"{base_url.rstrip('/')}/auth/v1"
        self._anon_key = anon_key
        self._service_key = service_key

    async def request_document(
        self,
        operation: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        admin: bool = False,
        is_read: bool = False,
        params: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """The document of a good answer. `is_read`: asking twice changes nothing, so a lost answer is asked for again.

        Raises the hub's errors for what GoTrue refuses, ProviderError or OutcomeUnknown for the rest.
        """
        answer = await self.send_request(
            operation, method, path, body, token=token, admin=admin, is_read=is_read, params=params
        )
        if not answer.ok:
            raise to_hub_error(answer)
        return read_json_object(answer)

    async def send_request(
        self,
        operation: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        admin: bool = False,
        is_read: bool = False,
        params: dict[str, str] | None = None,
    ) -> ProviderResponse:
        key = self._service_key if admin else self._anon_key
        headers = {
            "apikey": key,
            "Authorization": f"Bearer {token or key}",
            "Accept": "application/json",
            "X-Supabase-Api-Version": _VERSION,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        call = ProviderCall(
            provider="supabase",
            operation=operation,
            method=method,
            url=f"{self._url}{path}",
            headers=headers,
            params=params,
            body=json.dumps(body).encode() if body is not None else None,
            is_read=is_read,
        )
        return await self._transport.send_call(call)

    async def list_signing_keys(self) -> list[dict[str, Any]]:
        found = (await self.request_document("auth.jwks", "GET", "/.well-known/jwks.json", is_read=True)).get("keys")
        return found if isinstance(found, list) else []


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
    """GoTrue's error code: `code` since 2024, `error_code` before; its sentence may hold anything."""
    try:
        found = answer.json()
    except ValueError:
        return ""
    if not isinstance(found, dict):
        return ""
    names = (found.get("code"), found.get("error_code"))
    return next((one for one in names if isinstance(one, str) and _CODE.fullmatch(one)), "")


def is_unknown_session(answer: ProviderResponse) -> bool:
    """GoTrue itself knows no session, or no user, of that token. The gateway before it has a 401 and a 404 of its own,
    for a key or an address that is wrong here: those say nothing of the caller.
    """
    return not answer.ok and read_error_code(answer) in _NOBODY


def to_hub_error(answer: ProviderResponse) -> HubError:
    """What a refusal means to the hub."""
    match read_error_code(answer):
        case "invalid_credentials":
            found: HubError = Unauthenticated("The e-mail address or the password is wrong.", code="wrong_credentials")
        case "email_not_confirmed":
            found = Forbidden("Confirm your e-mail address first.", code="email_not_verified")
        case "otp_expired" | "flow_state_expired" | "flow_state_not_found":
            found = Gone("This link has been used already, or is too old. Ask for a new one.", code="token_expired")
        case code if code in _ENDED:
            found = Unauthenticated("This session has ended; sign in again.", code="invalid_refresh_token")
        case "weak_password":
            found = _weak(answer)
        case "email_address_invalid":
            errors = (FieldError("/email", "invalid_email", "no letter can be sent there"),)
            found = InvalidRequest(code="invalid_email", errors=errors)
        case code if code.startswith("over_") or answer.status == 429:  # noqa: PLR2004
            found = TooManyRequests(retry_after=answer.retry_after or 60.0)
        case code:
            found = make_refusal_error(answer, code=code or None)
    return found


def _weak(answer: ProviderResponse) -> InvalidRequest:
    why = "too weak"
    details = read_json_object(answer).get("weak_password")
    reasons = details.get("reasons") if isinstance(details, dict) else None
    if isinstance(reasons, list):
        why = "; ".join(_WEAK[one] for one in reasons if isinstance(one, str) and one in _WEAK) or why
    return make_weak_password_error(why)


def make_weak_password_error(why: str) -> InvalidRequest:
    return InvalidRequest(code="weak_password", errors=(FieldError("/password", "weak_password", why),))
