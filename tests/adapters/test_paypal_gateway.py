import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from hub.core.errors import OutcomeUnknown, ProviderError, ProviderPermanent, ProviderTransient
from hub.core.money import Money
from hub.sales.bookings import PaymentStatus
from sandbox.paypal import orders
from sandbox.paypal.state import get_paypal_account
from sandbox.paypal.wire import PayPalCall
from tests.adapters.paypal_shop import TEN, Shop, open_shop
from tests.sandbox.shell import until


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


async def test_a_payment_from_the_wish_to_the_money(shop: Shop) -> None:
    intent = await shop.start()
    assert (intent.status, intent.amount, intent.payment_id) == (PaymentStatus.UNPAID, TEN, shop.payments[intent.id])
    assert intent.approval_url == f"{shop.shell.base}/paypal/checkoutnow?token={intent.id}"
    await shop.approve(intent.id)
    held = await shop.gateway.read_intent(intent.id)
    assert (held.id, held.status, held.captured) == (intent.id, PaymentStatus.AUTHORIZED, 0)
    taken = await shop.gateway.capture_intent(intent.id, shop.key(intent.id, "capture"))
    assert (taken.status, taken.captured, taken.fee) == (PaymentStatus.PAID, 1099, Money(73, "EUR"))
    assert await shop.gateway.read_intent(intent.id) == taken


@pytest.mark.parametrize("money", [Money(500, "JPY"), Money(50000, "HUF"), Money(50000, "TWD"), Money(5, "USD")])
async def test_every_currency_keeps_its_worth(shop: Shop, money: Money) -> None:
    taken = await shop.taken(amount=money)
    assert (taken.amount, taken.captured) == (money, money.amount)


async def test_a_payment_is_made_once_under_its_key(shop: Shop) -> None:
    payment = uuid4()
    request = {"payment_id": payment}
    first = await shop.start(**request)
    with pytest.raises(ProviderPermanent) as refused:  # another booking under the same key is a mistake
        await shop.start(**request)
    assert refused.value.provider_code == "PAYPAL_REQUEST_ID_PREVIOUSLY_USED"
    assert [one["id"] for one in await shop.orders()] == [first.id]


@pytest.mark.parametrize("kind", ["timeout", "reset", "garbage", "cut"])
async def test_a_lost_answer_makes_no_second_hold(shop: Shop, kind: str) -> None:
    intent = await shop.start()
    await shop.approve(intent.id)
    await shop.fault(kind, path="*/authorize", times=1, after_effect=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sandbox.faults.MAX_SECONDS", 0.1)
        try:
            found = await shop.gateway.read_intent(intent.id)
        except ProviderError:
            found = await shop.gateway.read_intent(intent.id)
    holds = (await shop.orders())[0]["purchase_units"][0]["payments"]["authorizations"]
    assert (found.status, len(holds)) == (PaymentStatus.AUTHORIZED, 1)


async def test_many_readers_hold_once(shop: Shop) -> None:
    intent = await shop.start()
    await shop.approve(intent.id)
    found = await asyncio.gather(*(shop.gateway.read_intent(intent.id) for _ in range(8)))
    assert {one.status for one in found} == {PaymentStatus.AUTHORIZED}
    assert len((await shop.orders())[0]["purchase_units"][0]["payments"]["authorizations"]) == 1


async def test_nothing_is_held_before_the_buyer_says_yes(shop: Shop) -> None:
    intent = await shop.start()
    assert (await shop.gateway.read_intent(intent.id)).status is PaymentStatus.UNPAID
    assert shop.asked("orders.authorize") == 0
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.capture_intent(intent.id, "k")
    assert refused.value.provider_code == "not_authorised"


async def test_a_declined_card_is_for_the_buyer_to_mend(shop: Shop) -> None:
    declined = await shop.held("declined")
    assert (declined.status, declined.failure.code) == (PaymentStatus.REQUIRES_ACTION, "INSTRUMENT_DECLINED")
    assert declined.approval_url == f"{shop.shell.base}/paypal/checkoutnow?token={declined.id}"
    assert (await shop.gateway.read_intent(declined.id)).status is PaymentStatus.UNPAID
    await shop.approve(declined.id)
    replayed = await shop.gateway.read_intent(declined.id)
    assert (replayed.status, replayed.failure.attempt) == (PaymentStatus.REQUIRES_ACTION, 0)
    assert (await shop.gateway.read_intent(declined.id, attempt=1)).status is PaymentStatus.AUTHORIZED


@pytest.mark.parametrize(
    ("funding", "first", "last"),
    [
        ("denied", PaymentStatus.FAILED, PaymentStatus.FAILED),
        ("review", PaymentStatus.PROCESSING, PaymentStatus.AUTHORIZED),
    ],
)
async def test_a_hold_may_not_be_good_at_once(
    shop: Shop, funding: str, first: PaymentStatus, last: PaymentStatus
) -> None:
    intent = await shop.held(funding)
    assert intent.status is first

    async def there() -> bool:
        return (await shop.gateway.read_intent(intent.id)).status is last

    await until(there)


@pytest.mark.parametrize(("funding", "last"), [("echeck", PaymentStatus.PAID), ("bounced", PaymentStatus.FAILED)])
async def test_a_capture_may_take_its_time(shop: Shop, funding: str, last: PaymentStatus) -> None:
    await shop.shell.control("POST", "paypal/pace", settling=1)
    intent = await shop.taken(funding)
    assert (intent.status, intent.captured) == (PaymentStatus.PROCESSING, 0)

    async def there() -> bool:
        return (await shop.gateway.read_intent(intent.id)).status is last

    await until(there)


async def test_money_is_taken_once(shop: Shop) -> None:
    held = await shop.held()
    key = shop.key(held.id, "capture")
    await shop.fault("reset", path="*/capture", times=1, after_effect=True)
    first, again = (
        await shop.gateway.capture_intent(held.id, key),
        await shop.gateway.capture_intent(held.id, "another key"),
    )
    assert first == again
    assert len((await shop.orders())[0]["purchase_units"][0]["payments"]["captures"]) == 1


async def test_a_hold_that_ran_out_is_not_taken(shop: Shop) -> None:
    held = await shop.held()
    await shop.shell.control("POST", "paypal/expire", order=held.id)
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.capture_intent(held.id, shop.key(held.id, "capture"))
    assert refused.value.provider_code == "AUTHORIZATION_EXPIRED"


async def test_what_is_held_is_let_go_once(shop: Shop) -> None:
    held = await shop.held()
    key = shop.key(held.id, "cancel")
    await shop.fault("reset", path="*/void", times=1, after_effect=True)
    assert (await shop.gateway.cancel_intent(held.id, key)).status is PaymentStatus.RELEASED
    assert (await shop.gateway.cancel_intent(held.id, key)).status is PaymentStatus.RELEASED
    assert (await shop.gateway.read_intent(held.id)).status is PaymentStatus.RELEASED


@pytest.mark.parametrize("approved", [False, True])
async def test_an_approval_after_the_cancellation_comes_to_nothing(shop: Shop, approved: bool) -> None:
    intent = await shop.start()
    if approved:
        await shop.approve(intent.id)
    gone = await shop.gateway.cancel_intent(intent.id, shop.key(intent.id, "cancel"))
    assert (gone.status, gone.payment_id) == (PaymentStatus.RELEASED, shop.payments[intent.id])
    await shop.approve(intent.id)
    assert (await shop.gateway.read_intent(intent.id)).status is PaymentStatus.RELEASED
    assert shop.asked("orders.authorize") == 0


async def test_what_is_held_while_it_is_cancelled_is_let_go_by_the_next_reader(shop: Shop) -> None:
    """A reader had seen the approval, was slow, and asks for the hold after the mark has been made."""
    intent = await shop.start()
    await shop.approve(intent.id)
    await shop.gateway.cancel_intent(intent.id, shop.key(intent.id, "cancel"))
    account = get_paypal_account(shop.shell.world)
    orders.authorize_order(PayPalCall(account, intent.id, {}))
    assert account.tables["order"][intent.id]["status"] == "COMPLETED"
    assert (await shop.gateway.read_intent(intent.id)).status is PaymentStatus.RELEASED
    assert [one["status"] for one in account.tables["authorization"].values()] == ["VOIDED"]


@pytest.mark.parametrize("seed", range(5))
async def test_a_reader_and_a_cancellation_at_once_leave_no_hold(shop: Shop, seed: int) -> None:
    intent = await shop.start()
    await shop.approve(intent.id)
    await shop.fault("slow", path="*/authorize", delay=0.005 * seed)
    both = (shop.gateway.read_intent(intent.id), shop.gateway.cancel_intent(intent.id, shop.key(intent.id, "cancel")))
    await asyncio.gather(*both)
    assert (await shop.gateway.read_intent(intent.id)).status is PaymentStatus.RELEASED
    holds = get_paypal_account(shop.shell.world).tables["authorization"].values()
    assert all(one["status"] == "VOIDED" for one in holds)


async def test_what_is_taken_cannot_be_cancelled(shop: Shop) -> None:
    taken = await shop.taken()
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.cancel_intent(taken.id, shop.key(taken.id, "cancel"))
    assert refused.value.provider_code == "not_cancellable"


async def test_money_goes_back_once_for_each_refund(shop: Shop) -> None:
    taken, first, second = await shop.taken(), uuid4(), uuid4()
    await shop.fault("reset", path="*/refund", times=1, after_effect=True)
    made = await shop.gateway.refund_intent(taken.id, Money(400, "EUR"), first, f"refund:{first}")
    again = await shop.gateway.refund_intent(taken.id, Money(400, "EUR"), first, f"refund:{first}")
    assert (made, made.status, made.amount, made.refund_id) == (again, "succeeded", 400, first)
    part = await shop.gateway.read_intent(taken.id)
    assert (part.status, part.refunded) == (PaymentStatus.PARTIALLY_REFUNDED, 400)
    await shop.gateway.refund_intent(taken.id, Money(699, "EUR"), second, f"refund:{second}")
    whole = await shop.gateway.read_intent(taken.id)
    assert (whole.status, whole.refunded) == (PaymentStatus.REFUNDED, 1099)
    assert [one.refund_id for one in whole.refunds or ()] == [first, second]


async def test_more_than_was_taken_never_goes_back(shop: Shop) -> None:
    taken, held = await shop.taken(), await shop.held()
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.refund_intent(taken.id, Money(1100, "EUR"), uuid4(), "r1")
    assert refused.value.provider_code == "REFUND_AMOUNT_EXCEEDED"
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.refund_intent(held.id, Money(1, "EUR"), uuid4(), "r2")
    assert refused.value.provider_code == "not_captured"


@pytest.mark.parametrize(("funding", "last"), [("slow_refund", "succeeded"), ("failed_refund", "failed")])
async def test_a_refund_may_take_its_time(shop: Shop, funding: str, last: str) -> None:
    taken = await shop.taken(funding)
    assert (await shop.gateway.refund_intent(taken.id, TEN, uuid4(), "r1")).status == "pending"

    async def there() -> bool:
        (one,) = (await shop.gateway.read_intent(taken.id)).refunds or ()
        return one.status == last

    await until(there)


async def test_a_refund_from_the_dashboard_is_seen_and_is_not_ours(shop: Shop) -> None:
    taken = await shop.taken()
    amount = {"currency_code": "EUR", "value": "2.00"}
    await shop.shell.control("POST", "paypal/refunds", order=taken.id, amount=amount)
    (seen,) = (await shop.gateway.read_intent(taken.id)).refunds or ()
    assert (seen.amount, seen.refund_id) == (200, None)


@pytest.mark.parametrize(
    ("outcome", "status"), [(None, "open"), ("RESOLVED_BUYER_FAVOUR", "lost"), ("RESOLVED_SELLER_FAVOUR", "won")]
)
async def test_a_dispute_is_seen_with_the_payment(shop: Shop, outcome: str | None, status: str) -> None:
    taken = await shop.taken()
    dispute = await shop.shell.control("POST", "paypal/disputes", order=taken.id)
    if outcome:
        await shop.shell.control("POST", f"paypal/disputes/{dispute['id']}/resolve", outcome=outcome)
    found = await shop.gateway.read_intent(taken.id)
    assert [(one.id, one.status, one.amount) for one in found.disputes] == [(dispute["id"], status, TEN)]
    assert (found.status, found.refunded) == (PaymentStatus.PAID, 0)


async def test_payments_go_on_without_the_right_to_see_disputes(shop: Shop) -> None:
    await shop.fault("status", path="/v1/customer/disputes", status=403)
    with capture_logs() as told:
        taken = await shop.taken()
        await shop.gateway.read_intent(taken.id)
    assert (taken.status, taken.disputes) == (PaymentStatus.PAID, ())
    assert [one["event"] for one in told] == ["paypal.disputes_forbidden"]


async def test_an_order_that_nobody_approved_in_time_is_gone(shop: Shop) -> None:
    intent = await shop.start()
    await shop.shell.control("POST", "paypal/expire", order=intent.id)
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.read_intent(intent.id)
    assert refused.value.provider_code == "INVALID_RESOURCE_ID"


@pytest.mark.parametrize("ident", ["", "../v1/oauth2/token", "capture:", "capture:x/y", "NONE", "capture:NONE"])
async def test_an_id_that_is_none_is_refused(shop: Shop, ident: str) -> None:
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.read_intent(ident)
    assert refused.value.provider_code == "INVALID_RESOURCE_ID"


async def test_an_order_of_somebody_else_is_read_and_left_alone(shop: Shop) -> None:
    intent = await shop.start()
    shop.shell.world.providers["paypal"].tables["order"][intent.id]["purchase_units"][0]["custom_id"] = "shop-77"
    await shop.approve(intent.id)
    found = await shop.gateway.read_intent(intent.id)
    assert (found.payment_id, found.status) == (None, PaymentStatus.PROCESSING)
    assert shop.asked("orders.authorize") == 0


async def test_one_token_serves_all_who_wait_for_it(shop: Shop) -> None:
    await asyncio.gather(*(shop.start() for _ in range(10)))
    assert shop.asked("oauth2.token") == 1
    shop.clock.ahead += timedelta(hours=9)
    await shop.start()
    assert shop.asked("oauth2.token") == 2


async def test_a_token_that_ended_early_is_replaced_once(shop: Shop) -> None:
    intent = await shop.start()
    await shop.shell.control("POST", "paypal/tokens/revoke")
    assert (await shop.gateway.read_intent(intent.id)).id == intent.id
    assert shop.asked("oauth2.token") == 2
    await shop.fault("status", path="/v2/", status=401)
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.read_intent(intent.id)
    assert (refused.value.provider_status, shop.asked("oauth2.token")) == (401, 3)


async def test_wrong_credentials_say_so_and_nothing_else(shop: Shop) -> None:
    await shop.fault("status", path="/v1/oauth2/token", status=401)
    with pytest.raises(ProviderPermanent) as refused:
        await shop.gateway.check_access()
    assert refused.value.provider_code == "invalid_client"
    assert "Esandbox" not in repr(refused.value)
    await shop.shell.call("DELETE", "/_/faults")
    await shop.gateway.check_access()


async def test_a_token_that_cannot_be_had_is_asked_for_again(shop: Shop) -> None:
    await shop.fault("garbage", path="/v1/oauth2/token", times=1)
    with pytest.raises(ProviderTransient):
        await shop.gateway.check_access()
    await shop.gateway.check_access()


@pytest.mark.parametrize(("kind", "error"), [("garbage", OutcomeUnknown), ("status", OutcomeUnknown)])
async def test_a_write_without_a_clear_answer_may_have_happened(shop: Shop, kind: str, error: type[Exception]) -> None:
    await shop.fault(kind, path="/v2/checkout/orders", status=500)
    with pytest.raises(error):
        await shop.start()


async def test_a_provider_that_is_away_is_so_for_reads(shop: Shop) -> None:
    intent = await shop.start()
    await shop.fault("status", path="/v2/checkout", status=503)
    with pytest.raises(ProviderTransient):
        await shop.gateway.read_intent(intent.id)


async def test_paypal_knows_no_customers(shop: Shop) -> None:
    assert await shop.gateway.ensure_customer(uuid4(), "ada@example.com", "Ada", key="k") == ""
    await shop.gateway.forget_customer("", "k")
    assert shop.records == []
