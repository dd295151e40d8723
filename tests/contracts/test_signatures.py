"""The vendors' own signature vectors against the adapters' verification.

A wrong signature is Unauthenticated. What is signed well and is no event that the hub can read is BadRequest, and so
it tells a good signature from a bad one where a vector's body is not an event. Nothing else is ever raised.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from hmac import new as hmac
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from twilio.request_validator import RequestValidator

from adapters.resend import ResendWebhooks
from adapters.stripe import StripeWebhooks
from adapters.supabase import SupabaseWebhooks
from adapters.twilio import TwilioWebhooks
from hub.core.errors import BadRequest, Unauthenticated
from hub.core.inbox import RawWebhook, WebhookSource
from tests.contracts.specs import vendor_file

STRIPE, STANDARD, TWILIO = "stripe_signature", "standard_webhooks", "twilio_signature"
NOW = 1_614_265_330


def vectors_of(name: str) -> Any:
    return vendor_file(f"vectors/{name}.json")


def at(stamp: int) -> Callable[[], datetime]:
    return lambda: datetime.fromtimestamp(stamp, UTC)


def raw(body: bytes | str, url: str = "https://hub.example/webhooks/x", **headers: str) -> RawWebhook:
    text = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RawWebhook(CIMultiDict(named), text, url)


def signed(source: WebhookSource, delivery: RawWebhook) -> bool:
    """Whether the signature was taken, whatever became of the body."""
    try:
        source.verify_webhook(delivery)
    except Unauthenticated:
        return False
    except BadRequest:
        return True
    return True


def v1(payload: str, secret: str, stamp: int) -> str:
    return hmac(secret.encode(), f"{stamp}.{payload}".encode(), sha256).hexdigest()


def test_stripes_vectors() -> None:
    vectors = vectors_of(STRIPE)["literal_vectors"]
    assert {one["valid"] for one in vectors} == {True, False}
    for one in vectors:
        source = StripeWebhooks([one["secret"]], at(one["now"]))
        assert signed(source, raw(one["payload"], stripe_signature=one["header"])) is one["valid"], one["name"]


def test_the_headers_of_stripes_own_tests() -> None:
    """Those whose tolerance is ours; the digests are made here, as Stripe's tests make them."""
    given = vectors_of(STRIPE)["behavioural_cases_stripe_python"]
    source, digest = StripeWebhooks([given["secret"]], at(NOW)), v1(given["payload"], given["secret"], NOW)
    cases = [one for one in given["cases"] if "tolerance" not in one]
    assert len(cases) > 5
    for one in cases:
        header = one["header"].format(now=NOW, v1=digest)
        assert signed(source, raw(given["payload"], stripe_signature=header)) is one["valid"], header


def test_stripes_valid_vector_is_read_as_an_event() -> None:
    one = vectors_of(STRIPE)["literal_vectors"][0]
    source = StripeWebhooks(["another", one["secret"]], at(one["now"]))
    event = source.verify_webhook(raw(one["payload"], stripe_signature=one["header"]))
    assert (event.event_id, event.type) == ("evt_123", "customer.created")


@pytest.mark.parametrize(("age", "valid"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_stripe_signature_lives_for_five_minutes_either_way(age: int, valid: bool) -> None:
    header = f"t={NOW - age},v1={v1('{}', 'secret', NOW - age)}"
    assert signed(StripeWebhooks(["secret"], at(NOW)), raw("{}", stripe_signature=header)) is valid


@pytest.mark.parametrize("order", ["t={old},v1={mac},t={now}", "t={now},t={old},v1={mac}", "t={now},v1={mac},t={old}"])
def test_an_old_stripe_event_cannot_be_given_a_fresh_time(order: str) -> None:
    old = NOW - 86400
    header = order.format(old=old, now=NOW, mac=v1("{}", "secret", old))
    assert not signed(StripeWebhooks(["secret"], at(NOW)), raw("{}", stripe_signature=header))


@pytest.mark.parametrize("created", ["1e999", "NaN", "100000000000000000", "[]", '"now"', "null", "9" * 5000])
def test_a_signed_stripe_event_that_makes_no_sense_is_a_bad_request(created: str) -> None:
    body = f'{{"id": "evt_1", "type": "x", "created": {created}}}'
    header = f"t={NOW},v1={v1(body, 'secret', NOW)}"
    with pytest.raises(BadRequest):
        StripeWebhooks(["secret"], at(NOW)).verify_webhook(raw(body, stripe_signature=header))


def test_the_standard_vectors_under_resends_header_names() -> None:
    given = vectors_of(STANDARD)
    sign, cases = given["sign"], [one for one in given["cases_at_now_1614265330"] if "signature" in one]
    assert {one["valid"] for one in cases} == {True, False}
    for one in cases:
        stamp, secrets = str(one.get("timestamp", NOW)), [one.get("secret", sign["secret"])]
        for kind, prefix in ((ResendWebhooks, "svix"), (SupabaseWebhooks, "webhook")):
            source = kind(secrets, at(one.get("now", NOW)))
            values = {"id": sign["id"], "timestamp": stamp, "signature": one["signature"]}
            headers = {f"{prefix}_{name}": value for name, value in values.items()}
            assert signed(source, raw(sign["payload"], **headers)) is one["valid"], (prefix, one["name"])


@pytest.mark.parametrize("missing", ["svix_id", "svix_timestamp", "svix_signature"])
def test_a_standard_header_that_is_missing_is_a_bad_signature(missing: str) -> None:
    sign = vectors_of(STANDARD)["sign"]
    headers = {"svix_id": sign["id"], "svix_timestamp": str(NOW), "svix_signature": sign["signature"]}
    source = ResendWebhooks([sign["secret"]], at(NOW))
    assert signed(source, raw(sign["payload"], **headers))
    with pytest.raises(Unauthenticated):
        source.verify_webhook(
            raw(sign["payload"], **{name: value for name, value in headers.items() if name != missing})
        )


def test_twilios_vectors() -> None:
    given = vectors_of(TWILIO)
    source = TwilioWebhooks(given["auth_token"], at(NOW))
    for one in given["cases"]:
        body = one.get("body") or urlencode([(name, value) for name, value in one["params"]])
        assert signed(source, raw(body, one["url"], x_twilio_signature=one["signature"])) is one["valid"], one["name"]
        for wrong in ("", one["signature"][:-2] + "A=", one["signature"].lower(), one["signature"] + "="):
            assert not signed(source, raw(body, one["url"], x_twilio_signature=wrong)), one["name"]
        assert not signed(source, raw(body + "&x=1", one["url"], x_twilio_signature=one["signature"])), one["name"]
        other = one["url"].replace("myapp", "another")
        assert not signed(source, raw(body, other, x_twilio_signature=one["signature"])), one["name"]


def test_a_json_body_that_is_not_the_one_of_the_digest_is_refused() -> None:
    one = next(one for one in vectors_of(TWILIO)["cases"] if "body" in one)
    source = TwilioWebhooks("12345", at(NOW))
    tampered = raw(one["body"].replace("true", "null"), one["url"], x_twilio_signature=one["signature"])
    with pytest.raises(Unauthenticated):
        source.verify_webhook(tampered)


@pytest.mark.parametrize("url", ["https://hub.example/w?x=\udcff", "https://hub.example:99999/w", "https://[hub/w", ""])
def test_an_address_that_twilio_could_not_have_signed_is_a_bad_signature(url: str) -> None:
    with pytest.raises(Unauthenticated):
        TwilioWebhooks("12345", at(NOW)).verify_webhook(raw("MessageSid=SM1", url, x_twilio_signature="AAAA"))


def test_a_signed_twilio_form_without_a_message_is_a_bad_request() -> None:
    url = "https://hub.example/webhooks/twilio"
    signature = RequestValidator("12345").compute_signature(url, {"a": "1"})
    with pytest.raises(BadRequest):
        TwilioWebhooks("12345", at(NOW)).verify_webhook(raw("a=1", url, x_twilio_signature=signature))


SOURCES: list[WebhookSource] = [
    StripeWebhooks(["whsec_1"], at(NOW)),
    ResendWebhooks(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], at(NOW)),
    SupabaseWebhooks(["v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], at(NOW)),
    TwilioWebhooks("12345", at(NOW)),
]
HEADER = st.one_of(
    st.binary(max_size=60).map(lambda some: some.decode("utf-8", "surrogateescape")),
    st.text(alphabet="tv10=,. ;-_", max_size=40),
    st.just(f"t={NOW},v1=") | st.just("v1,") | st.just(str(NOW)),
    st.integers().map(str),
)


BODY = st.one_of(
    st.binary(max_size=60),
    st.lists(st.tuples(st.sampled_from(["MessageSid", "a"]), st.text(max_size=3))).map(
        lambda some: urlencode(some).encode()
    ),
)


@given(header=HEADER, stamp=HEADER, ident=HEADER, body=BODY)
@pytest.mark.parametrize("source", SOURCES, ids=["stripe", "resend", "supabase", "twilio"])
def test_whatever_comes_unsigned_is_refused_and_nothing_worse(
    source: WebhookSource, header: str, stamp: str, ident: str, body: bytes
) -> None:
    names: dict[str, Any] = {"stripe_signature": header, "svix_id": ident, "svix_timestamp": stamp}
    names |= {"webhook_id": ident, "webhook_timestamp": stamp, "webhook_signature": header}
    delivery = raw(body, svix_signature=header, x_twilio_signature=header, **names)
    with pytest.raises((Unauthenticated, BadRequest)):
        source.verify_webhook(delivery)


@given(payload=st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_whatever_is_signed_is_an_event_or_a_bad_request(payload: Any) -> None:
    body = json.dumps({"id": payload, "type": payload, "created": payload})
    header = f"t={NOW},v1={v1(body, 'secret', NOW)}"
    with suppress(BadRequest):
        StripeWebhooks(["secret"], at(NOW)).verify_webhook(raw(body, stripe_signature=header))
