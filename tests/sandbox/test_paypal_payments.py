from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.paypal_account import CAPTURES, HOLDS, ORDERS, WHOLE, Merchant, open_merchant


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with open_merchant() as opened:
        yield opened


def euros(value: str) -> dict[str, str]:
    return {"currency_code": "EUR", "value": value}


async def test_a_hold_is_taken(merchant: Merchant) -> None:
    order, hold = await merchant.held(custom_id="p1")
    assert (hold["status"], hold["custom_id"]) == ("CREATED", "p1")
    status, brief = await merchant.call("POST", f"{HOLDS}/{hold['id']}/capture", {"final_capture": True})
    assert (status, set(brief)) == (201, {"id", "status", "links"})
    taken = await merchant.good("GET", f"{CAPTURES}/{brief['id']}")
    fees = {name: one["value"] for name, one in taken["seller_receivable_breakdown"].items()}
    assert fees == {"gross_amount": "10.99", "paypal_fee": "0.73", "net_amount": "10.26"}
    assert taken["supplementary_data"]["related_ids"] == {"order_id": order, "authorization_id": hold["id"]}
    assert (await merchant.good("GET", f"{HOLDS}/{hold['id']}"))["status"] == "CAPTURED"
    assert merchant.kinds == ["CHECKOUT.ORDER.APPROVED", "PAYMENT.AUTHORIZATION.CREATED", "PAYMENT.CAPTURE.COMPLETED"]


async def test_a_hold_is_taken_in_parts_until_the_last(merchant: Merchant) -> None:
    _, hold = await merchant.held(value="10.00")
    url = f"{HOLDS}/{hold['id']}"
    await merchant.good("POST", f"{url}/capture", {"amount": euros("4.00")})
    assert (await merchant.good("GET", url))["status"] == "PARTIALLY_CAPTURED"
    too_much = await merchant.issue("POST", f"{url}/capture", {"amount": euros("6.01")})
    assert too_much == (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    await merchant.good("POST", f"{url}/capture", {"amount": euros("1.00"), "final_capture": True})
    assert (await merchant.good("GET", url))["status"] == "CAPTURED"
    assert await merchant.issue("POST", f"{url}/capture", {}) == (422, "AUTHORIZATION_ALREADY_CAPTURED")
    assert await merchant.issue("POST", f"{url}/void", {}) == (422, "PREVIOUSLY_CAPTURED")


async def test_the_same_request_id_takes_once(merchant: Merchant) -> None:
    _, hold = await merchant.held()
    url, body = f"{HOLDS}/{hold['id']}/capture", {"final_capture": True}
    both = [await merchant.good("POST", url, body, PayPal_Request_Id="c1") for _ in range(2)]
    assert both[0]["id"] == both[1]["id"]
    assert len(merchant.state.tables["capture"]) == 1


@pytest.mark.parametrize(
    ("body", "issue"),
    [
        ({"amount": {"currency_code": "USD", "value": "1.00"}}, "AUTH_CAPTURE_CURRENCY_MISMATCH"),
        ({"amount": {"currency_code": "EUR", "value": "-1.00"}}, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ({"amount": {"currency_code": "JPY", "value": "1.0"}}, "DECIMALS_NOT_SUPPORTED"),
    ],
)
async def test_a_capture_is_refused(merchant: Merchant, body: dict[str, Any], issue: str) -> None:
    _, hold = await merchant.held()
    assert await merchant.issue("POST", f"{HOLDS}/{hold['id']}/capture", body) == (422, issue)


async def test_a_hold_is_let_go(merchant: Merchant) -> None:
    order, hold = await merchant.held()
    url = f"{HOLDS}/{hold['id']}"
    assert (await merchant.call("POST", f"{url}/void", {}))[0] == 204
    assert (await merchant.good("GET", f"{ORDERS}/{order}"))["status"] == "VOIDED"
    assert merchant.kinds[-1] == "PAYMENT.AUTHORIZATION.VOIDED"
    assert await merchant.issue("POST", f"{url}/void", {}) == (422, "PREVIOUSLY_VOIDED")
    assert await merchant.issue("POST", f"{url}/capture", {}) == (422, "AUTHORIZATION_VOIDED")


async def test_a_hold_runs_out(merchant: Merchant) -> None:
    _, hold = await merchant.held()
    merchant.ahead = timedelta(days=29, hours=1)
    await merchant.sign_in()
    assert await merchant.issue("POST", f"{HOLDS}/{hold['id']}/capture", {}) == (422, "AUTHORIZATION_EXPIRED")


async def test_a_hold_is_renewed(merchant: Merchant) -> None:
    order, hold = await merchant.held(value="100.00")
    url = f"{HOLDS}/{hold['id']}"
    too_much = await merchant.issue("POST", f"{url}/reauthorize", {"amount": euros("115.01")})
    assert too_much == (422, "AUTHORIZATION_AMOUNT_EXCEEDED")
    renewed = await merchant.good("POST", f"{url}/reauthorize", {"amount": euros("115.00")}, **WHOLE)
    child = f"{HOLDS}/{renewed['id']}"
    assert await merchant.issue("POST", f"{child}/void", {}) == (422, "CANNOT_BE_VOIDED")
    assert await merchant.issue("POST", f"{child}/reauthorize", {}) == (422, "REAUTHORIZATION_NOT_SUPPORTED")
    await merchant.good("POST", f"{child}/capture", {})
    unit = (await merchant.good("GET", f"{ORDERS}/{order}"))["purchase_units"][0]
    assert [one["status"] for one in unit["payments"]["authorizations"]] == ["CAPTURED", "CAPTURED"]


@pytest.mark.parametrize(("funding", "status"), [("denied", "DENIED"), ("review", "PENDING")])
async def test_a_hold_may_not_be_good_at_once(merchant: Merchant, funding: str, status: str) -> None:
    _, hold = await merchant.held(funding)
    assert hold["status"] == status
    assert await merchant.issue("POST", f"{HOLDS}/{hold['id']}/capture", {}) == (422, "AUTHORIZATION_DENIED")
    if funding == "review":
        event = await merchant.until("PAYMENT.AUTHORIZATION.CREATED")
        assert event["resource"]["status"] == "CREATED"


@pytest.mark.parametrize(
    ("funding", "kind", "status"), [("echeck", "COMPLETED", "COMPLETED"), ("bounced", "DENIED", "DECLINED")]
)
async def test_a_capture_may_take_its_time(merchant: Merchant, funding: str, kind: str, status: str) -> None:
    merchant.state.settling = 1
    _, taken = await merchant.taken(funding)
    assert (taken["status"], taken["status_details"]["reason"]) == ("PENDING", "ECHECK")
    assert await merchant.issue("POST", f"{CAPTURES}/{taken['id']}/refund", {}) == (422, "PENDING_CAPTURE")
    event = await merchant.until(f"PAYMENT.CAPTURE.{kind}")
    assert (merchant.kinds[2], event["resource"]["status"]) == ("PAYMENT.CAPTURE.PENDING", status)


async def test_an_invoice_is_paid_once(merchant: Merchant) -> None:
    await merchant.taken(invoice_id="I1")
    second = await merchant.approved(invoice_id="I1")
    assert await merchant.issue("POST", f"{ORDERS}/{second}/authorize", {}) == (422, "DUPLICATE_INVOICE_ID")


async def test_money_goes_back_in_parts_and_never_more(merchant: Merchant) -> None:
    order, taken = await merchant.taken(value="10.00")
    url = f"{CAPTURES}/{taken['id']}"
    first = await merchant.good("POST", f"{url}/refund", {"amount": euros("4.00"), "custom_id": "r1"}, **WHOLE)
    assert (first["status"], first["custom_id"], first["amount"]) == ("COMPLETED", "r1", euros("4.00"))
    assert (await merchant.good("GET", url))["status"] == "PARTIALLY_REFUNDED"
    assert await merchant.issue("POST", f"{url}/refund", {"amount": euros("6.01")}) == (422, "REFUND_AMOUNT_EXCEEDED")
    wrong = {"amount": {"currency_code": "USD", "value": "1.00"}}
    assert await merchant.issue("POST", f"{url}/refund", wrong) == (422, "REFUND_CAPTURE_CURRENCY_MISMATCH")
    rest = await merchant.good("POST", f"{url}/refund", {}, **WHOLE)
    assert rest["seller_payable_breakdown"]["total_refunded_amount"] == euros("10.00")
    assert await merchant.issue("POST", f"{url}/refund", {}) == (422, "CAPTURE_FULLY_REFUNDED")
    unit = (await merchant.good("GET", f"{ORDERS}/{order}"))["purchase_units"][0]
    assert [one["amount"]["value"] for one in unit["payments"]["refunds"]] == ["4.00", "6.00"]
    assert merchant.kinds[-2:] == ["PAYMENT.CAPTURE.REFUNDED"] * 2
    shown = await merchant.good("GET", f"/paypal/v2/payments/refunds/{first['id']}")
    assert shown["links"][1]["href"].endswith(f"/v2/payments/captures/{taken['id']}")


@pytest.mark.parametrize(
    ("funding", "kind", "after"),
    [("slow_refund", "PAYMENT.CAPTURE.REFUNDED", "REFUNDED"), ("failed_refund", "PAYMENT.REFUND.FAILED", "COMPLETED")],
)
async def test_a_refund_may_take_its_time(merchant: Merchant, funding: str, kind: str, after: str) -> None:
    _, taken = await merchant.taken(funding)
    made = await merchant.good("POST", f"{CAPTURES}/{taken['id']}/refund", {})
    assert (made["status"], merchant.kinds[-1]) == ("PENDING", "PAYMENT.REFUND.PENDING")
    await merchant.until(kind)
    assert (await merchant.good("GET", f"{CAPTURES}/{taken['id']}"))["status"] == after


async def test_a_dispute_is_opened_and_lost(merchant: Merchant) -> None:
    order, taken = await merchant.taken(value="10.00")
    dispute = await merchant.good("POST", "/_/paypal/disputes", {"order": order})
    partial = await merchant.issue("POST", f"{CAPTURES}/{taken['id']}/refund", {"amount": euros("1.00")})
    assert partial == (422, "TRANSACTION_DISPUTED")
    listed = await merchant.good("GET", f"/paypal/v1/customer/disputes?disputed_transaction_id={taken['id']}")
    assert [(one["dispute_id"], one["dispute_amount"]) for one in listed["items"]] == [(dispute["id"], euros("10.00"))]
    await merchant.good("POST", f"/_/paypal/disputes/{dispute['id']}/resolve", {"outcome": "RESOLVED_BUYER_FAVOUR"})
    assert merchant.kinds[-3:] == ["CUSTOMER.DISPUTE.CREATED", "PAYMENT.CAPTURE.REVERSED", "CUSTOMER.DISPUTE.RESOLVED"]
    shown = await merchant.good("GET", f"/paypal/v1/customer/disputes/{dispute['id']}")
    assert shown["dispute_outcome"]["outcome_code"] == "RESOLVED_BUYER_FAVOUR"
    assert (await merchant.good("GET", f"{CAPTURES}/{taken['id']}"))["status"] == "REFUNDED"


async def test_a_dispute_is_opened_and_won(merchant: Merchant) -> None:
    order, taken = await merchant.taken()
    dispute = await merchant.good("POST", "/_/paypal/disputes", {"order": order})
    path = f"/_/paypal/disputes/{dispute['id']}/resolve"
    assert (await merchant.call("POST", path, {"outcome": "PERHAPS"}))[0] == 400
    await merchant.good("POST", path, {"outcome": "RESOLVED_SELLER_FAVOUR"})
    assert (await merchant.call("POST", path, {"outcome": "RESOLVED_SELLER_FAVOUR"}))[0] == 422
    assert (await merchant.good("GET", f"{CAPTURES}/{taken['id']}"))["status"] == "COMPLETED"


async def test_an_inquiry_becomes_a_claim_and_a_decision_goes_into_another_round(merchant: Merchant) -> None:
    order, taken = await merchant.taken(value="10.00")
    dispute = await merchant.good("POST", "/_/paypal/disputes", {"order": order, "inquiry": True})
    path = f"/_/paypal/disputes/{dispute['id']}"
    claim = await merchant.good("POST", f"{path}/escalate", {})
    stages = (dispute["dispute_life_cycle_stage"], claim["dispute_life_cycle_stage"])
    assert (*stages, merchant.kinds[-1]) == ("INQUIRY", "CHARGEBACK", "CUSTOMER.DISPUTE.UPDATED")
    assert (await merchant.call("POST", f"{path}/appeal", {}))[0] == 422
    await merchant.good("POST", f"{path}/resolve", {"outcome": "RESOLVED_BUYER_FAVOUR"})
    again = await merchant.good("POST", f"{path}/appeal", {})
    assert (again["status"], again["dispute_life_cycle_stage"]) == ("UNDER_REVIEW", "PRE_ARBITRATION")
    assert (await merchant.good("GET", f"{CAPTURES}/{taken['id']}"))["status"] == "COMPLETED"
    await merchant.good("POST", f"{path}/resolve", {"outcome": "RESOLVED_BUYER_FAVOUR"})
    assert (await merchant.good("GET", f"{CAPTURES}/{taken['id']}"))["status"] == "REFUNDED"


async def test_a_part_of_a_hold_is_captured_in_the_dashboard(merchant: Merchant) -> None:
    order, hold = await merchant.held(value="10.00")
    part = await merchant.good("POST", "/_/paypal/captures", {"order": order, "amount": euros("4.00")})
    assert (part["status"], part["final_capture"]) == ("COMPLETED", False)
    assert (await merchant.good("GET", f"{HOLDS}/{hold['id']}"))["status"] == "PARTIALLY_CAPTURED"
    await merchant.good("POST", "/_/paypal/captures", {"order": order, "amount": euros("4.00"), "final": True})
    assert (await merchant.call("POST", "/_/paypal/captures", {"order": order}))[0] == 422


async def test_what_others_do_can_be_played(merchant: Merchant) -> None:
    order, _ = await merchant.taken(value="10.00")
    await merchant.good("POST", "/_/paypal/refunds", {"order": order, "amount": euros("3.00")})
    await merchant.good("POST", "/_/paypal/reversals", {"order": order})
    held, _ = await merchant.held()
    await merchant.good("POST", "/_/paypal/void", {"order": held})
    assert (await merchant.call("POST", "/_/paypal/void", {"order": held}))[0] == 422
    assert (await merchant.call("POST", "/_/paypal/refunds", {"order": held}))[0] == 404
    assert (await merchant.call("POST", "/_/paypal/approve", {"order": held, "funding": "gold"}))[0] == 400
    assert (await merchant.call("POST", "/_/paypal/pace", {"settling": "soon"}))[0] == 422
    assert [one["id"] for one in await merchant.good("GET", "/_/paypal/orders")] == [order, held]


@pytest.mark.parametrize(
    "path", [f"{ORDERS}/NONE", f"{HOLDS}/NONE", f"{CAPTURES}/NONE", "/paypal/v2/payments/refunds/NONE"]
)
async def test_what_is_not_there_is_a_404(merchant: Merchant, path: str) -> None:
    assert await merchant.issue("GET", path) == (404, "INVALID_RESOURCE_ID")
