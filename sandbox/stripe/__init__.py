"""Stripe, as its test mode behaves: payment intents, cards with 3-D Secure, refunds, disputes, signed webhooks."""

from aiohttp import web

from sandbox.stripe import (
    account,
    charges,
    checkout,
    confirming,
    control,
    customers,
    disputes,
    events,
    intents,
    links,
    methods,
    refunds,
    settling,
)
from sandbox.stripe.cards import Card, Decline
from sandbox.stripe.errors import Refused
from sandbox.stripe.pages import Pages
from sandbox.stripe.state import Remembered, Stripe, sign, stripe_of
from sandbox.stripe.wire import CORS, Call, Endpoint, handler
from sandbox.world import Emulator, World

_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "account", account.retrieve),
    ("POST", "customers", customers.create),
    ("GET", "customers", customers.listed),
    ("GET", "customers/{id}", customers.retrieve),
    ("POST", "customers/{id}", customers.update),
    ("DELETE", "customers/{id}", customers.delete),
    ("POST", "payment_methods", methods.create),
    ("GET", "payment_methods", methods.listed),
    ("GET", "payment_methods/{id}", methods.retrieve),
    ("POST", "payment_methods/{id}/attach", methods.attach),
    ("POST", "payment_methods/{id}/detach", methods.detach),
    ("POST", "payment_intents", intents.create),
    ("GET", "payment_intents", intents.listed),
    ("GET", "payment_intents/{id}", intents.retrieve),
    ("POST", "payment_intents/{id}", intents.update),
    ("POST", "payment_intents/{id}/confirm", intents.confirm),
    ("POST", "payment_intents/{id}/capture", settling.capture),
    ("POST", "payment_intents/{id}/cancel", settling.cancel),
    ("GET", "charges", charges.listed),
    ("GET", "charges/{id}", charges.retrieve),
    ("POST", "charges/{id}", charges.update),
    ("GET", "balance_transactions", charges.transactions),
    ("GET", "balance_transactions/{id}", charges.transaction),
    ("POST", "refunds", refunds.create),
    ("GET", "refunds", refunds.listed),
    ("GET", "refunds/{id}", refunds.retrieve),
    ("POST", "refunds/{id}", refunds.update),
    ("POST", "refunds/{id}/cancel", refunds.cancel),
    ("GET", "disputes", disputes.listed),
    ("GET", "disputes/{id}", disputes.retrieve),
    ("POST", "disputes/{id}", disputes.update),
    ("POST", "disputes/{id}/close", disputes.accept),
    ("POST", "checkout/sessions", checkout.create),
    ("GET", "checkout/sessions", checkout.listed),
    ("GET", "checkout/sessions/{id}", checkout.retrieve),
    ("GET", "checkout/sessions/{id}/line_items", checkout.line_items),
    ("POST", "checkout/sessions/{id}/expire", checkout.expired),
    ("POST", "payment_links", links.create),
    ("GET", "payment_links", links.listed),
    ("GET", "payment_links/{id}", links.retrieve),
    ("POST", "payment_links/{id}", links.update),
    ("GET", "payment_links/{id}/line_items", links.line_items),
    ("GET", "events", events.listed),
    ("GET", "events/{id}", events.retrieve),
)
_SEARCHED = ("charges", "customers", "payment_intents")
"""What Stripe searches and the sandbox does not."""
_PUBLISHABLE: tuple[Endpoint, ...] = (intents.retrieve, intents.confirm, methods.create)
_EMULATOR = Emulator(
    name="stripe",
    create=Stripe,
    types=(Card, Decline, Remembered),
    actions={
        "arrived": checkout.arrived,
        "book_late": confirming.book_late,
        "decide_dispute": disputes.decide,
        "debited": confirming.debited,
        "dispute_late": confirming.dispute_late,
        "expire": checkout.expire_late,
        "refund_done": refunds.come_through,
        "refund_failed": refunds.fail,
    },
    sign=sign,
    acknowledge=lambda world, callback: stripe_of(world).delivered(callback.ident),
)


def setup(app: web.Application, world: World) -> None:
    """Adds the API under /stripe/v1/, Stripe's pages under /stripe/, and the controls under /_/stripe/."""
    world.register(_EMULATOR)
    for kind in _SEARCHED:
        app.router.add_get(f"/stripe/v1/{kind}/search", handler(world, _unsearched))
    for method, path, endpoint in _ENDPOINTS:
        handle = handler(world, endpoint, publishable=endpoint in _PUBLISHABLE)
        app.router.add_route(method, f"/stripe/v1/{path}", handle)
    pages = Pages(world)
    app.router.add_get("/stripe/3ds/{id}", pages.challenge)
    app.router.add_post("/stripe/3ds/{id}", pages.answered)
    app.router.add_get("/stripe/checkout/{id}", pages.checkout)
    app.router.add_post("/stripe/checkout/{id}", pages.pay)
    app.router.add_get("/stripe/checkout/{id}/return", pages.returned)
    app.router.add_get("/stripe/link/{id}", pages.link)
    app.router.add_get("/stripe/receipts/{id}", pages.receipt)
    app.router.add_get("/stripe.js", pages.script)
    control.setup(app, world)
    app.router.add_route("OPTIONS", "/stripe/v1/{path:.*}", _preflight)
    app.router.add_route("*", "/stripe/v1/{id:.*}", handler(world, _unknown, publishable=True))


async def _preflight(_: web.Request) -> web.Response:
    return web.Response(headers=CORS)


def _unsearched(_: Call) -> dict[str, object]:
    message = "The sandbox does not play Stripe's search. List the objects and filter them."
    raise Refused(400, "invalid_request_error", message, param="query", executed=False)


def _unknown(call: Call) -> dict[str, object]:
    message = f"Unrecognized request URL (/v1/{call.id}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
    raise Refused(404, "invalid_request_error", message, executed=False)
