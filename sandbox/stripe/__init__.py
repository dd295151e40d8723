"""Stripe, as its test mode behaves: payment intents, cards with 3-D Secure, refunds, disputes, signed webhooks."""

from aiohttp import web

from sandbox.state import Emulator, SandboxState
from sandbox.stripe import (
    account,
    charges,
    checkout,
    confirmation,
    control,
    customers,
    disputes,
    events,
    payment_intents,
    payment_links,
    payment_methods,
    refunds,
    settlement,
)
from sandbox.stripe.cards import Decline, TestCard
from sandbox.stripe.errors import StripeApiError
from sandbox.stripe.html_pages import PageHandlers
from sandbox.stripe.state import RememberedResponse, StripeAccount, get_stripe_account, sign_callback
from sandbox.stripe.wire import CORS_HEADERS, Endpoint, StripeCall, api_handler

_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "account", account.retrieve_account),
    ("POST", "customers", customers.create_customer),
    ("GET", "customers", customers.list_customers),
    ("GET", "customers/{id}", customers.retrieve_customer),
    ("POST", "customers/{id}", customers.update_customer),
    ("DELETE", "customers/{id}", customers.delete_customer),
    ("POST", "payment_methods", payment_methods.create_method),
    ("GET", "payment_methods", payment_methods.list_methods),
    ("GET", "payment_methods/{id}", payment_methods.retrieve_method),
    ("POST", "payment_methods/{id}/attach", payment_methods.attach_method),
    ("POST", "payment_methods/{id}/detach", payment_methods.detach_method),
    ("POST", "payment_intents", payment_intents.create_intent),
    ("GET", "payment_intents", payment_intents.list_intents),
    ("GET", "payment_intents/{id}", payment_intents.retrieve_intent),
    ("POST", "payment_intents/{id}", payment_intents.update_intent),
    ("POST", "payment_intents/{id}/confirm", payment_intents.confirm_intent),
    ("POST", "payment_intents/{id}/capture", settlement.capture_intent),
    ("POST", "payment_intents/{id}/cancel", settlement.cancel_intent),
    ("GET", "charges", charges.list_charges),
    ("GET", "charges/{id}", charges.retrieve_charge),
    ("POST", "charges/{id}", charges.update_charge),
    ("GET", "balance_transactions", charges.list_transactions),
    ("GET", "balance_transactions/{id}", charges.retrieve_transaction),
    ("POST", "refunds", refunds.create_refund),
    ("GET", "refunds", refunds.list_refunds),
    ("GET", "refunds/{id}", refunds.retrieve_refund),
    ("POST", "refunds/{id}", refunds.update_refund),
    ("POST", "refunds/{id}/cancel", refunds.cancel_refund),
    ("GET", "disputes", disputes.list_disputes),
    ("GET", "disputes/{id}", disputes.retrieve_dispute),
    ("POST", "disputes/{id}", disputes.update_dispute),
    ("POST", "disputes/{id}/close", disputes.accept_dispute),
    ("POST", "checkout/sessions", checkout.create_session),
    ("GET", "checkout/sessions", checkout.list_sessions),
    ("GET", "checkout/sessions/{id}", checkout.retrieve_session),
    ("GET", "checkout/sessions/{id}/line_items", checkout.list_line_items),
    ("POST", "checkout/sessions/{id}/expire", checkout.expire_open_session),
    ("POST", "payment_links", payment_links.create_link),
    ("GET", "payment_links", payment_links.list_links),
    ("GET", "payment_links/{id}", payment_links.retrieve_link),
    ("POST", "payment_links/{id}", payment_links.update_link),
    ("GET", "payment_links/{id}/line_items", payment_links.list_line_items),
    ("GET", "events", events.list_events),
    ("GET", "events/{id}", events.retrieve_event),
)
_SEARCHED = ("charges", "customers", "payment_intents")
"""What Stripe searches and the sandbox does not."""
_PUBLISHABLE: tuple[Endpoint, ...] = (
    payment_intents.retrieve_intent,
    payment_intents.confirm_intent,
    payment_methods.create_method,
)
_EMULATOR = Emulator(
    name="stripe",
    create_state=StripeAccount,
    stored_types=(TestCard, Decline, RememberedResponse),
    actions={
        "arrived": checkout.settle_debit,
        "book_late": confirmation.book_charge_later,
        "decide_dispute": disputes.decide_dispute,
        "debited": confirmation.settle_debit,
        "dispute_late": confirmation.open_dispute_later,
        "expire": checkout.expire_session_later,
        "refund_done": refunds.complete_refund,
        "refund_failed": refunds.fail_refund,
    },
    sign_callback=sign_callback,
    acknowledge_callback=lambda world, callback: get_stripe_account(world).mark_delivered(callback.message_id),
)


def setup(app: web.Application, world: SandboxState) -> None:
    """Adds the API under /stripe/v1/, Stripe's pages under /stripe/, and the controls under /_/stripe/."""
    world.register_emulator(_EMULATOR)
    for kind in _SEARCHED:
        app.router.add_get(f"/stripe/v1/{kind}/search", api_handler(world, _unsearched))
    for method, path, endpoint in _ENDPOINTS:
        handle = api_handler(world, endpoint, publishable=endpoint in _PUBLISHABLE)
        app.router.add_route(method, f"/stripe/v1/{path}", handle)
    pages = PageHandlers(world)
    app.router.add_get("/stripe/3ds/{id}", pages.show_challenge)
    app.router.add_post("/stripe/3ds/{id}", pages.handle_challenge)
    app.router.add_get("/stripe/checkout/{id}", pages.show_checkout)
    app.router.add_post("/stripe/checkout/{id}", pages.handle_payment)
    app.router.add_get("/stripe/checkout/{id}/return", pages.handle_return)
    app.router.add_get("/stripe/link/{id}", pages.open_link)
    app.router.add_get("/stripe/receipts/{id}", pages.show_receipt)
    app.router.add_get("/stripe.js", pages.serve_script)
    control.setup(app, world)
    app.router.add_route("OPTIONS", "/stripe/v1/{path:.*}", _preflight)
    app.router.add_route("*", "/stripe/v1/{id:.*}", api_handler(world, _unknown, publishable=True))


async def _preflight(_: web.Request) -> web.Response:
    return web.Response(headers=CORS_HEADERS)


def _unsearched(_: StripeCall) -> dict[str, object]:
    message = "The sandbox does not play Stripe's search. List the objects and filter them."
    raise StripeApiError(400, "invalid_request_error", message, param="query", was_executed=False)


def _unknown(call: StripeCall) -> dict[str, object]:
    message = f"Unrecognized request URL (/v1/{call.id}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
    raise StripeApiError(404, "invalid_request_error", message, was_executed=False)
