import base64
import json
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.verification import PolicyBuilder, Store

from sandbox.paypal.certificate_authority import SIGNER_HOST, create_root_certificate
from tests.sandbox.paypal_account import Merchant, open_merchant

VERIFY = "/paypal/v1/notifications/verify-webhook-signature"


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with open_merchant() as opened:
        yield opened


async def chain_of(merchant: Merchant, url: str) -> list[x509.Certificate]:
    async with merchant.session.get(url) as answer:
        assert answer.status == 200
        return x509.load_pem_x509_certificates(await answer.read())


async def test_a_webhook_is_signed_by_a_certificate_of_a_known_root(merchant: Merchant) -> None:
    await merchant.approved()
    (callback,) = merchant.sent
    headers = merchant.world.sign_callback(callback, merchant.now())
    chain = await chain_of(merchant, headers["PAYPAL-CERT-URL"])
    roots = x509.load_pem_x509_certificates(create_root_certificate(merchant.world.config.paypal_authority))
    policy = PolicyBuilder().store(Store(roots)).time(merchant.now())
    policy.build_server_verifier(x509.DNSName(SIGNER_HOST)).verify(chain[0], chain[1:])
    at, ident = headers["PAYPAL-TRANSMISSION-TIME"], headers["PAYPAL-TRANSMISSION-ID"]
    text = f"{ident}|{at}|{merchant.world.config.paypal_webhook_id}|{zlib.crc32(callback.body)}".encode()
    key: Any = chain[0].public_key()
    key.verify(base64.b64decode(headers["PAYPAL-TRANSMISSION-SIG"]), text, padding.PKCS1v15(), hashes.SHA256())
    assert (callback.url, headers["PAYPAL-AUTH-ALGO"]) == ("http://hub.test/webhooks/paypal", "SHA256withRSA")


async def test_an_event_shows_the_resource_as_it_was(merchant: Merchant) -> None:
    order, hold = await merchant.held()
    await merchant.good("POST", f"/paypal/v2/payments/authorizations/{hold['id']}/void", {})
    events = await merchant.good("GET", "/_/paypal/events")
    found = [(one["resource_type"], one["resource"]["id"], one["resource"]["status"]) for one in events]
    assert found == [
        ("checkout-order", order, "APPROVED"),
        ("authorization", hold["id"], "CREATED"),
        ("authorization", hold["id"], "VOIDED"),
    ]


async def test_an_event_is_sent_again_and_signed_anew(merchant: Merchant) -> None:
    await merchant.approved()
    await merchant.good("POST", f"/_/paypal/events/{merchant.sent[0].label}/resend", {})
    first, again = (merchant.world.sign_callback(one, merchant.now()) for one in merchant.sent)
    assert merchant.sent[0].body == merchant.sent[1].body
    assert first["PAYPAL-TRANSMISSION-ID"] != again["PAYPAL-TRANSMISSION-ID"]


async def test_a_certificate_is_renewed_before_its_end_and_the_old_one_stays(merchant: Merchant) -> None:
    await merchant.approved()
    old = merchant.world.sign_callback(merchant.sent[0], merchant.now())["PAYPAL-CERT-URL"]
    merchant.ahead = timedelta(days=61)
    new = merchant.world.sign_callback(merchant.sent[0], merchant.now())["PAYPAL-CERT-URL"]
    assert old != new
    for url in (old, new):
        assert len(await chain_of(merchant, url)) == 2
    async with merchant.session.get(f"{old}0") as answer:
        assert answer.status == 404


def asked(merchant: Merchant, **more: Any) -> dict[str, Any]:
    headers = merchant.world.sign_callback(merchant.sent[0], merchant.now())
    return {
        "auth_algo": headers["PAYPAL-AUTH-ALGO"],
        "cert_url": headers["PAYPAL-CERT-URL"],
        "transmission_id": headers["PAYPAL-TRANSMISSION-ID"],
        "transmission_sig": headers["PAYPAL-TRANSMISSION-SIG"],
        "transmission_time": headers["PAYPAL-TRANSMISSION-TIME"],
        "webhook_id": merchant.world.config.paypal_webhook_id,
        "webhook_event": json.loads(merchant.sent[0].body),
    } | more


async def test_paypal_itself_checks_a_signature(merchant: Merchant) -> None:
    await merchant.approved()
    assert await merchant.good("POST", VERIFY, asked(merchant)) == {"verification_status": "SUCCESS"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook_id": "OTHER"},
        {"transmission_sig": "AAAA"},
        {"transmission_sig": "not base64"},
        {"transmission_time": "2026-01-01T00:00:00Z"},
        {"webhook_event": {"id": "WH-1"}},
        {"cert_url": "https://evil.test/CERT-1"},
        {"auth_algo": "SHA1withRSA"},
    ],
)
async def test_paypal_itself_sees_through_a_forgery(merchant: Merchant, wrong: dict[str, Any]) -> None:
    await merchant.approved()
    assert await merchant.good("POST", VERIFY, asked(merchant, **wrong)) == {"verification_status": "FAILURE"}


async def test_a_check_of_nothing_is_refused(merchant: Merchant) -> None:
    assert await merchant.issue("POST", VERIFY, {}) == (400, "MISSING_REQUIRED_PARAMETER")
