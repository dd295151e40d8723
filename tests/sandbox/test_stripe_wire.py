import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe.cards import CARDS, passes_luhn
from sandbox.stripe.errors import StripeApiError
from sandbox.stripe.params import parse_form
from tests.sandbox.stripe_account import Account, open_account, refusal

REFUSED = [
    ({"currency": "eur"}, "parameter_missing", "amount"),
    ({"amount": 100}, "parameter_missing", "currency"),
    ({"amount": "ten", "currency": "eur"}, "parameter_invalid_integer", "amount"),
    ({"amount": "10.5", "currency": "eur"}, "parameter_invalid_integer", "amount"),
    ({"amount": 49, "currency": "eur"}, "amount_too_small", "amount"),
    ({"amount": 100_000_000, "currency": "eur"}, "amount_too_large", "amount"),
    ({"amount": 17_499, "currency": "huf"}, "amount_too_small", "amount"),
    ({"amount": 100_000_000, "currency": "vnd"}, "amount_too_large", "amount"),
    ({"amount": 1_000_000_000_000, "currency": "idr"}, "amount_too_large", "amount"),
    ({"amount": 12_345, "currency": "kwd"}, None, "amount"),
    ({"amount": 150, "currency": "isk"}, None, "amount"),
    ({"amount": 100, "currency": "xxx"}, None, "currency"),
    ({"amount": 100, "currency": "irr"}, None, "currency"),
    ({"amount": 100, "currency": "eur", "colour": "red"}, "parameter_unknown", "colour"),
    ({"amount": 100, "currency": "eur", "shipping": {"name": "A", "moon": "1"}}, "parameter_unknown", "shipping[moon]"),
    ({"amount": 100, "currency": "eur", "customer": "cus_nobody"}, "resource_missing", "customer"),
    ({"amount": 100, "currency": "eur", "payment_method": "pm_nothing"}, "resource_missing", "payment_method"),
    ({"amount": 100, "currency": "eur", "return_url": "http://a.test"}, "parameter_invalid", "return_url"),
    (
        {"amount": 100, "currency": "eur", "confirm": "true", "return_url": "javascript:alert(1)"},
        "url_invalid",
        "return_url",
    ),
]


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with open_account() as opened:
        yield opened


@pytest.mark.parametrize(("params", "code", "param"), REFUSED)
async def test_a_parameter_is_refused(account: Account, params: dict[str, object], code: str, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await account.client().payment_intents.create_async(params)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert account.kinds == []


@pytest.mark.parametrize("key", ["", "sk_live_1234567890", "sk_test_1234567890", "rk_test_1234567890", "nonsense"])
async def test_a_key_is_refused(account: Account, key: str) -> None:
    status, body, _ = await account.fetch("GET", "/stripe/v1/customers", headers={"Authorization": f"Bearer {key}"})
    assert (status, body["error"]["type"]) == (401, "invalid_request_error")
    assert "1234567890" not in body["error"]["message"]


async def test_what_is_not_there_is_a_404(account: Account) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await account.client().payment_intents.retrieve_async("pi_nothing")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    status, body, _ = await account.fetch("POST", "/stripe/v1/rockets")
    assert (status, "Unrecognized request URL" in body["error"]["message"]) == (404, True)


async def test_headers_come_back(account: Account) -> None:
    _, _, headers = await account.fetch("GET", "/stripe/v1/customers", headers={"Stripe-Version": "2026-10-28.endive"})
    assert headers["Stripe-Version"] == "2026-10-28.endive"
    assert headers["Request-Id"].startswith("req_")


async def test_the_same_key_answers_the_same(account: Account) -> None:
    customers = account.client().customers
    first = await customers.create_async({"email": "a@b.cz"}, {"idempotency_key": "k1"})
    again = await customers.create_async({"email": "a@b.cz"}, {"idempotency_key": "k1"})
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert account.kinds == ["customer.created"]


async def test_a_decline_is_remembered(account: Account) -> None:
    intents = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            await account.client().payment_intents.create_async(
                {
                    "amount": 100,
                    "currency": "eur",
                    "payment_method_types": ["card"],
                    "confirm": True,
                    "payment_method": "pm_card_visa_chargeDeclined",
                },
                {"idempotency_key": "k1"},
            )
        intents.append(refusal(declined).error.payment_intent.id)
    assert intents[0] == intents[1]
    assert refusal(declined).headers["Stripe-Should-Retry"] == "false"


async def test_a_refused_parameter_is_not_remembered(account: Account) -> None:
    intents = account.client().payment_intents
    with pytest.raises(stripe.InvalidRequestError):
        await intents.create_async({"amount": 1, "currency": "eur"}, {"idempotency_key": "k1"})
    assert (await intents.create_async({"amount": 100, "currency": "eur"}, {"idempotency_key": "k1"})).amount == 100


async def test_a_key_serves_one_request(account: Account) -> None:
    customers = account.client().customers
    await customers.create_async({"email": "a@b.cz"}, {"idempotency_key": "k1"})
    with pytest.raises(stripe.IdempotencyError):
        await customers.create_async({"email": "other@b.cz"}, {"idempotency_key": "k1"})
    with pytest.raises(stripe.IdempotencyError):
        await account.client().payment_methods.create_async({"type": "card"}, {"idempotency_key": "k1"})


async def test_a_key_in_flight_is_a_conflict(account: Account) -> None:
    account.state.thinking = 0.1
    calls = [account.client().customers.create_async({}, {"idempotency_key": "k1"}) for _ in range(2)]
    conflict: Any = next(
        one for one in await asyncio.gather(*calls, return_exceptions=True) if isinstance(one, Exception)
    )
    assert (conflict.http_status, conflict.error.code) == (409, "idempotency_key_in_use")
    assert conflict.headers["Stripe-Should-Retry"] == "true"
    assert account.kinds == ["customer.created"]


async def test_a_key_is_forgotten_after_a_day(account: Account) -> None:
    customers = account.client().customers
    first = await customers.create_async({}, {"idempotency_key": "k1"})
    tomorrow = account.now() + timedelta(hours=25)
    account.world.now = lambda: tomorrow
    assert (await customers.create_async({}, {"idempotency_key": "k1"})).id != first.id


async def test_pages_of_a_list_lead_through_all(account: Account) -> None:
    customers = account.client().customers
    made = [(await customers.create_async({"name": str(number)})).id for number in range(5)]
    page = await customers.list_async({"limit": 2})
    assert (page.url, page.has_more, [one.id for one in page.data]) == ("/v1/customers", True, made[:2:-1])
    assert [one.id async for one in page.auto_paging_iter()] == made[::-1]
    before = await customers.list_async({"limit": 2, "ending_before": made[0]})
    assert [one.id for one in before.data] == [made[2], made[1]]


async def test_customers_change_and_go(account: Account) -> None:
    customers = account.client().customers
    made = await customers.create_async({"email": "a@b.cz", "name": "A"})
    await customers.update_async(made.id, {"name": "B"})
    assert [one.name for one in (await customers.list_async({"email": "a@b.cz"})).data] == ["B"]
    await customers.delete_async(made.id)
    assert (await customers.retrieve_async(made.id)).deleted is True
    assert account.kinds == ["customer.created", "customer.updated", "customer.deleted"]


async def test_a_deleted_customer_is_only_a_memory(account: Account) -> None:
    """The event still says who it was; nothing can be done with them any more."""
    customers = account.client().customers
    made = await customers.create_async({"email": "a@b.cz"})
    gone = await customers.delete_async(made.id)
    assert gone.to_dict() == {"id": made.id, "object": "customer", "deleted": True}
    assert (await account.until("customer.deleted"))["data"]["object"]["email"] == "a@b.cz"
    for again in (customers.delete_async(made.id), customers.update_async(made.id, {"name": "B"})):
        with pytest.raises(stripe.InvalidRequestError, match=f"No such customer: '{made.id}'") as refused:
            await again
        assert (refusal(refused).code, refusal(refused).http_status) == ("resource_missing", 404)
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        await account.intent(customer=made.id)


@pytest.mark.parametrize("path", ["nothing", "customer.secret", "a.b.c.d.e.f"])
async def test_what_cannot_be_expanded_is_refused_before_anything_happens(account: Account, path: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="expand"):
        await account.client().customers.create_async({"expand": [path]})
    assert account.kinds == []


@given(st.text(max_size=80))
def test_any_form_is_read_or_refused(text: str) -> None:
    with suppress(StripeApiError):
        assert isinstance(parse_form(text), dict)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_a_form_keeps_its_values(values: dict[str, str]) -> None:
    nested = urlencode([(f"metadata[{name}]", value) for name, value in values.items()])
    assert parse_form(nested) == ({"metadata": values} if values else {})


def test_test_cards_are_well_formed() -> None:
    assert all(passes_luhn(card.number) for card in CARDS)
    assert not passes_luhn("4242424242424241")
