import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.paypal_account import ORDERS, WHOLE, Merchant, open_merchant

AMOUNT = {"currency_code": "EUR", "value": "10.99"}


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with open_merchant() as opened:
        yield opened


def wish(**more: Any) -> dict[str, Any]:
    return {"intent": "AUTHORIZE", "purchase_units": [{"amount": AMOUNT}]} | more


def amount(value: Any, currency: Any = "EUR") -> dict[str, Any]:
    return wish(purchase_units=[{"amount": {"currency_code": currency, "value": value}}])


@pytest.mark.parametrize(
    ("body", "status", "issue", "field"),
    [
        (wish(intent=None), 400, "MISSING_REQUIRED_PARAMETER", "/intent"),
        (wish(intent="SALE"), 400, "INVALID_PARAMETER_VALUE", "/intent"),
        (wish(purchase_units=None), 400, "MISSING_REQUIRED_PARAMETER", "/purchase_units"),
        (wish(purchase_units=[]), 400, "INVALID_PARAMETER_SYNTAX", "/purchase_units"),
        (wish(purchase_units=[{}]), 400, "MISSING_REQUIRED_PARAMETER", "/purchase_units/0/amount"),
        (wish(purchase_units=[{"amount": AMOUNT}] * 2), 422, "UNSUPPORTED_INTENT", "/intent"),
        (amount(1099), 400, "INVALID_PARAMETER_SYNTAX", "/purchase_units/0/amount/value"),
        (amount("1e3"), 400, "INVALID_PARAMETER_SYNTAX", "/purchase_units/0/amount/value"),
        (amount("10.999"), 422, "DECIMAL_PRECISION", "/purchase_units/0/amount/value"),
        (amount("0.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE", "/purchase_units/0/amount/value"),
        (amount("500.00", "JPY"), 422, "DECIMAL_PRECISION", "/purchase_units/0/amount/value"),
        (amount("500.00", "HUF"), 422, "DECIMAL_PRECISION", "/purchase_units/0/amount/value"),
        (amount("5", "KWD"), 422, "INVALID_CURRENCY_CODE", "/purchase_units/0/amount/currency_code"),
        (wish(payment_source={"card": {}}), 400, "INVALID_PARAMETER_SYNTAX", "/payment_source/paypal"),
        (wish(application_context={"return_url": "javascript:1"}), 400, "INVALID_PARAMETER_SYNTAX",
         "experience_context/return_url"),
    ],
)  # fmt: skip
async def test_a_wrong_order_is_refused(
    merchant: Merchant, body: dict[str, Any], status: int, issue: str, field: str
) -> None:
    body = {name: value for name, value in body.items() if value is not None}
    got, found = await merchant.call("POST", ORDERS, body)
    detail = found["details"][0]
    assert (got, detail["issue"], detail["field"]) == (status, issue, field)
    assert found["debug_id"]
    assert merchant.state.tables["order"] == {}


async def test_an_order_shows_little_unless_asked(merchant: Merchant) -> None:
    status, brief = await merchant.call("POST", ORDERS, wish())
    assert (status, set(brief)) == (201, {"id", "status", "links"})
    whole = await merchant.good("GET", f"{ORDERS}/{brief['id']}")
    assert (whole["status"], whole["purchase_units"][0]["amount"]) == ("CREATED", AMOUNT)
    assert [one["rel"] for one in whole["links"]] == ["self", "approve", "update", "authorize"]


async def test_whole_currencies_are_whole(merchant: Merchant) -> None:
    for currency in ("JPY", "HUF", "TWD"):
        made = await merchant.order("500", currency)
        assert made["purchase_units"][0]["amount"] == {"currency_code": currency, "value": "500"}


async def test_an_order_with_a_wallet_needs_a_request_id(merchant: Merchant) -> None:
    body = wish(payment_source={"paypal": {"experience_context": {"return_url": "https://hub.test/back"}}})
    assert await merchant.issue("POST", ORDERS, body) == (400, "PAYPAL_REQUEST_ID_REQUIRED")
    made = await merchant.good("POST", ORDERS, body, PayPal_Request_Id="k1")
    assert (made["status"], made["links"][1]["rel"]) == ("PAYER_ACTION_REQUIRED", "payer-action")


async def test_the_same_request_id_is_the_same_order_as_it_is_now(merchant: Merchant) -> None:
    _, first = await merchant.call("POST", ORDERS, wish(), PayPal_Request_Id="k1")
    await merchant.good("POST", "/_/paypal/approve", {"order": first["id"]})
    status, again = await merchant.call("POST", ORDERS, wish(), PayPal_Request_Id="k1")
    assert (status, again["id"], again["status"]) == (200, first["id"], "APPROVED")
    other = await merchant.issue("POST", ORDERS, wish(intent="CAPTURE"), PayPal_Request_Id="k1")
    assert other == (422, "PAYPAL_REQUEST_ID_PREVIOUSLY_USED")
    assert len(merchant.state.tables["order"]) == 1


async def test_a_request_id_in_flight_is_busy(merchant: Merchant) -> None:
    merchant.state.thinking = 0.1
    both = await asyncio.gather(*(merchant.call("POST", ORDERS, wish(), PayPal_Request_Id="k1") for _ in range(2)))
    assert sorted(status for status, _ in both) == [201, 409]


async def test_a_refusal_is_replayed_under_its_request_id(merchant: Merchant) -> None:
    order = await merchant.order()
    path = f"{ORDERS}/{order['id']}/authorize"
    assert await merchant.issue("POST", path, {}, PayPal_Request_Id="a1") == (422, "ORDER_NOT_APPROVED")
    await merchant.good("POST", "/_/paypal/approve", {"order": order["id"]})
    assert await merchant.issue("POST", path, {}, PayPal_Request_Id="a1") == (422, "ORDER_NOT_APPROVED")
    assert (await merchant.good("POST", path, {}, PayPal_Request_Id="a2"))["status"] == "COMPLETED"


async def test_nothing_is_done_without_a_good_token(merchant: Merchant) -> None:
    status, found = await merchant.call("GET", f"{ORDERS}/X", Authorization="")
    assert (status, found["name"]) == (401, "AUTHENTICATION_FAILURE")
    status, found = await merchant.call("GET", f"{ORDERS}/X", Authorization="Bearer nonsense")
    assert (status, found["error"]) == (401, "invalid_token")
    merchant.ahead = timedelta(hours=9, minutes=1)
    assert (await merchant.call("GET", f"{ORDERS}/X"))[0] == 401


@pytest.mark.parametrize(
    ("secret", "form", "status", "error"),
    [
        ("wrong", {"grant_type": "client_credentials"}, 401, "invalid_client"),
        (None, {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (None, {}, 400, "unsupported_grant_type"),
    ],
)
async def test_a_token_is_refused(
    merchant: Merchant, secret: str | None, form: dict[str, str], status: int, error: str
) -> None:
    got, found = await merchant.ask_token(secret, **form)
    assert (got, found["error"]) == (status, error)


async def test_a_token_lives_for_nine_hours(merchant: Merchant) -> None:
    _, found = await merchant.ask_token(grant_type="client_credentials")
    assert (found["token_type"], found["expires_in"]) == ("Bearer", 32400)


async def test_what_is_not_json_is_malformed(merchant: Merchant) -> None:
    headers = {"Authorization": f"Bearer {merchant.token}", "Content-Type": "application/json"}
    async with merchant.session.post(merchant.base + ORDERS, data=b'{"x', headers=headers) as answer:
        found = await answer.json()
        assert (answer.status, found["details"][0]["issue"]) == (400, "MALFORMED_REQUEST_JSON")
        assert answer.headers["Paypal-Debug-Id"] == found["debug_id"]


async def test_the_buyer_approves_on_a_page(merchant: Merchant) -> None:
    context = {"return_url": "https://hub.test/back?b=1", "cancel_url": "https://hub.test/no", "brand_name": "<Hub>"}
    made = await merchant.good("POST", ORDERS, wish(application_context=context), **WHOLE)
    url = made["links"][1]["href"]
    page = await merchant.good("GET", url)
    assert "10.99 EUR" in page
    assert "&lt;Hub&gt;" in page
    async with merchant.session.post(url, data={"outcome": "approve"}, allow_redirects=False) as answer:
        there = answer.headers["Location"]
    order = await merchant.good("GET", f"{ORDERS}/{made['id']}")
    assert there == f"https://hub.test/back?b=1&token={made['id']}&PayerID={order['payer']['payer_id']}"
    assert (order["status"], merchant.kinds) == ("APPROVED", ["CHECKOUT.ORDER.APPROVED"])


async def test_the_buyer_may_turn_back(merchant: Merchant) -> None:
    context = {"return_url": "https://hub.test/back", "cancel_url": "https://hub.test/no"}
    made = await merchant.good("POST", ORDERS, wish(application_context=context), **WHOLE)
    async with merchant.session.post(
        made["links"][1]["href"], data={"outcome": "cancel"}, allow_redirects=False
    ) as answer:
        assert answer.headers["Location"] == f"https://hub.test/no?token={made['id']}"
    assert ((await merchant.good("GET", f"{ORDERS}/{made['id']}"))["status"], merchant.kinds) == ("CREATED", [])


async def test_a_page_of_nothing_and_an_answer_of_nothing(merchant: Merchant) -> None:
    assert (await merchant.call("GET", "/paypal/checkoutnow?token=NONE"))[0] == 404
    made = await merchant.order()
    url = f"{merchant.base}/paypal/checkoutnow?token={made['id']}"
    async with merchant.session.post(url, data={"outcome": "perhaps"}) as answer:
        assert answer.status == 422
    async with merchant.session.post(url, data={"outcome": "approve"}) as answer:
        assert (answer.status, "Approve" in await answer.text()) == (200, True)


async def test_a_declined_card_sends_the_buyer_back(merchant: Merchant) -> None:
    ident = await merchant.approved("declined")
    status, found = await merchant.call("POST", f"{ORDERS}/{ident}/authorize", {})
    redirect = next(one["href"] for one in found["links"] if one["rel"] == "redirect")
    assert (status, found["details"][0]["issue"]) == (422, "INSTRUMENT_DECLINED")
    assert redirect.endswith(f"/paypal/checkoutnow?token={ident}")
    assert (await merchant.good("GET", f"{ORDERS}/{ident}"))["status"] == "PAYER_ACTION_REQUIRED"
    await merchant.good("POST", "/_/paypal/approve", {"order": ident})
    assert (await merchant.good("POST", f"{ORDERS}/{ident}/authorize", {}))["status"] == "COMPLETED"


async def test_an_order_goes_the_way_it_was_meant(merchant: Merchant) -> None:
    held, taken = await merchant.approved(), await merchant.approved(intent="CAPTURE")
    assert await merchant.issue("POST", f"{ORDERS}/{held}/capture", {}) == (422, "ACTION_DOES_NOT_MATCH_INTENT")
    assert await merchant.issue("POST", f"{ORDERS}/{taken}/authorize", {}) == (422, "ACTION_DOES_NOT_MATCH_INTENT")
    found = await merchant.good("POST", f"{ORDERS}/{taken}/capture", {})
    assert found["purchase_units"][0]["payments"]["captures"][0]["status"] == "COMPLETED"
    assert merchant.kinds[2:] == ["PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.COMPLETED"]
    assert await merchant.issue("POST", f"{ORDERS}/{taken}/capture", {}) == (422, "ORDER_ALREADY_CAPTURED")


async def test_an_order_is_changed_until_it_is_done(merchant: Merchant) -> None:
    ident = await merchant.approved(custom_id="one")
    where = "/purchase_units/@reference_id=='default'/"
    changes = [
        {"op": "replace", "path": f"{where}custom_id", "value": "two"},
        {"op": "replace", "path": f"{where}amount", "value": {"currency_code": "EUR", "value": "12.00"}},
    ]
    assert (await merchant.call("PATCH", f"{ORDERS}/{ident}", changes))[0] == 204
    unit = (await merchant.good("GET", f"{ORDERS}/{ident}"))["purchase_units"][0]
    assert (unit["custom_id"], unit["amount"]["value"]) == ("two", "12.00")
    half = [{"op": "remove", "path": f"{where}custom_id"}, {"op": "replace", "path": "/status", "value": "COMPLETED"}]
    assert await merchant.issue("PATCH", f"{ORDERS}/{ident}", half) == (400, "FIELD_NOT_PATCHABLE")
    assert (await merchant.good("GET", f"{ORDERS}/{ident}"))["purchase_units"][0]["custom_id"] == "two"
    await merchant.good("POST", f"{ORDERS}/{ident}/authorize", {})
    assert await merchant.issue("PATCH", f"{ORDERS}/{ident}", changes) == (422, "ORDER_ALREADY_COMPLETED")


async def test_an_order_that_nobody_took_further_is_gone(merchant: Merchant) -> None:
    waiting, approved, (held, _) = await merchant.order(), await merchant.approved(), await merchant.held()
    merchant.ahead = timedelta(hours=3, minutes=1)
    for ident in (waiting["id"], approved):
        assert await merchant.issue("GET", f"{ORDERS}/{ident}") == (404, "INVALID_RESOURCE_ID")
    assert (await merchant.good("GET", f"{ORDERS}/{held}"))["status"] == "COMPLETED"
