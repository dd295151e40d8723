"""Where the webhooks' certificates are, and PayPal's own check of a signature."""

import base64
import binascii

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from sandbox.paypal import authority
from sandbox.paypal.errors import malformed
from sandbox.paypal.state import Account, Object, account_of
from sandbox.paypal.wire import Call, fields
from sandbox.world import World

_WANTED = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time", "webhook_id")


class Certificates:
    def __init__(self, world: World) -> None:
        self._world = world

    async def show(self, request: web.Request) -> web.Response:
        """For everybody: no token is asked for."""
        found = account_of(self._world).signers.get(request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found.chain, content_type="application/x-pem-file")


def verify(call: Call) -> Object:
    body = fields(call.body)
    for name in _WANTED:
        if not isinstance(body.get(name), str):
            raise malformed("MISSING_REQUIRED_PARAMETER", f"/{name}")
    event = body.get("webhook_event")
    if not isinstance(event, dict):
        raise malformed("MISSING_REQUIRED_PARAMETER", "/webhook_event")
    return {"verification_status": "SUCCESS" if _is_ours(call.account, body, event) else "FAILURE"}


def _is_ours(account: Account, body: Object, event: Object) -> bool:
    """The event as it was sent, under the certificate that is named, for the webhook that is named."""
    sent = account.bodies.get(str(event.get("id")))
    signer = account.signers.get(body["cert_url"].rpartition("/")[2])
    if sent is None or signer is None or account.tables["event"][event["id"]] != event:
        return False
    if body["auth_algo"] != "SHA256withRSA" or body["webhook_id"] != account.world.config.paypal_webhook_id:
        return False
    text = authority.message(body["transmission_id"], body["transmission_time"], body["webhook_id"], sent)
    try:
        given = base64.b64decode(body["transmission_sig"], validate=True)
        signer.key.public_key().verify(given, text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
