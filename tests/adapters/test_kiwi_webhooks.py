import json
from datetime import UTC, datetime

import pytest

from adapters.kiwi import KiwiWebhooks
from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import RawWebhook

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BODY = {"booking_id": 7, "status": "confirmed", "trigger": "booking_confirmed", "pnr": "ABC"}


def deliver(body=BODY, token="unguessable", configured="unguessable"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    source = KiwiWebhooks(configured, lambda: NOW)
    return source.verify_webhook(RawWebhook({}, raw, "https://hub.example/webhooks/kiwi", token))


def test_a_callback_to_our_address_is_taken():
    event = deliver()
    assert (event.type, event.payload["booking_id"]) == ("booking.confirmed", 7)


def test_the_same_delivery_has_the_same_id_and_another_one_another():
    assert deliver().event_id == deliver().event_id
    others = {deliver(BODY | change).event_id for change in ({"status": "delayed"}, {"booking_id": 8}, {"pnr": "XYZ"})}
    assert len(others | {deliver().event_id}) == 4


@pytest.mark.parametrize("token", [None, "", "guess", "unguessabl", "unguessable ", "ünguessable", "\udce9"])
def test_another_address_is_refused(token):
    with pytest.raises(Unauthenticated):
        deliver(token=token)


def test_without_a_token_there_is_no_address():
    assert KiwiWebhooks(None, lambda: NOW).is_configured is False
    with pytest.raises(Unauthenticated):
        deliver(token="", configured=None)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"null", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_what_names_no_booking_is_not_readable(body):
    with pytest.raises(BadRequest):
        deliver(body)
