"""PayPal, as its own sandbox behaves: Orders v2, Payments v2, the buyer's approval, disputes, signed webhooks."""

from aiohttp import web

from sandbox.paypal import control, disputes, notifications, orders, payments, refunds
from sandbox.paypal.authority import Signer
from sandbox.paypal.notifications import Certificates
from sandbox.paypal.pages import Pages
from sandbox.paypal.state import Account, Remembered, acknowledge, restore, sign
from sandbox.paypal.tokens import Tokens
from sandbox.paypal.wire import Endpoint, brief, handler
from sandbox.world import Emulator, World

_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "v2/checkout/orders", Endpoint(orders.create, 201, 200, orders.short)),
    ("GET", "v2/checkout/orders/{id}", Endpoint(orders.retrieve)),
    ("PATCH", "v2/checkout/orders/{id}", Endpoint(orders.patch, 204, empty=True)),
    ("POST", "v2/checkout/orders/{id}/authorize", Endpoint(orders.authorise, 201, 200, orders.paid)),
    ("POST", "v2/checkout/orders/{id}/capture", Endpoint(orders.capture, 201, 200, orders.paid)),
    ("GET", "v2/payments/authorizations/{id}", Endpoint(payments.retrieve)),
    ("POST", "v2/payments/authorizations/{id}/capture", Endpoint(payments.capture, 201, 201, brief)),
    ("POST", "v2/payments/authorizations/{id}/void", Endpoint(payments.void, 200, empty=True)),
    ("POST", "v2/payments/authorizations/{id}/reauthorize", Endpoint(payments.reauthorise, 201, 201, brief)),
    ("GET", "v2/payments/captures/{id}", Endpoint(refunds.capture)),
    ("POST", "v2/payments/captures/{id}/refund", Endpoint(refunds.create, 201, 201, brief)),
    ("GET", "v2/payments/refunds/{id}", Endpoint(refunds.retrieve)),
    ("GET", "v1/customer/disputes", Endpoint(disputes.listed)),
    ("GET", "v1/customer/disputes/{id}", Endpoint(disputes.retrieve)),
    ("POST", "v1/notifications/verify-webhook-signature", Endpoint(notifications.verify)),
)
_EMULATOR = Emulator(
    name="paypal",
    create=Account,
    types=(Remembered, Signer),
    actions={
        "cleared": payments.cleared,
        "refund_done": refunds.refund_done,
        "refund_failed": refunds.refund_failed,
        "reviewed": payments.reviewed,
    },
    sign=sign,
    acknowledge=acknowledge,
    restore=restore,
)


def setup(app: web.Application, world: World) -> None:
    """Adds the API and the buyer's page under /paypal/, and the controls under /_/paypal/."""
    world.register(_EMULATOR)
    for method, path, endpoint in _ENDPOINTS:
        app.router.add_route(method, f"/paypal/{path}", handler(world, endpoint))
    app.router.add_post("/paypal/v1/oauth2/token", Tokens(world).issue)
    app.router.add_get("/paypal/v1/notifications/certs/{id}", Certificates(world).show)
    pages = Pages(world)
    app.router.add_get("/paypal/checkoutnow", pages.asked)
    app.router.add_post("/paypal/checkoutnow", pages.answered)
    control.setup(app, world)
