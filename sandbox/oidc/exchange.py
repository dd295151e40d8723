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
    API,
    REFRESH_LIFE,
    TOKEN_LIFE,
    Refresh,
    Session,
    b64,
    clients_of,
    issuer_of,
    sign,
    state_of,
)
from sandbox.world import World

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Refused(Exception):
    """RFC 6749, 5.2."""

    def __init__(self, error: str, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.error = error
        self.status = status


@dataclass(slots=True)
class Form:
    """The request's parameters; an empty one counts as missing."""

    given: dict[str, str]

    def need(self, name: str) -> str:
        if not self.given.get(name):
            raise Refused("invalid_request", f"{name} is missing.")
        return self.given[name]


class Exchange:
    def __init__(self, world: World) -> None:
        self._world = world

    async def answer(self, request: web.Request) -> web.Response:
        try:
            form = await _form(request)
            client_id = self._client(request, form)
            return web.json_response(self._grant(client_id, form), headers=_NOT_STORED)
        except Refused as error:
            body = {"error": error.error, "error_description": str(error)}
            asked = {"WWW-Authenticate": 'Basic realm="sandbox"'} if error.status == 401 else {}
            return web.json_response(body, status=error.status, headers=_NOT_STORED | asked)

    def _client(self, request: web.Request, form: Form) -> str:
        """client_secret_basic or client_secret_post, not both; only the id of a client that has no secret."""
        basic = _basic(request.headers.get("Authorization", ""))
        if basic and "client_secret" in form.given:
            raise Refused("invalid_request", "Two ways of authentication were used at once.")
        client_id, secret = basic or (form.given.get("client_id", ""), form.given.get("client_secret", ""))
        clients = clients_of(self._world)
        kept = clients.get(client_id)
        right = client_id in clients and hmac.compare_digest(secret.encode(), (kept or "").encode())
        if not right or form.given.get("client_id", client_id) != client_id:
            raise Refused("invalid_client", "Client authentication failed.", 401)
        return client_id

    def _grant(self, client_id: str, form: Form) -> dict[str, Any]:
        match form.need("grant_type"):
            case "authorization_code":
                return self._by_code(client_id, form)
            case "refresh_token":
                return self._by_refresh(client_id, form)
            case _:
                raise Refused("unsupported_grant_type", "That grant type is not supported.")

    def _by_code(self, client_id: str, form: Form) -> dict[str, Any]:
        """A code is good for one try. Used again, it also ends what it has given (RFC 6749, 4.1.2)."""
        text, verifier = form.need("code"), form.need("code_verifier")
        state = state_of(self._world)
        code = state.codes.get(text)
        session = state.sessions[code.sid] if code is not None else None
        if code is None or session is None or session.client_id != client_id:
            raise Refused("invalid_grant", "The code is not valid.")
        if code.used:
            session.ended = True
            raise Refused("invalid_grant", "The code has been used.")
        code.used = True
        if self._world.now() >= code.expires_at:
            raise Refused("invalid_grant", "The code has expired.")
        if form.need("redirect_uri") != code.redirect_uri:
            raise Refused("invalid_grant", "The redirect_uri is not the one the code was asked for.")
        if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(_challenge(verifier), code.challenge):
            raise Refused("invalid_grant", "PKCE verification failed.")
        return self._tokens(session, {"nonce": code.nonce} if code.nonce else {})

    def _by_refresh(self, client_id: str, form: Form) -> dict[str, Any]:
        """Each refresh token is good once; used twice, it ends the session."""
        text = form.need("refresh_token")
        state = state_of(self._world)
        refresh = state.refreshes.get(text)
        session = state.sessions[refresh.sid] if refresh is not None else None
        if refresh is None or session is None or session.client_id != client_id:
            raise Refused("invalid_grant", "The refresh token is not valid.")
        if session.refresh != text:
            session.ended = True
        if session.ended or self._world.now() >= refresh.expires_at:
            raise Refused("invalid_grant", "The session is not active.")
        return self._tokens(session, {})

    def _tokens(self, session: Session, more: dict[str, Any]) -> dict[str, Any]:
        state, now = state_of(self._world), self._world.now()
        issued = int(now.timestamp())
        common = {
            "iss": issuer_of(self._world),
            "iat": issued,
            "exp": issued + int(TOKEN_LIFE.total_seconds()),
            "azp": session.client_id,
            "sid": session.sid,
            **session.person.claims,
        }
        for_api = {"aud": API, "client_id": session.client_id, "scope": session.scope, "jti": self._token(12)}
        access = sign(state, {**common, **for_api}, "at+jwt")
        half = b64(_at_hash(state.keys[-1].algorithm, access))
        mine = {"aud": session.client_id, "auth_time": session.auth_time, "at_hash": half}
        session.refresh = self._token(24)
        state.refreshes[session.refresh] = Refresh(session.sid, now + REFRESH_LIFE)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "refresh_token": session.refresh,
            "refresh_expires_in": int(REFRESH_LIFE.total_seconds()),
            "id_token": sign(state, {**common, **mine, **more}),
            "scope": session.scope,
        }

    def _token(self, size: int) -> str:
        return self._world.random.randbytes(size).hex()


async def _form(request: web.Request) -> Form:
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused("invalid_request", "The body must be a form.")
    form = await request.post()
    if len(set(form)) != len(form):
        raise Refused("invalid_request", "A parameter came more than once.")
    return Form({name: str(value) for name, value in form.items()})


def _basic(header: str) -> tuple[str, str] | None:
    """Id and secret, each of them a form value in itself (RFC 6749, 2.3.1)."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except ValueError:
        raise Refused("invalid_client", "Client authentication failed.", 401) from None
    return unquote_plus(name), unquote_plus(secret)


def _challenge(verifier: str) -> str:
    return b64(hashlib.sha256(verifier.encode()).digest())


def _at_hash(algorithm: str, token: str) -> bytes:
    """The left half of the hash that goes with the signature's algorithm (OpenID Connect Core, 3.1.3.6)."""
    kind = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    whole = kind(token.encode()).digest()
    return whole[: len(whole) // 2]
