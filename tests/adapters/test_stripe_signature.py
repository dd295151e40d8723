"""Whose word an event is: Stripe-Signature over the raw bytes, young enough, under any of the endpoint's secrets."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe import StripeWebhooks
from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
NEW, OLD = "whsec_the_one_to_come", "whsec_the_one_that_goes"
EVENT = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1_800_000_000, "data": {}}


def heard(body: bytes, header: str, secrets: tuple[str, ...] = (NEW, OLD)) -> VerifiedWebhook:
    return StripeWebhooks(secrets, lambda: NOW).verify_webhook(_raw(body, header))


def _raw(body: bytes, header: str) -> RawWebhook:
    return RawWebhook(body=body, headers={"Stripe-Signature": header}, url="https://hub.example/webhooks/stripe")


def signed(secret: str = NEW, *, age: float = 0, document: Any = None) -> tuple[bytes, str]:
    body = json.dumps(EVENT if document is None else document)
    at = int((NOW - timedelta(seconds=age)).timestamp())
    return body.encode(), stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=at)


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_two_secrets_are_taken_while_one_is_being_rotated(secret: str):
    assert heard(*signed(secret)).event_id == "evt_1"


def test_the_old_secret_is_refused_once_it_is_gone():
    with pytest.raises(Unauthenticated):
        heard(*signed(OLD), secrets=(NEW,))


@pytest.mark.parametrize("age", [0, 299, -299])
def test_a_signature_of_these_minutes_is_taken(age: float):
    assert heard(*signed(age=age)).type == "payment_intent.succeeded"


@pytest.mark.parametrize("age", [301, 3 * 86_400, -301, -86_400])
def test_a_signature_that_is_old_or_of_the_future_is_refused(age: float):
    with pytest.raises(Unauthenticated):
        heard(*signed(age=age))


def test_a_delivery_three_days_late_is_signed_anew_and_taken():
    """Stripe repeats for three days: the event is old, the signature is of the moment."""
    old = EVENT | {"created": int((NOW - timedelta(days=3)).timestamp())}
    assert heard(*signed(document=old)).occurred_at == NOW - timedelta(days=3)


def test_a_second_timestamp_does_not_make_an_old_signature_young():
    body, header = signed(age=86_400)
    with pytest.raises(Unauthenticated):
        heard(body, f"{header},t={int(NOW.timestamp())}")


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_byte_that_has_changed_on_the_way_is_noticed(place: int, change: int):
    body, header = signed()
    spoilt = bytearray(body)
    spoilt[place % len(body)] ^= change
    with pytest.raises(Unauthenticated):
        heard(bytes(spoilt), header)


@given(st.text(max_size=80))
def test_no_header_is_trouble_for_the_hub(header: str):
    with pytest.raises(Unauthenticated):
        heard(signed()[0], header)


@pytest.mark.parametrize("document", [[], "x", 1, {}, {"id": "evt_1"}, EVENT | {"created": 10**30}])
def test_what_is_signed_and_is_no_event_is_a_bad_request(document: Any):
    with pytest.raises(BadRequest):
        heard(*signed(document=document))
