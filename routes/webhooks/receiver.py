"""Every provider's webhooks come in at one place: raw bytes, verified, kept, answered."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from hub.core.context import bind_context
from hub.core.errors import BadRequest, NotFound, TooLarge, Unauthenticated
from hub.core.inbox import Inbox, RawWebhook, WebhookSource
from routes.web.endpoint_api import REQUEST_CONTEXT
from routes.webhooks.signature_failures import SignatureFailureLimiter

STRIPE_ALIASES = ("/api/payment/webhook", "/api/payments/process-webhook")
"""Other addresses of Stripe's endpoint, which accounts may have on record from before."""
MAX_BODY_BYTES = 1024 * 1024
"""Bytes of a webhook's body."""
BODY_TIMEOUT = 10.0
"""Seconds for the body to arrive."""


class WebhookRoutes:
    """`public_url` is how the world reaches the hub: Twilio signs it, and no header may change it."""

    def __init__(
        self, inbox: Inbox, sources: Mapping[str, WebhookSource], public_url: str, failures: SignatureFailureLimiter
    ) -> None:
        self._inbox = inbox
        self._failures = failures
        self._sources = sources
        self._public_url = public_url

    def install_routes(self, app: web.Application) -> None:
        app.router.add_post("/webhooks/{provider}", self.receive_webhook)
        app.router.add_post("/webhooks/{provider}/{token}", self.receive_webhook)
        for alias in STRIPE_ALIASES:
            app.router.add_post(alias, self.receive_webhook)

    async def receive_webhook(self, request: web.Request) -> web.Response:
        """202 means: kept, and cannot be lost any more. A provider without a secret has no endpoint."""
        name = request.match_info.get("provider", "stripe")
        source = self._sources.get(name)
        if source is None or not source.is_configured:
            raise NotFound("There is no such webhook.", code="webhook_not_found")
        ip = request[REQUEST_CONTEXT].ip
        self._failures.check_address(ip)
        raw = RawWebhook(
            headers=request.headers,
            body=await _body(request),
            url=self._public_url + request.raw_path,
            path_token=request.match_info.get("token"),
        )
        with bind_context(actor=f"provider:{name}"):
            try:
                new = await self._inbox.receive_webhook(source, raw)
            except Unauthenticated:
                self._failures.record_failed_signature(ip)
                raise
        self._failures.record_valid_signature(ip)
        return web.json_response({"received": True, "duplicate": not new}, status=202)


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise TooLarge(f"A webhook may have {MAX_BODY_BYTES} bytes.")
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            body = await request.content.read(MAX_BODY_BYTES + 1)
            while len(body) <= MAX_BODY_BYTES and (more := await request.content.read(MAX_BODY_BYTES + 1 - len(body))):
                body += more
    except (TimeoutError, web.RequestPayloadError) as error:
        raise BadRequest("The body did not arrive.", code="incomplete_body") from error
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"A webhook may have {MAX_BODY_BYTES} bytes.")
    return body
