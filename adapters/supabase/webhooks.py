"""What Supabase tells the hub: database webhooks and the send-email hook, signed as Standard Webhooks are."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from adapters.sdk_clients.standard_webhooks import find_signed_event_id, parse_signing_key
from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook

_KEPT = ("id", "email", "phone", "email_confirmed_at", "deleted_at", "created_at", "updated_at")
_KINDS = ("INSERT", "UPDATE", "DELETE")
"""A tuple, not a set: what is sent may be of any type, a list among them."""


class SupabaseWebhooks:
    """webhook-id, webhook-timestamp, webhook-signature: HMAC-SHA256 of `id.timestamp.body`."""

    name = "supabase"

    def __init__(self, secrets: Sequence[str], now: Callable[[], datetime]) -> None:
        self._keys = tuple(parse_signing_key(secret) for secret in secrets)
        self._now = now

    @property
    def is_configured(self) -> bool:
        return bool(self._keys)

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        """Raises Unauthenticated for a signature that is wrong, old or from the future, BadRequest for the rest.

        What is kept has no password hash and no token in it but the one that a letter is to carry.
        """
        event_id = find_signed_event_id(raw, self._keys, self._now(), prefix="webhook")
        if event_id is None:
            raise Unauthenticated("The signature is not valid.", code="bad_signature")
        try:
            document = json.loads(raw.body)
        except (ValueError, RecursionError) as error:
            raise BadRequest("The event cannot be read.") from error
        if not isinstance(document, dict):
            raise BadRequest("The event cannot be read.")
        kind, payload = _event(document)
        return VerifiedWebhook(event_id=event_id, type=kind, payload=payload, raw=b"")


def _event(document: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Its type, and as much of it as is needed."""
    user, letter = document.get("user"), document.get("email_data")
    if isinstance(user, dict) and isinstance(letter, dict):
        said = {name: letter.get(name) for name in ("token_hash", "email_action_type", "redirect_to")}
        return "hook.send_email", {"user": _user(user), "email_data": said}
    kind, table = document.get("type"), (document.get("schema"), document.get("table"))
    if kind in _KINDS and table == ("auth", "users"):
        rows = {name: document.get(name) for name in ("record", "old_record")}
        return f"users.{kind}", {name: _user(row) for name, row in rows.items() if isinstance(row, dict)}
    return "unknown", {}


def _user(row: dict[str, Any]) -> dict[str, Any]:
    """A user as the API shows one, or a row of auth.users, where the same stands under `raw_user_meta_data`."""
    said = row.get("user_metadata", row.get("raw_user_meta_data"))
    said = said if isinstance(said, dict) else {}
    return {name: row.get(name) for name in _KEPT} | {
        "user_metadata": {name: said[name] for name in ("name", "full_name", "phone") if name in said}
    }
