"""An OpenID provider for the operator's own people: authorization code with PKCE, in the manner of Keycloak.

Specifications: OpenID Connect Core and Discovery 1.0, RP-Initiated Logout 1.0, RFC 6749, 7636, 9068 and 9207.
"""

from aiohttp import web

from sandbox.oidc.authorization_endpoint import AuthorizationEndpoint
from sandbox.oidc.documents import DocumentEndpoints
from sandbox.oidc.logout_endpoint import LogoutEndpoint
from sandbox.oidc.state import (
    AuthorizationCode,
    IssuedRefreshToken,
    OidcSession,
    OidcState,
    Person,
    SigningKey,
    create_key,
)
from sandbox.oidc.token_endpoint import TokenEndpoint
from sandbox.state import Emulator, SandboxState

_EMULATOR = Emulator(
    "oidc",
    lambda _: OidcState([create_key("ES256")]),
    (AuthorizationCode, SigningKey, Person, IssuedRefreshToken, OidcSession),
)


def setup(app: web.Application, world: SandboxState) -> None:
    world.register_emulator(_EMULATOR)
    documents, authorize, exchange, logout = (
        DocumentEndpoints(world),
        AuthorizationEndpoint(world),
        TokenEndpoint(world),
        LogoutEndpoint(world),
    )
    app.router.add_get("/oidc/.well-known/openid-configuration", documents.show_discovery)
    app.router.add_get("/oidc/jwks", documents.show_jwks)
    app.router.add_get("/oidc/userinfo", documents.show_userinfo)
    app.router.add_post("/oidc/userinfo", documents.show_userinfo)
    app.router.add_get("/oidc/authorize", authorize.handle_request)
    app.router.add_post("/oidc/authorize", authorize.handle_request)
    app.router.add_post("/oidc/token", exchange.handle_request)
    app.router.add_get("/oidc/logout", logout.handle_request)
    app.router.add_post("/oidc/logout", logout.handle_request)
    app.router.add_post("/_/oidc/rotate", documents.rotate_keys)
