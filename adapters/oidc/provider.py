"""One issuer's sign-in, sign-out and tokens."""

import base64
import hashlib
import re
from hmac import compare_digest
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt

from adapters.oidc.claims import check_times, make_invalid_token_error, read_roles, to_staff_identity
from adapters.oidc.discovery import DiscoveryCache, OidcEndpoints, read_json_object
from adapters.transport import CallSender, ProviderCall, ProviderResponse, make_refusal_error, make_unreadable_error
from hub.core.clock import Clock
from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderTransient, Unauthenticated
from hub.core.jwks import ASYMMETRIC_ALGORITHMS, JwksCache
from hub.people.identity import StaffIdentity

SCOPES = "openid profile email"
MAX_TOKEN_LENGTH = 16_384
"""Characters of a token that are looked at."""
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_SIGN_IN_AGAIN = frozenset({"invalid_grant", "access_denied"})
"""What the token endpoint says of a code that is wrong, old or used, and of a person who may not come in."""
_CODE = re.compile(r"[a-z_]{1,40}")
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512, "DSA": hashlib.sha512}
_UNCHECKED: Any = {  # times are checked against the injected clock
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "require": ["exp", "iat", "iss", "aud", "sub"],
    "enforce_minimum_key_length": True,
}


class OidcProvider:
    """`audience` is what bearer tokens must be meant for; without one none of them is taken.

    `roles_claim` is a path in the claims (see `roles_of`). Close it before the transport.
    """

    name = "oidc"

    def __init__(
        self,
        transport: CallSender,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        audience: str | None,
        roles_claim: str,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._audience = audience
        self._roles_claim = roles_claim
        self._clock = clock
        self._discovery = DiscoveryCache(self._discover, issuer, clock)
        self._keys = JwksCache(self._published, clock)

    async def close(self) -> None:
        await self._keys.close()

    async def check_access(self) -> None:
        """Reads the discovery document and the keys anew. Raises ProviderError. The secret is not tried."""
        await self._keys_at((await self._discovery.fetch_endpoints()).jwks_url)

    async def build_sign_in_url(self, redirect_uri: str, *, state: str, nonce: str, verifier: str) -> str:
        """The address that the browser is sent to. `verifier` is 43 to 128 characters (RFC 7636), and kept secret."""
        endpoints = await self._discovery.get_endpoints()
        question = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPES,
            "state": state,
            "nonce": nonce,
            "code_challenge": _b64(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return _with(endpoints.authorization_url, question)

    async def exchange_code(self, code: str, *, redirect_uri: str, nonce: str, verifier: str) -> StaffIdentity:
        """Who has signed in. A code is never tried twice.

        Raises Unauthenticated `sign_in_failed` for a wrong, old or used code, or one of another browser's sign-in,
        and ProviderError when the provider is in trouble: then the sign-in begins anew.
        """
        tokens = await self._redeem(code, redirect_uri, verifier)
        id_token, access = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise ProviderPermanent("oidc", "gave no ID token.")
        header, claims = await self._verified(id_token, self._client_id)
        self._check_binding(header, claims, nonce, access)
        roles = read_roles(claims, self._roles_claim)
        if not roles and isinstance(access, str):
            roles = await self._roles_of_access(access, claims["sub"])
        return to_staff_identity(claims, roles, id_token)

    async def read_token(self, token: str) -> StaffIdentity:
        """Whose bearer token it is. Asks nobody while the keys are fresh.

        Raises Unauthenticated `invalid_token` or `token_expired`; ProviderError or Unavailable while the issuer's
        keys have never been had.
        """
        if self._audience is None:
            raise make_invalid_token_error()
        _, claims = await self._verified(token, self._audience)
        if claims.get("typ") == "ID" or "at_hash" in claims or "c_hash" in claims:
            raise make_invalid_token_error()  # an ID token says who has signed in; it lets nobody in
        return to_staff_identity(claims, read_roles(claims, self._roles_claim))

    async def build_sign_out_url(self, id_token_hint: str | None, return_to: str) -> str | None:
        """Where the browser signs out at the provider too; None when the provider has no such place.

        `return_to` has to be registered there.
        """
        endpoints = await self._discovery.get_endpoints()
        if endpoints.end_session_url is None:
            return None
        hint = {"id_token_hint": id_token_hint} if id_token_hint else {}
        question = {**hint, "client_id": self._client_id, "post_logout_redirect_uri": return_to}
        return _with(endpoints.end_session_url, question)

    async def _verified(self, token: str, audience: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token that this issuer has signed for `audience`, and that is in force."""
        header = _header(token)
        kid = header.get("kid")
        key = self._keys.get_fresh_key(kid) or await self._keys.find_key(kid, ASYMMETRIC_ALGORITHMS)
        if key is None:
            raise make_invalid_token_error()
        try:
            claims = jwt.decode(
                token, key, algorithms=ASYMMETRIC_ALGORITHMS, audience=audience, issuer=self.issuer, options=_UNCHECKED
            )
        except (jwt.PyJWTError, ValueError):
            raise make_invalid_token_error() from None
        check_times(claims, self._clock.now())
        return header, claims

    def _check_binding(self, header: dict[str, Any], claims: dict[str, Any], nonce: str, access: Any) -> None:
        """Whether the ID token is for this client, this sign-in and this access token (Core 3.1.3.7 and 3.1.3.8)."""
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        azp, given, at_hash = claims.get("azp"), claims.get("nonce"), claims.get("at_hash")
        if azp != self._client_id and (azp is not None or several):
            raise _failed()
        if not isinstance(given, str) or not _same(given, nonce):
            raise _failed()
        if at_hash is not None and not (isinstance(access, str) and _same(str(at_hash), _half(header["alg"], access))):
            raise _failed()

    async def _roles_of_access(self, access: str, subject: str) -> frozenset[str]:
        """Keycloak puts roles into the access token alone, unless it is told otherwise. An opaque one holds none."""
        try:
            header = _header(access)
            key = await self._keys.find_key(header.get("kid"), ASYMMETRIC_ALGORITHMS)
            if key is None:
                return frozenset()
            # Not read as somebody's pass: it has come straight from the issuer, whoever it is meant for.
            options: Any = {**_UNCHECKED, "verify_aud": False, "require": ["exp", "iss", "sub"]}
            claims = jwt.decode(access, key, algorithms=ASYMMETRIC_ALGORITHMS, issuer=self.issuer, options=options)
        except (Unauthenticated, jwt.PyJWTError, ValueError):
            return frozenset()
        return read_roles(claims, self._roles_claim) if claims["sub"] == subject else frozenset()

    async def _redeem(self, code: str, redirect_uri: str, verifier: str) -> dict[str, Any]:
        endpoints = await self._discovery.get_endpoints()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        try:
            answer = await self._ask_for_tokens(endpoints, form)
            if not answer.ok:
                raise _refused(answer)
            return read_json_object(answer)
        except OutcomeUnknown as error:  # the code may be used up, and that is all: nothing to be resolved
            raise ProviderTransient("oidc", "The sign-in was not answered; it has to begin anew.") from error

    async def _ask_for_tokens(self, endpoints: OidcEndpoints, form: dict[str, str]) -> ProviderResponse:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self._client_secret is None:
            form = {**form, "client_id": self._client_id}
        elif endpoints.sends_secret_in_form:
            form = {**form, "client_id": self._client_id, "client_secret": self._client_secret}
        else:
            pair = f"{quote_plus(self._client_id)}:{quote_plus(self._client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        call = ProviderCall(
            provider="oidc",
            operation="token",
            method="POST",
            url=endpoints.token_url,
            headers=headers,
            body=urlencode(form).encode(),
        )
        return await self._transport.send_call(call)

    async def _published(self) -> list[dict[str, Any]]:
        return await self._keys_at((await self._discovery.get_endpoints()).jwks_url)

    async def _keys_at(self, url: str) -> list[dict[str, Any]]:
        answer = await self._get("jwks", url)
        if not answer.ok:
            raise make_refusal_error(answer)
        keys = read_json_object(answer).get("keys")
        if not isinstance(keys, list):
            raise make_unreadable_error(answer)
        return keys

    async def _discover(self, url: str) -> ProviderResponse:
        return await self._get("discovery", url)

    async def _get(self, operation: str, url: str) -> ProviderResponse:
        headers = {"Accept": "application/json"}
        return await self._transport.send_call(
            ProviderCall(provider="oidc", operation=operation, method="GET", url=url, headers=headers, is_read=True)
        )


def _header(token: str) -> dict[str, Any]:
    """The header of a token that may be looked at further: signed with a key pair, and of a kind that lets in."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise make_invalid_token_error()
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise make_invalid_token_error() from None
    if header.get("alg") not in ASYMMETRIC_ALGORITHMS or str(header.get("typ", "JWT")).lower() not in _TYPES:
        raise make_invalid_token_error()
    return header


def _refused(answer: ProviderResponse) -> Exception:
    """What a refusal of the token endpoint means, by its error code; its sentence may hold anything."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    code = document.get("error") if isinstance(document, dict) else None
    code = code if isinstance(code, str) and _CODE.fullmatch(code) else None
    if answer.status < 500 and code in _SIGN_IN_AGAIN:  # noqa: PLR2004
        return _failed()
    return make_refusal_error(answer, code=code)


def _failed() -> Unauthenticated:
    return Unauthenticated("The sign-in could not be completed. Please begin again.", code="sign_in_failed")


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _half(algorithm: str, token: str) -> str:
    whole = _HASHES[algorithm[-3:]](token.encode()).digest()
    return _b64(whole[: len(whole) // 2])


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _with(url: str, question: dict[str, str]) -> str:
    return url + ("&" if "?" in url else "?") + urlencode(question)
