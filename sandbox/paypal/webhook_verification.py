"""Where the webhooks' certificates are, and PayPal's own check of a signature."""

import base64
import binascii

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from sandbox.paypal import certificate_authority
from sandbox.paypal.errors import make_malformed
from sandbox.paypal.state import Object, PayPalAccount, get_paypal_account
from sandbox.paypal.wire import PayPalCall, read_object
from sandbox.state import SandboxState

_WANTED = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time", "webhook_id")


class CertificateEndpoint:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    async def show_certificate(self, request: web.Request) -> web.Response:
        """For everybody: no token is asked for."""
        found = get_paypal_account(self._world).signers.get(request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found.certificate_chain, content_type="application/x-pem-file")


def verify_signature(call: PayPalCall) -> Object:
    body = read_object(call.body)
    for name in _WANTED:
        if not isinstance(body.get(name), str):
            raise make_malformed("MISSING_REQUIRED_PARAMETER", f"/{name}")
    event = body.get("webhook_event")
    if not isinstance(event, dict):
        raise make_malformed("MISSING_REQUIRED_PARAMETER", "/webhook_event")
    return {"verification_status": "SUCCESS" if _is_ours(call.account, body, event) else "FAILURE"}


def _is_ours(account: PayPalAccount, body: Object, event: Object) -> bool:
    """The event as it was sent, under the certificate that is named, for the webhook that is named."""
    sent = account.event_bodies.get(str(event.get("id")))
    signer = account.signers.get(body["cert_url"].rpartition("/")[2])
    if sent is None or signer is None or account.tables["event"][event["id"]] != event:
        return False
    if body["auth_algo"] != "SHA256withRSA" or body["webhook_id"] != account.world.config.paypal_webhook_id:
        return False
    text = certificate_authority.build_signed_message(
        body["transmission_id"], body["transmission_time"], body["webhook_id"], sent
    )
    try:
        given = base64.b64decode(body["transmission_sig"], validate=True)
        signer.private_key.public_key().verify(given, text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
