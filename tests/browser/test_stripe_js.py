"""The sandbox's stripe.js in a real browser: a frontend pays in development with the calls that it makes live."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from tests.browser.window import CHROMIUM, window
from tests.sandbox.shell import Shell, open_shell

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

SHOP = """<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><h1>Shop</h1>
<form id="form"><div id="payment"></div><button>Pay</button></form><p id="result"></p>
<script src="{sandbox}/stripe.js"></script>
<script>
  const stripe = Stripe("pk_test_sandbox");
  const elements = stripe.elements({{clientSecret: "{secret}"}});
  elements.create("payment").mount("#payment");
  document.querySelector("#form").addEventListener("submit", async (event) => {{
    event.preventDefault();
    const confirmParams = {{return_url: location.origin + "/thanks"}};
    const {{error, paymentIntent}} = await stripe.confirmPayment({{elements, confirmParams, redirect: "{redirect}"}});
    document.querySelector("#result").textContent = error ? error.message : paymentIntent.status;
  }});
</script></html>"""


@dataclass
class Shop:
    page: Page
    shell: Shell
    url: str = ""
    secret: str = ""
    redirect: str = "if_required"

    async def show(self, request: web.Request) -> web.Response:
        if request.path == "/thanks":
            return web.Response(text="<!doctype html><title>Thanks</title><link rel=icon href='data:,'>Thanks",
                                content_type="text/html")  # fmt: skip
        text = SHOP.format(sandbox=self.shell.base, secret=self.secret, redirect=self.redirect)
        return web.Response(text=text, content_type="text/html")

    async def open(self, redirect: str = "if_required") -> None:
        """A page with an intent to pay, as a server of the shop makes it."""
        form = {"amount": "6531", "currency": "eur", "automatic_payment_methods[enabled]": "true"}
        headers = {"Authorization": "Bearer sk_test_sandbox"}
        _, intent, _ = await self.shell.call("POST", "/stripe/v1/payment_intents", data=form, headers=headers)
        self.secret, self.redirect = intent["client_secret"], redirect
        await self.page.goto(self.url)

    async def pay(self, number: str) -> None:
        await self.page.get_by_label("Card number").fill(number)
        await self.page.get_by_label("Expiration").fill("12/34")
        await self.page.get_by_label("Security code").fill("123")
        await self.page.get_by_role("button", name="Pay").click()

    async def result(self, text: str) -> None:
        await expect(self.page.locator("#result")).to_have_text(text, timeout=15_000)

    async def status(self) -> str:
        headers = {"Authorization": "Bearer sk_test_sandbox"}
        path = f"/stripe/v1/payment_intents/{self.secret.partition('_secret_')[0]}"
        _, intent, _ = await self.shell.call("GET", path, headers=headers)
        return str(intent["status"])


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    app = web.Application()
    server = TestServer(app)
    config: dict[str, Any] = {}
    async with open_shell(**config) as shell, window() as page:
        shell.world.config = type(shell.world.config)(shell.config.callback_base, public_base=shell.base)
        shop = Shop(page, shell)
        app.router.add_get("/{path:.*}", shop.show)
        await server.start_server()
        shop.url = str(server.make_url("/"))
        yield shop
        await server.close()


async def test_a_card_is_paid(shop: Shop) -> None:
    await shop.open()
    await shop.pay("4242 4242 4242 4242")
    await shop.result("succeeded")
    assert await shop.status() == "succeeded"


async def test_the_customer_is_sent_to_the_return_url(shop: Shop) -> None:
    await shop.open("always")
    await shop.pay("4242 4242 4242 4242")
    await shop.page.wait_for_url("**/thanks?**redirect_status=succeeded")
    assert shop.secret in shop.page.url


async def test_a_decline_is_an_error_in_words(shop: Shop) -> None:
    await shop.open()
    await shop.pay("4000 0000 0000 9995")
    await shop.result("Your card has insufficient funds.")
    await shop.pay("4242 4242 4242 4242")
    await shop.result("succeeded")


async def test_a_card_that_is_not_complete_is_not_sent(shop: Shop) -> None:
    await shop.open()
    await shop.pay("4242")
    await shop.result("Your card number is incomplete.")
    assert await shop.status() == "requires_payment_method"


@pytest.mark.parametrize(("answer", "result"), [("Complete", "succeeded"), ("Fail", "We are unable")])
async def test_the_bank_asks_in_a_frame(shop: Shop, answer: str, result: str) -> None:
    await shop.open()
    await shop.pay("4000 0027 6000 3184")
    frame = shop.page.frame_locator("iframe[title='Secure authentication']")
    await frame.get_by_role("button", name=answer).click()
    await expect(shop.page.locator("#result")).to_contain_text(result, timeout=15_000)
    await expect(shop.page.locator("iframe")).to_have_count(0)


async def test_cards_can_be_confirmed_and_saved_without_elements(shop: Shop) -> None:
    await shop.open()
    script = """async (secret) => {
      const card = {number: "4242424242424242", exp_month: 12, exp_year: 2034, cvc: "123"};
      const made = await stripe.createPaymentMethod({type: "card", card});
      const paid = await stripe.confirmCardPayment(secret, {payment_method: made.paymentMethod.id});
      const read = await stripe.retrievePaymentIntent(secret);
      return [paid.paymentIntent.status, read.paymentIntent.id];
    }"""
    assert await shop.page.evaluate(script, shop.secret) == ["succeeded", shop.secret.partition("_secret_")[0]]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("Stripe('sk_test_sandbox')", "publishable key"),
        ("stripe.confirmKlarnaPayment('x')", "does not play stripe.confirmKlarnaPayment"),
        ("elements.create('expressCheckout')", 'does not play the element "expressCheckout"'),
        ("stripe.confirmPayment({elements})", "`return_url` parameter is required"),
        ("stripe.retrievePaymentIntent('pi_1')", "Invalid value for client secret"),
    ],
)
async def test_what_is_not_played_is_refused_by_name(shop: Shop, code: str, said: str) -> None:
    await shop.open()
    script = f"async () => {{ try {{ await {code}; return ''; }} catch (error) {{ return error.message; }} }}"
    assert said in await shop.page.evaluate(script)
