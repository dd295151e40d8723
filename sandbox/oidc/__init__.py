"""An OpenID provider for the operator's own people: authorization code with PKCE, in the manner of Keycloak.

Specifications: OpenID Connect Core and Discovery 1.0, RP-Initiated Logout 1.0, RFC 6749, 7636, 9068 and 9207.
"""

from aiohttp import web

from sandbox.oidc.authorize import Authorize
from sandbox.oidc.documents import Documents
from sandbox.oidc.exchange import Exchange
from sandbox.oidc.logout import Logout
from sandbox.oidc.state import Code, Key, Person, Refresh, Session, State, new_key
from sandbox.world import Emulator, World

_EMULATOR = Emulator("oidc", lambda _: State([new_key("ES256")]), (Code, Key, Person, Refresh, Session))


def setup(app: web.Application, world: World) -> None:
    world.register(_EMULATOR)
    documents, authorize, exchange, logout = Documents(world), Authorize(world), Exchange(world), Logout(world)
    app.router.add_get("/oidc/.well-known/openid-configuration", documents.discovery)
    app.router.add_get("/oidc/jwks", documents.jwks)
    app.router.add_get("/oidc/userinfo", documents.userinfo)
    app.router.add_post("/oidc/userinfo", documents.userinfo)
    app.router.add_get("/oidc/authorize", authorize.asked)
    app.router.add_post("/oidc/authorize", authorize.asked)
    app.router.add_post("/oidc/token", exchange.answer)
    app.router.add_get("/oidc/logout", logout.asked)
    app.router.add_post("/oidc/logout", logout.asked)
    app.router.add_post("/_/oidc/rotate", documents.rotate)
