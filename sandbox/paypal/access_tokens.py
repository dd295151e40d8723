"""Access tokens: client credentials by Basic authentication, good for nine hours."""

import base64
import hmac
from datetime import timedelta

from aiohttp import web

from sandbox.paypal.state import TOKEN_LIFE, PayPalAccount, get_paypal_account
from sandbox.state import SandboxState

_SCOPE = "https://uri.paypal.com/services/payments/payment/authcapture https://uri.paypal.com/services/payments/refund"


class TokenEndpoint:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    async def issue_token(self, request: web.Request) -> web.Response:
        config = self._world.config
        wanted = b"Basic " + base64.b64encode(f"{config.paypal_client_id}:{config.paypal_client_secret}".encode())
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, wanted):
            return _refusal(401, "invalid_client", "Client Authentication failed")
        grant = (await request.post()).get("grant_type")
        if grant != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "Grant Type is NULL" if not grant else "unsupported")
        return web.json_response(self._made(get_paypal_account(self._world)))

    def _made(self, account: PayPalAccount) -> dict[str, object]:
        token, now = f"A21AA{account.new_id(48)}", self._world.now()
        account.tokens[token] = now + timedelta(seconds=TOKEN_LIFE)
        return {
            "scope": _SCOPE,
            "access_token": token,
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": TOKEN_LIFE,
            "nonce": f"{now:%Y-%m-%dT%H:%M:%SZ}{account.new_id(32)}",
        }


def _refusal(status: int, error: str, why: str) -> web.Response:
    return web.json_response({"error": error, "error_description": why}, status=status)
