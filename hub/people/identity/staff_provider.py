"""The port to whoever vouches for the operator's own people: an OpenID provider such as Keycloak or Auth0."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StaffIdentity:
    """What an OpenID provider says of one of the operator's people. `roles` are the provider's own words."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str
    roles: frozenset[str]
    expires_at: datetime
    id_token: str | None = None


class StaffIdentityProvider(Protocol):
    """An OpenID provider. All methods but `read_token` may reach over a wire and raise the ProviderError family."""

    @property
    def issuer(self) -> str:
        """As its tokens name it."""
        ...

    async def build_sign_in_url(self, redirect_uri: str, *, state: str, nonce: str, verifier: str) -> str:
        """Where to send the browser (authorization code with PKCE S256)."""
        ...

    async def exchange_code(self, code: str, *, redirect_uri: str, nonce: str, verifier: str) -> StaffIdentity:
        """Exchanges the code that came back. Raises Unauthenticated for a code or an ID token that does not hold."""
        ...

    async def read_token(self, token: str) -> StaffIdentity:
        """Checks an access token by signature, issuer, audience and expiry. Raises Unauthenticated."""
        ...

    async def build_sign_out_url(self, id_token_hint: str | None, return_to: str) -> str | None:
        """Where the browser ends the provider's own session; None where the provider has no such page."""
        ...
