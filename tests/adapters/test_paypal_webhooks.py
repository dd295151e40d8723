import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509

from adapters.paypal import CertificateCache, PayPalWebhooks, load_system_roots
from adapters.transport import ProviderCall
from hub.core.clock import SystemClock
from hub.core.errors import BadRequest, Unauthenticated, Unavailable
from sandbox.paypal import certificate_authority
from sandbox.paypal.state import get_paypal_account
from tests.adapters.paypal_shop import TEN, Shop, open_shop
from tests.sandbox.shell import Webhook


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


async def approved(shop: Shop) -> Webhook:
    await shop.approve((await shop.start()).id)
    return (await shop.shell.webhooks(1))[0]


async def test_a_webhook_is_verified_with_the_certificate_fetched_once(shop: Shop) -> None:
    raw = await approved(shop)
    events = await asyncio.gather(*(shop.verify(raw) for _ in range(5)))
    payload = json.loads(raw.body)
    assert {(one.event_id, one.type) for one in events} == {(payload["id"], "CHECKOUT.ORDER.APPROVED")}
    assert events[0].occurred_at == datetime.fromisoformat(payload["create_time"])
    assert shop.asked("certs.get") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"PAYPAL_TRANSMISSION_ID": "other"},
        {"PAYPAL_TRANSMISSION_ID": ""},
        {"PAYPAL_TRANSMISSION_SIG": "AAAA"},
        {"PAYPAL_TRANSMISSION_SIG": "*"},
        {"PAYPAL_TRANSMISSION_TIME": "yesterday"},
        {"PAYPAL_TRANSMISSION_TIME": "2026-01-01T00:00:00"},
        {"PAYPAL_AUTH_ALGO": "SHA1withRSA"},
        {"PAYPAL_AUTH_ALGO": ""},
        {"PAYPAL_CERT_URL": ""},
        {"PAYPAL_CERT_URL": "https://evil.test/v1/notifications/certs/CERT-1"},
    ],
)
async def test_a_forged_webhook_is_refused(shop: Shop, wrong: dict[str, str]) -> None:
    raw = await approved(shop)
    with pytest.raises(Unauthenticated):
        await shop.verify(raw, **wrong)


async def test_a_changed_body_is_refused(shop: Shop) -> None:
    raw = await approved(shop)
    with pytest.raises(Unauthenticated):
        await shop.verify(raw, raw.body.replace(b"APPROVED", b"APPROVEE"))


async def test_two_webhook_ids_are_good_while_one_is_replaced(shop: Shop) -> None:
    raw = await approved(shop)
    now = shop.clock.now
    both = PayPalWebhooks(shop.certificates, ("new", shop.shell.config.paypal_webhook_id), now)
    shop.webhooks = both
    assert (await shop.verify(raw)).type == "CHECKOUT.ORDER.APPROVED"
    shop.webhooks = PayPalWebhooks(shop.certificates, ("new",), now)
    with pytest.raises(Unauthenticated):
        await shop.verify(raw)
    assert not PayPalWebhooks(shop.certificates, (), now).is_configured


@pytest.mark.parametrize(
    ("ahead", "good"),
    [(timedelta(days=3), True), (timedelta(days=4), False), (timedelta(minutes=-10), False)],
)
async def test_a_delivery_is_good_as_long_as_paypal_repeats_it(shop: Shop, ahead: timedelta, good: bool) -> None:
    raw = await approved(shop)
    shop.clock.ahead = ahead
    if good:
        await shop.verify(raw)
    else:
        with pytest.raises(Unauthenticated):
            await shop.verify(raw)
        assert shop.asked("certs.get") == 0


async def test_a_signed_body_that_is_no_event_is_a_bad_request(shop: Shop) -> None:
    account = get_paypal_account(shop.shell.world)
    for body in (b"[]", b"{}", b"nonsense", b'{"id": "WH-1"}'):
        account.event_bodies["x"] = body
        account.send_event("x")
    for raw in await shop.shell.webhooks(4):
        with pytest.raises(BadRequest):
            await shop.verify(raw)


async def test_a_certificate_that_cannot_be_had_is_asked_for_later(shop: Shop) -> None:
    raw = await approved(shop)
    await shop.fault("status", path="*/certs/*", status=503)
    with pytest.raises(Unavailable):
        await shop.verify(raw)
    asked = shop.asked("certs.get")
    with pytest.raises(Unavailable) as away:  # not asked again for a while
        await shop.verify(raw)
    assert (shop.asked("certs.get"), 0 < (away.value.retry_after or 0) <= 10) == (asked, True)
    await shop.shell.call("DELETE", "/_/faults")
    shop.clock.ahead += timedelta(seconds=11)
    await shop.verify(raw)


@pytest.mark.parametrize("kind", ["garbage", "cut"])
async def test_half_a_certificate_is_none(shop: Shop, kind: str) -> None:
    raw = await approved(shop)
    await shop.fault(kind, path="*/certs/*")
    with pytest.raises(Unavailable):
        await shop.verify(raw)


async def test_made_up_certificates_cost_one_question(shop: Shop) -> None:
    raw = await approved(shop)
    await shop.verify(raw)
    base = f"{shop.shell.base}/paypal/v1/notifications/certs"
    with pytest.raises(Unauthenticated):
        await shop.verify(raw, PAYPAL_CERT_URL=f"{base}/CERT-0")
    for number in range(1, 5):
        with pytest.raises(Unavailable):
            await shop.verify(raw, PAYPAL_CERT_URL=f"{base}/CERT-{number}")
    assert shop.asked("certs.get") == 2
    await shop.verify(raw)  # the true one is at hand all the same


async def test_a_certificate_of_an_unknown_root_is_refused() -> None:
    others = lambda: x509.load_pem_x509_certificates(certificate_authority.create_root_certificate("somebody else"))  # noqa: E731
    async with open_shop(roots=others) as shop:
        with pytest.raises(Unauthenticated):
            await shop.verify(await approved(shop))


async def test_without_any_root_nothing_is_believed() -> None:
    async with open_shop(roots=list) as shop:
        with pytest.raises(Unavailable):
            await shop.verify(await approved(shop))


@pytest.mark.parametrize(
    ("host", "age"),
    [
        ("evil.test", timedelta()),
        (certificate_authority.SIGNER_HOST, timedelta(days=-200)),
        ("*.paypal.com", timedelta()),
    ],
)
async def test_a_certificate_that_is_not_paypals_or_not_of_today_is_refused(
    shop: Shop, host: str, age: timedelta
) -> None:
    account = get_paypal_account(shop.shell.world)
    made = certificate_authority.create_signer(shop.shell.config.paypal_authority, shop.clock.now() + age, host)
    account.signers[made.id] = replace(made, expires_at=datetime(2100, 1, 1, tzinfo=UTC))
    with pytest.raises(Unauthenticated):
        await shop.verify(await approved(shop))


async def test_a_certificate_is_not_used_after_its_end(shop: Shop) -> None:
    raw = await approved(shop)
    url = raw.headers["PAYPAL-CERT-URL"]
    await shop.verify(raw)
    assert shop.certificates.get_cached_key(url) is not None
    shop.clock.ahead += timedelta(days=91)
    assert shop.certificates.get_cached_key(url) is None
    with pytest.raises(Unauthenticated):
        await shop.certificates.fetch_key(url)


class Nobody:
    async def send_call(self, call: ProviderCall) -> Any:
        raise AssertionError(call)


LIVE = "https://api-m.paypal.com"
TEST = "https://api-m.sandbox.paypal.com"
CERT = "/v1/notifications/certs/CERT-360caa42-fca2a594-ab66f33d"


@pytest.mark.parametrize(
    ("base", "url", "good"),
    [
        (LIVE, f"https://api.paypal.com{CERT}", True),
        (LIVE, f"https://api.paypal.com:443{CERT}", True),
        (TEST, f"https://api.sandbox.paypal.com{CERT}", True),
        (LIVE, f"https://api.sandbox.paypal.com{CERT}", False),
        (TEST, f"https://api.paypal.com{CERT}", False),
        (LIVE, f"http://api.paypal.com{CERT}", False),
        (LIVE, f"https://paypal.com.evil.test{CERT}", False),
        (LIVE, f"https://evilpaypal.com{CERT}", False),
        (LIVE, f"https://api.paypal.com:8443{CERT}", False),
        (LIVE, f"https://api.paypal.com:x{CERT}", False),
        (LIVE, f"https://api.paypal.com@evil.test{CERT}", False),
        (LIVE, f"https://evil.test\\@api.paypal.com{CERT}", False),
        (LIVE, f"https://api.paypal.com{CERT}?next=evil", False),
        (LIVE, f"https://api.paypal.com{CERT}#x", False),
        (LIVE, "https://api.paypal.com/v1/notifications/certs/../../x", False),
        (LIVE, "https://api.paypal.com/redirect?to=evil", False),
        (LIVE, "", False),
        ("http://127.0.0.1:8081/paypal", f"http://127.0.0.1:8081/paypal{CERT}", True),
        ("http://127.0.0.1:8081/paypal", f"http://127.0.0.1:8082/paypal{CERT}", False),
        ("http://127.0.0.1:8081/paypal", f"http://127.0.0.1:8081{CERT}", False),
        ("http://127.0.0.1:8081/paypal", f"https://api.paypal.com{CERT}", False),
    ],
)
def test_a_certificate_is_fetched_from_paypal_alone(base: str, url: str, good: bool) -> None:
    assert CertificateCache(Nobody(), base_url=base, clock=SystemClock()).is_paypal_url(url) is good


def test_the_machine_has_roots_that_can_be_read() -> None:
    assert all(isinstance(one, x509.Certificate) for one in load_system_roots())


def test_roots_are_found_in_a_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0a1b2c3d.0").write_bytes(certificate_authority.create_root_certificate("folder"))
    (tmp_path / "1a1b2c3d.0").write_text("no certificate", encoding="utf-8")
    (tmp_path / "README").write_bytes(certificate_authority.create_root_certificate("not this one"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    (found,) = load_system_roots()
    (wanted,) = x509.load_pem_x509_certificates(certificate_authority.create_root_certificate("folder"))
    assert found == wanted


async def test_every_event_leads_to_its_order(shop: Shop) -> None:
    taken = await shop.taken()
    await shop.gateway.refund_intent(taken.id, TEN, uuid4(), "r1")
    other = await shop.taken()
    await shop.shell.control("POST", "paypal/disputes", order=other.id)
    wanted = {
        "CHECKOUT.ORDER.APPROVED": taken.id,
        "PAYMENT.AUTHORIZATION.CREATED": taken.id,
        "PAYMENT.CAPTURE.COMPLETED": taken.id,
        "PAYMENT.CAPTURE.REFUNDED": taken.id,
        "CUSTOMER.DISPUTE.CREATED": other.id,
    }
    for kind, order in wanted.items():
        _, event = await shop.event(kind)
        found = shop.gateway.find_intent_id(event.payload)
        assert found is not None
        assert (await shop.gateway.read_intent(found)).id == order, kind


UP = "https://api.paypal.com/v2/payments"


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({}, None),
        ({"resource": []}, None),
        ({"resource_type": "checkout-order", "resource": {"id": "O1"}}, "O1"),
        ({"resource_type": "checkout-order", "resource": {"id": ["O1"]}}, None),
        ({"resource_type": "capture", "resource": {"supplementary_data": {"related_ids": {"order_id": "O1"}}}}, "O1"),
        ({"resource_type": "capture", "resource": {"id": "C1", "links": [{"rel": "up", "href": f"{UP}/captures/C0"}]}},
         "capture:C0"),
        ({"resource_type": "capture", "resource": {"id": "C1"}}, "capture:C1"),
        ({"resource_type": "authorization", "resource": {"id": "A1"}}, "authorization:A1"),
        ({"resource_type": "refund", "resource": {"id": "R1", "links": [{"rel": "up", "href": f"{UP}/captures/C1"}]}},
         "capture:C1"),
        ({"resource_type": "dispute", "resource": {"disputed_transactions": [{"seller_transaction_id": "C1"}]}},
         "capture:C1"),
        ({"resource_type": "dispute", "resource": {"disputed_transactions": [None]}}, None),
        ({"resource_type": "refund", "resource": {"id": "R1", "links": [{"rel": "up", "href": f"{UP}/captures/../x"}]}},
         None),
        ({"resource_type": "plan", "resource": {"id": "P1"}}, None),
    ],
)  # fmt: skip
async def test_an_event_names_what_can_be_read(shop: Shop, event: dict[str, Any], found: str | None) -> None:
    assert shop.gateway.find_intent_id(event) == found
