"""Where an issuer's endpoints are: its discovery document, read once an hour at most."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from adapters.transport import Answer, refusal, unreadable
from hub.core.clock import Clock
from hub.core.errors import ProviderError, ProviderPermanent

LIFE = 3600.0
"""Seconds until the document is read again."""
PAUSE = 60.0
"""Seconds that an old document serves on after it could not be read again."""
_REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`posts_secret`: the client's secret goes into the form, else into the Authorization header."""

    authorization: str
    token: str
    jwks: str
    end_session: str | None
    posts_secret: bool


class Discovery:
    """`get` asks for the document's address, and gives the answer whatever its status."""

    def __init__(self, get: Callable[[str], Awaitable[Answer]], issuer: str, clock: Clock) -> None:
        self._get = get
        self._issuer = issuer
        self._clock = clock
        self._kept: Endpoints | None = None
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def endpoints(self) -> Endpoints:
        """One read for many callers. Raises ProviderError when there has never been a document."""
        async with self._lock:
            if self._kept is not None and self._clock.monotonic() < self._good_until:
                return self._kept
            try:
                self._kept = await self.read()
                self._good_until = self._clock.monotonic() + LIFE
            except ProviderError:
                if self._kept is None:
                    raise
                self._good_until = self._clock.monotonic() + PAUSE
            return self._kept

    async def read(self) -> Endpoints:
        """The document as it is now. Raises ProviderPermanent when it speaks for another issuer."""
        answer = await self._get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if not answer.ok:
            raise refusal(answer)
        document = document_of(answer)
        if document.get("issuer") != self._issuer:
            raise ProviderPermanent("oidc", "The issuer calls itself by another name than the one in the settings.")
        missing = [name for name in _REQUIRED if not self._is_safe(document.get(name))]
        if missing:
            raise ProviderPermanent("oidc", f"The discovery document lacks a usable {', '.join(missing)}.")
        methods = document.get("token_endpoint_auth_methods_supported")
        end_session = document.get("end_session_endpoint")
        return Endpoints(
            authorization=document["authorization_endpoint"],
            token=document["token_endpoint"],
            jwks=document["jwks_uri"],
            end_session=end_session if self._is_safe(end_session) else None,
            # The header is what is meant where nothing is said; providers disagree on how it is escaped.
            posts_secret=isinstance(methods, list) and "client_secret_post" in methods,
        )

    def _is_safe(self, url: Any) -> bool:
        """An HTTP address, and an encrypted one when the issuer's is."""
        if not isinstance(url, str):
            return False
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        allowed = {"https"} if self._issuer.startswith("https:") else {"https", "http"}
        return parts.scheme in allowed and bool(parts.hostname)


def document_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of a good answer. Raises what it means when there is none."""
    try:
        document = answer.json()
    except ValueError as error:
        raise unreadable(answer) from error
    if not isinstance(document, dict):
        raise unreadable(answer)
    return document
