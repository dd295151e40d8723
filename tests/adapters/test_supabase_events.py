"""What is kept of Supabase's webhooks: who, and not one secret but the token that a letter is to carry."""

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.supabase import SupabaseWebhooks
from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook
from tests.sandbox.supabase_project import ADA, PASSWORD, open_project

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
KEYS = (b"the newer of two secrets", b"the older of two secrets")
SECRETS = [f"v1,whsec_{base64.b64encode(KEYS[0]).decode()}", f"whsec_{base64.b64encode(KEYS[1]).decode()}"]
CANARIES = (
    "encrypted_password", "confirmation_token", "recovery_token", "email_change_token_new",
    "email_change_token_current", "phone_change_token", "reauthentication_token",
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from("type schema table record old_record user email_data user_metadata id".split()),
        inner | st.sampled_from(["auth", "users", "INSERT"]),
        max_size=5,
    ),
    max_leaves=8,
)  # fmt: skip


def delivered(document: Any, key: bytes = KEYS[0], at: int = 0) -> RawWebhook:
    body, stamp = json.dumps(document).encode(), str(int(NOW.timestamp()) + at)
    mark = base64.b64encode(hmac.digest(key, f"msg_1.{stamp}.".encode() + body, "sha256")).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{mark}"}
    return RawWebhook(headers, body, "https://hub.example/webhooks/supabase")


def verified(document: Any, **more: Any) -> VerifiedWebhook:
    return SupabaseWebhooks(SECRETS, lambda: NOW).verify_webhook(delivered(document, **more))


def row(**more: Any) -> dict[str, Any]:
    said = {"name": "Ada", "full_name": "Ada L", "phone": "+4477", "passport": "canary-of-passport"}
    known = {"id": str(uuid4()), "email": ADA, "phone": None, "raw_user_meta_data": said, "is_super_admin": None}
    return known | {name: f"canary-of-{name}" for name in CANARIES} | more


@pytest.mark.parametrize("kind", ["INSERT", "UPDATE", "DELETE"])
def test_a_row_of_users_is_kept_without_its_hashes_and_tokens(kind: str) -> None:
    record = None if kind == "DELETE" else row()
    event = verified({"type": kind, "schema": "auth", "table": "users", "record": record, "old_record": row()})
    assert (event.type, event.event_id, event.raw) == (f"users.{kind}", "msg_1", b"")
    assert set(event.payload) == ({"record", "old_record"} if record else {"old_record"})
    assert event.payload["old_record"]["user_metadata"] == {"name": "Ada", "full_name": "Ada L", "phone": "+4477"}
    assert "canary" not in json.dumps(event.payload)


def test_a_letter_is_kept_with_the_one_token_that_it_carries() -> None:
    data = {"token": "305805", "token_hash": "7d5b", "token_new": "x1", "token_hash_new": "x2"}
    said = {"redirect_to": "https://back.example", "email_action_type": "recovery", "site_url": "https://s.example"}
    user = {"id": str(uuid4()), "email": ADA, "user_metadata": {"name": "Ada"}, "identities": [{"canary": "canary"}]}
    event = verified({"user": user, "email_data": data | said})
    assert (event.type, event.payload["user"]["email"]) == ("hook.send_email", ADA)
    assert event.payload["email_data"].pop("token_hash") == "7d5b"
    assert not any(one in json.dumps(event.payload) for one in ("305805", "x1", "x2", "canary"))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "INSERT", "schema": "public", "table": "users", "record": {"secret": "canary"}},
        {"type": "TRUNCATE", "schema": "auth", "table": "users"},
        {"type": [], "schema": "auth", "table": "users"},
        {"user": {"id": "1"}, "email_data": "canary"},
        {"user": {"phone": "1"}, "sms": {"otp": "canary"}},
    ],
    ids=str,
)
def test_what_is_not_for_the_hub_is_unknown_and_kept_empty(document: dict[str, Any]) -> None:
    event = verified(document)
    assert (event.type, event.payload, event.raw) == ("unknown", {}, b"")


def test_both_secrets_are_good_while_one_replaces_the_other() -> None:
    assert [verified({}, key=key).type for key in KEYS] == ["unknown", "unknown"]
    with pytest.raises(Unauthenticated):
        verified({}, key=b"of somebody else")


@pytest.mark.parametrize(("at", "good"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_a_delivery_is_good_for_five_minutes_either_way(at: int, good: bool) -> None:
    if good:
        assert verified({}, at=at)
    else:
        with pytest.raises(Unauthenticated):
            verified({}, at=at)


def test_without_a_secret_there_is_no_endpoint_and_nonsense_is_no_secret() -> None:
    assert not SupabaseWebhooks([], lambda: NOW).is_configured
    for nonsense in ("v1,whsec_", "v1,whsec_not base64", "", "v1,whsec_é"):
        with pytest.raises(ValueError):  # noqa: PT011
            SupabaseWebhooks([nonsense], lambda: NOW)


@given(ANYTHING)
def test_whatever_is_signed_is_an_event_or_a_bad_request(document: Any) -> None:
    if isinstance(document, dict):
        assert verified(document).type in {"unknown", "hook.send_email", "users.INSERT"}
    else:
        with pytest.raises(BadRequest):
            verified(document)


async def test_the_emulators_hooks_and_rows_are_what_is_described_here() -> None:
    async with open_project() as project:
        await project.control("hooks", send_email=True, database=True)
        await project.ok("POST", "signup", email=ADA, password=PASSWORD, data={"name": "Ada"})
        source = SupabaseWebhooks([project.world.config.supabase_webhook_secret], project.world.now)
        (headers, body), callback = project.got[-1], project.sent[-1]
        hook = source.verify_webhook(RawWebhook({name.lower(): one for name, one in headers.items()}, body, ""))
        change = source.verify_webhook(
            RawWebhook(project.world.sign_callback(callback, project.world.now()), callback.body, "")
        )
        assert (hook.type, change.type) == ("hook.send_email", "users.INSERT")
        assert hook.payload["user"]["id"] == change.payload["record"]["id"]
        assert "$2a$" in callback.body.decode()
        assert "$2a$" not in json.dumps(change.payload)
