"""The access token: fetched once for all who wait for it, kept until shortly before its end."""

import asyncio
import base64
from contextvars import Context
from dataclasses import dataclass, field

from adapters.transport import CallSender, ProviderCall, make_refusal_error, make_unreadable_error
from hub.core.clock import Clock
from hub.core.errors import Unavailable

EXPIRY_MARGIN = 120.0
"""Seconds before its end from which a token is not used any more."""


@dataclass(frozen=True, slots=True)
class CachedToken:
    """`valid_until` on clock.monotonic()."""

    token: str = field(repr=False)
    valid_until: float


class AccessTokenCache:
    def __init__(
        self, transport: CallSender, *, client_id: str, client_secret: str, base_url: str, clock: Clock
    ) -> None:
        self._transport = transport
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._url = f"{base_url}/v1/oauth2/token"
        self._clock = clock
        self._held: CachedToken | None = None
        self._task: asyncio.Task[CachedToken] | None = None

    async def get_token(self) -> str:
        """Raises ProviderError; Unavailable when the hub is shutting down."""
        held = self._held
        if held is None or self._clock.monotonic() >= held.valid_until:
            held = await self._joined()
        return held.token

    def discard_token(self, token: str) -> None:
        """PayPal does not take it any more, whatever it said of its life."""
        if self._held is not None and self._held.token == token:
            self._held = None

    async def _joined(self) -> CachedToken:
        """Nobody's own fetch: not under the first caller's deadline, nor ended when they leave."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._fetch(), context=Context())
            self._task.add_done_callback(self._landed)
        task = self._task
        await asyncio.wait((task,))
        if task.cancelled():
            raise Unavailable("The hub is shutting down.", retry_after=1)
        return task.result()

    def _landed(self, task: asyncio.Task[CachedToken]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is None:
            self._held = task.result()

    async def _fetch(self) -> CachedToken:
        """A second token is as good as the first, so the question may be repeated."""
        asked = self._clock.monotonic()
        headers = {
            "Authorization": f"Basic {self._basic}",
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = b"grant_type=client_credentials"
        call = ProviderCall(
            provider="paypal",
            operation="oauth2.token",
            method="POST",
            url=self._url,
            headers=headers,
            body=body,
            is_read=True,
        )
        answer = await self._transport.send_call(call)
        if not answer.ok:
            raise make_refusal_error(answer, code="invalid_client" if answer.status == 401 else None)  # noqa: PLR2004
        try:
            document = answer.json()
            life = float(document["expires_in"])
            return CachedToken(str(document["access_token"]), asked + max(0.0, life - EXPIRY_MARGIN))
        except (ValueError, KeyError, TypeError):
            raise make_unreadable_error(answer) from None
