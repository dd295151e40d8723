"""Where an issuer's endpoints are: its discovery document, read once an hour at most."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from adapters.transport import ProviderResponse, make_refusal_error, make_unreadable_error
from hub.core.clock import Clock
from hub.core.errors import ProviderError, ProviderPermanent

DISCOVERY_LIFE = 3600.0
"""Seconds until the document is read again."""
RETRY_PAUSE = 60.0
"""Seconds that an old document serves on after it could not be read again."""
_REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class OidcEndpoints:
    """`sends_secret_in_form`: the client's secret goes into the form, else into the Authorization header."""

    authorization_url: str
    token_url: str
    jwks_url: str
    end_session_url: str | None
    sends_secret_in_form: bool


class DiscoveryCache:
    """`get` asks for the document's address, and gives the answer whatever its status."""

    def __init__(self, get: Callable[[str], Awaitable[ProviderResponse]], issuer: str, clock: Clock) -> None:
        self._get = get
        self._issuer = issuer
        self._clock = clock
        self._kept: OidcEndpoints | None = None
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def get_endpoints(self) -> OidcEndpoints:
        """One read for many callers. Raises ProviderError when there has never been a document."""
        async with self._lock:
            if self._kept is not None and self._clock.monotonic() < self._good_until:
                return self._kept
            try:
                self._kept = await self.fetch_endpoints()
                self._good_until = self._clock.monotonic() + DISCOVERY_LIFE
            except ProviderError:
                if self._kept is None:
                    raise
                self._good_until = self._clock.monotonic() + RETRY_PAUSE
            return self._kept

    async def fetch_endpoints(self) -> OidcEndpoints:
        """The document as it is now. Raises ProviderPermanent when it speaks for another issuer."""
        answer = await self._get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if not answer.ok:
            raise make_refusal_error(answer)
        document = read_json_object(answer)
        if document.get("issuer") != self._issuer:
            raise ProviderPermanent("oidc", "The issuer calls itself by another name than the one in the settings.")
        missing = [name for name in _REQUIRED if not self._is_safe(document.get(name))]
        if missing:
            raise ProviderPermanent("oidc", f"The discovery document lacks a usable {', '.join(missing)}.")
        methods = document.get("token_endpoint_auth_methods_supported")
        end_session = document.get("end_session_endpoint")
        return OidcEndpoints(
            authorization_url=document["authorization_endpoint"],
            token_url=document["token_endpoint"],
            jwks_url=document["jwks_uri"],
            end_session_url=end_session if self._is_safe(end_session) else None,
            # The header is what is meant where nothing is said; providers disagree on how it is escaped.
            sends_secret_in_form=isinstance(methods, list) and "client_secret_post" in methods,
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


def read_json_object(answer: ProviderResponse) -> dict[str, Any]:
    """The JSON object of a good answer. Raises what it means when there is none."""
    try:
        document = answer.json()
    except ValueError as error:
        raise make_unreadable_error(answer) from error
    if not isinstance(document, dict):
        raise make_unreadable_error(answer)
    return document
