"""PayPal, as its own sandbox behaves: Orders v2, Payments v2, the buyer's approval, disputes, signed webhooks."""

from aiohttp import web

from sandbox.paypal import control, disputes, orders, payments, refunds, webhook_verification
from sandbox.paypal.access_tokens import TokenEndpoint
from sandbox.paypal.certificate_authority import CertificateSigner
from sandbox.paypal.html_pages import PageHandlers
from sandbox.paypal.state import (
    PayPalAccount,
    RememberedRequest,
    acknowledge_callback,
    restore_references,
    sign_callback,
)
from sandbox.paypal.webhook_verification import CertificateEndpoint
from sandbox.paypal.wire import Endpoint, api_handler, to_brief
from sandbox.state import Emulator, SandboxState

_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "v2/checkout/orders", Endpoint(orders.create_order, 201, 200, orders.to_short_order)),
    ("GET", "v2/checkout/orders/{id}", Endpoint(orders.retrieve_order)),
    ("PATCH", "v2/checkout/orders/{id}", Endpoint(orders.patch_order, 204, has_no_body=True)),
    ("POST", "v2/checkout/orders/{id}/authorize", Endpoint(orders.authorize_order, 201, 200, orders.to_paid_order)),
    ("POST", "v2/checkout/orders/{id}/capture", Endpoint(orders.capture_order, 201, 200, orders.to_paid_order)),
    ("GET", "v2/payments/authorizations/{id}", Endpoint(payments.retrieve_authorization)),
    ("POST", "v2/payments/authorizations/{id}/capture", Endpoint(payments.capture_authorization, 201, 201, to_brief)),
    ("POST", "v2/payments/authorizations/{id}/void", Endpoint(payments.void_authorization, 200, has_no_body=True)),
    ("POST", "v2/payments/authorizations/{id}/reauthorize", Endpoint(payments.reauthorize, 201, 201, to_brief)),
    ("GET", "v2/payments/captures/{id}", Endpoint(refunds.retrieve_capture)),
    ("POST", "v2/payments/captures/{id}/refund", Endpoint(refunds.create_refund, 201, 201, to_brief)),
    ("GET", "v2/payments/refunds/{id}", Endpoint(refunds.retrieve_refund)),
    ("GET", "v1/customer/disputes", Endpoint(disputes.list_disputes)),
    ("GET", "v1/customer/disputes/{id}", Endpoint(disputes.retrieve_dispute)),
    ("POST", "v1/notifications/verify-webhook-signature", Endpoint(webhook_verification.verify_signature)),
)
_EMULATOR = Emulator(
    name="paypal",
    create_state=PayPalAccount,
    stored_types=(RememberedRequest, CertificateSigner),
    actions={
        "cleared": payments.clear_capture,
        "refund_done": refunds.complete_refund,
        "refund_failed": refunds.fail_refund,
        "reviewed": payments.finish_review,
    },
    sign_callback=sign_callback,
    acknowledge_callback=acknowledge_callback,
    restore_state=restore_references,
)


def setup(app: web.Application, world: SandboxState) -> None:
    """Adds the API and the buyer's page under /paypal/, and the controls under /_/paypal/."""
    world.register_emulator(_EMULATOR)
    for method, path, endpoint in _ENDPOINTS:
        app.router.add_route(method, f"/paypal/{path}", api_handler(world, endpoint))
    app.router.add_post("/paypal/v1/oauth2/token", TokenEndpoint(world).issue_token)
    app.router.add_get("/paypal/v1/notifications/certs/{id}", CertificateEndpoint(world).show_certificate)
    pages = PageHandlers(world)
    app.router.add_get("/paypal/checkoutnow", pages.show_approval)
    app.router.add_post("/paypal/checkoutnow", pages.handle_approval)
    control.setup(app, world)
