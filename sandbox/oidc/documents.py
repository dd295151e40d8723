"""What is there to be read: the discovery document, the keys, and what is known of the bearer."""

from typing import Any

from aiohttp import web

from sandbox.control_input import InvalidControlInput, read_input
from sandbox.oidc.state import ALGORITHMS, API_AUDIENCE, create_key, get_issuer, get_oidc_state, read_token
from sandbox.state import SandboxState

_CACHED = {"Cache-Control": "public, max-age=600"}
_PRIVATE = frozenset({"iss", "iat", "exp", "azp", "sid", "aud", "client_id", "scope", "jti"})


class DocumentEndpoints:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    async def show_discovery(self, request: web.Request) -> web.Response:
        issuer = get_issuer(self._world)
        paths = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
            "jwks_uri": "jwks",
            "end_session_endpoint": "logout",
        }
        body = {
            "issuer": issuer,
            **{name: f"{issuer}/{path}" for name, path in paths.items()},
            "scopes_supported": ["openid", "profile", "email"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "claims_supported": ["sub", "name", "given_name", "family_name", "preferred_username", "email"],
            "authorization_response_iss_parameter_supported": True,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
        }
        return web.json_response(body, headers=_CACHED)

    async def show_jwks(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"keys": [key.public_jwk for key in get_oidc_state(self._world).keys]}, headers=_CACHED
        )

    async def show_userinfo(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        claims = self._good(token)
        if claims is None:
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            body = {"error": "invalid_token", "error_description": "The access token is not valid."}
            return web.json_response(body, status=401, headers=headers)
        return web.json_response({name: value for name, value in claims.items() if name not in _PRIVATE})

    def _good(self, token: str) -> dict[str, Any] | None:
        """The claims of an access token that is in force."""
        state = get_oidc_state(self._world)
        claims = read_token(state, token)
        if claims is None or claims["aud"] != API_AUDIENCE or claims["exp"] <= self._world.now().timestamp():
            return None
        session = state.sessions.get(claims["sid"])
        return None if session is None or session.has_ended else claims

    async def rotate_keys(self, request: web.Request) -> web.Response:
        """Control: a new key signs from now on. `{"algorithm"}` is its kind; `drop_old` takes back the old ones."""
        try:
            algorithm, drop = _rotation(await read_input(request))
        except InvalidControlInput as error:
            return error.to_response()
        state = get_oidc_state(self._world)
        state.keys[:] = [*([] if drop else state.keys), create_key(algorithm)]
        return web.json_response({"kids": [key.kid for key in state.keys], "signs": state.keys[-1].kid})


def _rotation(given: dict[str, Any]) -> tuple[str, bool]:
    algorithm, drop = given.get("algorithm", "ES256"), given.get("drop_old", False)
    if algorithm not in ALGORITHMS:
        raise InvalidControlInput("algorithm", f"must be one of {', '.join(ALGORITHMS)}")
    if not isinstance(drop, bool):
        raise InvalidControlInput("drop_old", "must be true or false")
    return algorithm, drop
