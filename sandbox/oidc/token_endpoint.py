"""The token endpoint: a code, or a refresh token, for tokens."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from sandbox.oidc.state import (
    API_AUDIENCE,
    REFRESH_LIFE,
    TOKEN_LIFE,
    IssuedRefreshToken,
    OidcSession,
    encode_base64url,
    get_clients,
    get_issuer,
    get_oidc_state,
    sign_token,
)
from sandbox.state import SandboxState

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OidcTokenError(Exception):
    """RFC 6749, 5.2."""

    def __init__(self, error: str, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.error = error
        self.status = status


@dataclass(slots=True)
class TokenForm:
    """The request's parameters; an empty one counts as missing."""

    params: dict[str, str]

    def require_param(self, name: str) -> str:
        if not self.params.get(name):
            raise OidcTokenError("invalid_request", f"{name} is missing.")
        return self.params[name]


class TokenEndpoint:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    async def handle_request(self, request: web.Request) -> web.Response:
        try:
            form = await _form(request)
            client_id = self._client(request, form)
            return web.json_response(self._grant(client_id, form), headers=_NOT_STORED)
        except OidcTokenError as error:
            body = {"error": error.error, "error_description": str(error)}
            asked = {"WWW-Authenticate": 'Basic realm="sandbox"'} if error.status == 401 else {}
            return web.json_response(body, status=error.status, headers=_NOT_STORED | asked)

    def _client(self, request: web.Request, form: TokenForm) -> str:
        """client_secret_basic or client_secret_post, not both; only the id of a client that has no secret."""
        basic = _basic(request.headers.get("Authorization", ""))
        if basic and "client_secret" in form.params:
            raise OidcTokenError("invalid_request", "Two ways of authentication were used at once.")
        client_id, secret = basic or (form.params.get("client_id", ""), form.params.get("client_secret", ""))
        clients = get_clients(self._world)
        kept = clients.get(client_id)
        right = client_id in clients and hmac.compare_digest(secret.encode(), (kept or "").encode())
        if not right or form.params.get("client_id", client_id) != client_id:
            raise OidcTokenError("invalid_client", "Client authentication failed.", 401)
        return client_id

    def _grant(self, client_id: str, form: TokenForm) -> dict[str, Any]:
        match form.require_param("grant_type"):
            case "authorization_code":
                return self._by_code(client_id, form)
            case "refresh_token":
                return self._by_refresh(client_id, form)
            case _:
                raise OidcTokenError("unsupported_grant_type", "That grant type is not supported.")

    def _by_code(self, client_id: str, form: TokenForm) -> dict[str, Any]:
        """A code is good for one try. Used again, it also ends what it has given (RFC 6749, 4.1.2)."""
        text, verifier = form.require_param("code"), form.require_param("code_verifier")
        state = get_oidc_state(self._world)
        code = state.codes.get(text)
        session = state.sessions[code.sid] if code is not None else None
        if code is None or session is None or session.client_id != client_id:
            raise OidcTokenError("invalid_grant", "The code is not valid.")
        if code.is_used:
            session.has_ended = True
            raise OidcTokenError("invalid_grant", "The code has been used.")
        code.is_used = True
        if self._world.now() >= code.expires_at:
            raise OidcTokenError("invalid_grant", "The code has expired.")
        if form.require_param("redirect_uri") != code.redirect_uri:
            raise OidcTokenError("invalid_grant", "The redirect_uri is not the one the code was asked for.")
        if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(_challenge(verifier), code.code_challenge):
            raise OidcTokenError("invalid_grant", "PKCE verification failed.")
        return self._tokens(session, {"nonce": code.nonce} if code.nonce else {})

    def _by_refresh(self, client_id: str, form: TokenForm) -> dict[str, Any]:
        """Each refresh token is good once; used twice, it ends the session."""
        text = form.require_param("refresh_token")
        state = get_oidc_state(self._world)
        refresh = state.refresh_tokens.get(text)
        session = state.sessions[refresh.sid] if refresh is not None else None
        if refresh is None or session is None or session.client_id != client_id:
            raise OidcTokenError("invalid_grant", "The refresh token is not valid.")
        if session.refresh_token != text:
            session.has_ended = True
        if session.has_ended or self._world.now() >= refresh.expires_at:
            raise OidcTokenError("invalid_grant", "The session is not active.")
        return self._tokens(session, {})

    def _tokens(self, session: OidcSession, more: dict[str, Any]) -> dict[str, Any]:
        state, now = get_oidc_state(self._world), self._world.now()
        issued = int(now.timestamp())
        common = {
            "iss": get_issuer(self._world),
            "iat": issued,
            "exp": issued + int(TOKEN_LIFE.total_seconds()),
            "azp": session.client_id,
            "sid": session.sid,
            **session.person.claims,
        }
        for_api = {"aud": API_AUDIENCE, "client_id": session.client_id, "scope": session.scope, "jti": self._token(12)}
        access = sign_token(state, {**common, **for_api}, "at+jwt")
        half = encode_base64url(_at_hash(state.keys[-1].algorithm, access))
        mine = {"aud": session.client_id, "auth_time": session.auth_time, "at_hash": half}
        session.refresh_token = self._token(24)
        state.refresh_tokens[session.refresh_token] = IssuedRefreshToken(session.sid, now + REFRESH_LIFE)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "refresh_token": session.refresh_token,
            "refresh_expires_in": int(REFRESH_LIFE.total_seconds()),
            "id_token": sign_token(state, {**common, **mine, **more}),
            "scope": session.scope,
        }

    def _token(self, size: int) -> str:
        return self._world.random.randbytes(size).hex()


async def _form(request: web.Request) -> TokenForm:
    if request.content_type != "application/x-www-form-urlencoded":
        raise OidcTokenError("invalid_request", "The body must be a form.")
    form = await request.post()
    if len(set(form)) != len(form):
        raise OidcTokenError("invalid_request", "A parameter came more than once.")
    return TokenForm({name: str(value) for name, value in form.items()})


def _basic(header: str) -> tuple[str, str] | None:
    """Id and secret, each of them a form value in itself (RFC 6749, 2.3.1)."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except ValueError:
        raise OidcTokenError("invalid_client", "Client authentication failed.", 401) from None
    return unquote_plus(name), unquote_plus(secret)


def _challenge(verifier: str) -> str:
    return encode_base64url(hashlib.sha256(verifier.encode()).digest())


def _at_hash(algorithm: str, token: str) -> bytes:
    """The left half of the hash that goes with the signature's algorithm (OpenID Connect Core, 3.1.3.6)."""
    kind = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    whole = kind(token.encode()).digest()
    return whole[: len(whole) // 2]
