"""The identity port, spoken to Supabase Auth."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import jwt

from adapters.supabase.api import (
    SupabaseApi,
    is_unknown_session,
    make_weak_password_error,
    read_error_code,
    read_json_object,
    to_hub_error,
)
from adapters.supabase.tokens import TokenVerifier, to_identity
from adapters.transport import CallSender, ProviderResponse
from hub.core.clock import Clock
from hub.core.errors import (
    Conflict,
    Gone,
    HubError,
    OutcomeUnknown,
    ProviderPermanent,
    ProviderTransient,
    Unauthenticated,
)
from hub.core.jwks import JwksCache
from hub.people.identity import (
    Caller,
    CompletedProof,
    Identity,
    NewAccount,
    Proof,
    ProofOutcome,
    SessionTokens,
    VerifiedToken,
)

_TAKEN = frozenset({"user_already_exists", "email_exists"})
_LIMIT = "over_email_send_rate_limit"
_UNSENT = frozenset({_LIMIT, "email_address_invalid"})
"""Said where a letter would have been written, so of known addresses alone."""
MAX_PASSWORD_BYTES = 72
"""Bytes: bcrypt sees no more, and GoTrue takes no more."""


class SupabaseIdentityProvider:
    """`redirect_to` is where the links of Supabase's own letters lead back to."""

    name = "supabase"
    is_remote = True

    def __init__(
        self,
        transport: CallSender,
        *,
        base_url: str,
        anon_key: str,
        service_key: str,
        jwt_secret: str | None,
        redirect_to: str,
        clock: Clock,
        audience: str = "authenticated",
    ) -> None:
        self._api = SupabaseApi(transport, base_url=base_url, anon_key=anon_key, service_key=service_key)
        self._keys = JwksCache(self._api.list_signing_keys, clock)
        issuer = f"{base_url.rstrip('/')}/auth/v1"
        self._tokens = TokenVerifier(self._keys, issuer=issuer, audience=audience, secret=jwt_secret, clock=clock)
        self._clock = clock
        self._redirect = {"redirect_to": redirect_to}

    async def close(self) -> None:
        await self._keys.close()

    async def check_access(self) -> None:
        """One harmless read with each key."""
        await self._api.request_document("auth.settings", "GET", "/settings", is_read=True)
        await self._api.request_document(
            "auth.admin.users", "GET", "/admin/users", admin=True, is_read=True, params={"per_page": "1"}
        )

    async def sign_up(self, new: NewAccount) -> Proof:
        """A known address gets the answer of an unknown one, or a made-up user: both say nothing here.

        A lost answer is no unknown outcome to anybody: whoever asks again gets the same letter again.
        """
        _fits(new.password)
        said = {"name": new.name} | ({"phone": new.phone} if new.phone else {})
        body = {"email": new.email, "password": new.password, "data": said}
        try:
            answer = await self._api.send_request("auth.signup", "POST", "/signup", body, params=self._redirect)
        except OutcomeUnknown as error:
            raise ProviderTransient("supabase", "The sign-up was not answered; ask again.") from error
        if answer.ok:
            return self._signed_up(_read(answer))
        if read_error_code(answer) in _TAKEN | {_LIMIT}:
            return CompletedProof(ProofOutcome())
        raise _settled(to_hub_error(answer))

    async def sign_in(self, email: str, password: str) -> Proof:
        """Asked again after a lost answer: a session that nobody holds a token of harms nobody, and ends by itself."""
        grant, identity = await self._password_grant(email, password)

        async def undo() -> None:
            await self._end(grant.access_token, "local")

        return CompletedProof(ProofOutcome(identity, grant), undo)

    async def refresh_session(self, refresh_token: str) -> SessionTokens:
        """Asked again after a lost answer: Supabase gives the pair that the spent token has led to."""
        answer = await self._api.send_request(
            "auth.token.refresh", "POST", "/token", {"refresh_token": refresh_token},
            params={"grant_type": "refresh_token"}, is_read=True,
        )  # fmt: skip
        if read_error_code(answer) == "validation_failed":  # nothing that GoTrue has ever written
            raise Unauthenticated("This session has ended; sign in again.", code="invalid_refresh_token")
        return _grant(_good(answer))

    async def discard_password(self, identity: Identity) -> None:
        """GoTrue keeps the first password of an address, whoever registers it again."""
        body = {"password": _random_password()}
        path = f"/admin/users/{identity.id}"
        answer = await self._api.send_request("auth.admin.update", "PUT", path, body, admin=True, is_read=True)
        if read_error_code(answer) != "user_not_found":
            _good(answer)

    async def verify_email(self, token: str, password: str | None = None) -> Proof:
        """GoTrue's type `email` would also take the token of a letter about a forgotten password; `signup` does not."""
        if password is not None:
            _fits(password)
        by_session = _is_access_token(token)
        outcome = await self._link_session(token) if by_session else _outcome(await self._verify_address(token))
        session = outcome.tokens.access_token if outcome.tokens is not None else ""
        if password is not None:
            await self._set_password(session, password)
            await self._end(session, "others")

        async def undo() -> None:
            await self._set_password(session, _random_password())
            await self._end(session, "others" if by_session else "global")  # it is the link: its owner tries again

        return CompletedProof(outcome, undo)

    async def resend_verification(self, email: str) -> None:
        await self._letter("auth.resend", "/resend", {"type": "signup", "email": email})

    async def request_password_reset(self, email: str) -> None:
        await self._letter("auth.recover", "/recover", {"email": email})

    async def reset_password(self, token: str, password: str) -> Proof:
        """The letter's token opens a session, which sets the password and ends every session, itself too."""
        _fits(password)
        if _is_access_token(token):
            person, session = (await self._link_session(token)).identity, token
            await self._set_password(session, password)
        else:
            document = await self._verify(token, "recovery")
            person, session = _identity(document.get("user")), _grant(document).access_token
            try:
                await self._set_password(session, password)
            except HubError:
                await self._end(session, "local")  # nobody is to hold a session for a password that was refused
                raise
        await self._end(session, "global")
        return CompletedProof(ProofOutcome(person))

    async def verify_password(self, caller: Caller, email: str, password: str) -> bool:
        try:
            grant, identity = await self._password_grant(email, password)
        except Unauthenticated:
            return False
        await self._end(grant.access_token, "local")
        return identity.id == caller.id

    async def change_password(self, caller: Caller, token: str, password: str) -> Proof:
        _fits(password)
        document = await self._set_password(token, password)
        await self._end(token, "others")
        return CompletedProof(ProofOutcome(to_identity(caller.id, document)))

    async def sign_out(self, token: str, *, everywhere: bool = False) -> None:
        await self._end(token, "global" if everywhere else "local")

    async def read_token(self, token: str) -> VerifiedToken:
        return await self._tokens.read_token(token)

    async def is_session_live(self, token: str) -> bool:
        answer = await self._api.send_request("auth.user", "GET", "/user", token=token, is_read=True)
        if is_unknown_session(answer):
            return False
        _identity(_good(answer))
        return True

    async def delete_identity(self, identity: Identity) -> None:
        """Repeatable: who is gone already is gone."""
        answer = await self._api.send_request(
            "auth.admin.delete", "DELETE", f"/admin/users/{identity.id}", admin=True, is_read=True
        )
        if read_error_code(answer) != "user_not_found":
            _good(answer)

    def _signed_up(self, document: dict[str, Any]) -> Proof:
        if "access_token" in document:
            return CompletedProof(_outcome(document))
        if not document.get("identities"):
            return CompletedProof(ProofOutcome())  # a made-up user, for an address that is taken
        return CompletedProof(ProofOutcome(_identity(document)))

    async def _password_grant(self, email: str, password: str) -> tuple[SessionTokens, Identity]:
        """Who is banned is told no more than who is unknown: GoTrue says it before it looks at the password."""
        try:
            document = await self._api.request_document(
                "auth.token.password", "POST", "/token", {"email": email, "password": password},
                params={"grant_type": "password"}, is_read=True,
            )  # fmt: skip
        except Unauthenticated as error:
            raise Unauthenticated("The e-mail address or the password is wrong.", code="wrong_credentials") from error
        return _grant(document), _identity(document.get("user"))

    async def _verify(self, token: str, kind: str) -> dict[str, Any]:
        """A token is good once, so this is never asked twice."""
        body = {"type": kind, "token_hash": token}
        try:
            return await self._api.request_document("auth.verify", "POST", "/verify", body)
        except Unauthenticated as error:
            raise _link_ended() from error
        except OutcomeUnknown as error:
            raise ProviderTransient("supabase", "The link was not answered; ask for a new one.") from error

    async def _verify_address(self, token: str) -> dict[str, Any]:
        """Of a new account, or the changed one of an account. Raises Conflict for the first of the two letters about
        a change.
        """
        try:
            return await self._verify(token, "signup")
        except Gone:
            document = await self._verify(token, "email_change")
        if "access_token" not in document:
            raise Conflict("Open the link in the letter to the other address too.", code="other_address_not_confirmed")
        return document

    async def _link_session(self, token: str) -> ProofOutcome:
        """The session that a link of Supabase's own letters has opened already. Its refresh token stays where it is.

        Raises Gone for one that has ended, is an hour old, or was not opened by a link.
        """
        try:
            reading = await self._tokens.read_link_session(token)
        except Unauthenticated as error:
            raise _link_ended() from error
        answer = await self._api.send_request("auth.user", "GET", "/user", token=token, is_read=True)
        session_id = reading.caller.session_id
        if is_unknown_session(answer) or session_id is None:
            raise _link_ended()
        seconds = int((reading.expires_at - self._clock.now()).total_seconds())
        return ProofOutcome(_identity(_good(answer)), SessionTokens(reading.caller.id, session_id, token, "", seconds))

    async def _letter(self, operation: str, path: str, body: dict[str, Any]) -> None:
        """Supabase writes to a known address at most once a minute, and says so: here nobody is told."""
        try:
            answer = await self._api.send_request(operation, "POST", path, body, params=self._redirect)
            if read_error_code(answer) not in _UNSENT:
                _good(answer)
        except OutcomeUnknown as error:
            raise ProviderTransient("supabase", "The letter was not answered for; ask again.") from error

    async def _set_password(self, token: str, password: str) -> dict[str, Any]:
        """`same_password` may be what is left of a lost answer; and if it is not, the password is what it is to be."""
        answer = await self._api.send_request(
            "auth.user.update", "PUT", "/user", {"password": password}, token=token, is_read=True
        )
        if read_error_code(answer) == "same_password":
            return await self._api.request_document("auth.user", "GET", "/user", token=token, is_read=True)
        return _good(answer)

    async def _end(self, token: str, scope: str) -> None:
        """Ending what has ended is no error."""
        answer = await self._api.send_request(
            "auth.logout", "POST", "/logout", token=token, params={"scope": scope}, is_read=True
        )
        if not is_unknown_session(answer):
            _good(answer)


def _good(answer: ProviderResponse) -> dict[str, Any]:
    """The document. Raises what the answer means when it is no success, or makes no sense."""
    if not answer.ok:
        raise to_hub_error(answer)
    return read_json_object(answer)


def _read(answer: ProviderResponse) -> dict[str, Any]:
    try:
        return read_json_object(answer)
    except OutcomeUnknown as error:
        raise _settled(error) from error


def _is_access_token(token: str) -> bool:
    """A JWT; what stands in a letter is a hash."""
    return token.count(".") == 2  # noqa: PLR2004


def _link_ended() -> Gone:
    return Gone("This link does not let you in any more.", code="token_expired")


def _random_password() -> str:
    return secrets.token_urlsafe(40)


def _fits(password: str) -> None:
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES:
        raise make_weak_password_error(f"at most {MAX_PASSWORD_BYTES} bytes")


def _settled(error: Exception) -> Exception:
    """A 5xx to a sign-up, too, is answered by asking again."""
    if isinstance(error, OutcomeUnknown):
        return ProviderTransient("supabase", "The sign-up failed there; ask again.", provider_code=error.provider_code)
    return error


def _identity(user: Any) -> Identity:
    try:
        return to_identity(UUID(user["id"]), user)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProviderPermanent("supabase", "gave no user.") from error


def _grant(document: Mapping[str, Any]) -> SessionTokens:
    """The session's id is in the token: it has come straight from its issuer, so it is read and not checked."""
    try:
        token, refresh = document["access_token"], document["refresh_token"]
        claims = jwt.decode(token, options={"verify_signature": False})
        customer, session = UUID(claims["sub"]), UUID(claims["session_id"])
        return SessionTokens(customer, session, token, refresh, int(document["expires_in"]))
    except (KeyError, TypeError, ValueError, AttributeError, jwt.PyJWTError) as error:
        raise ProviderPermanent("supabase", "gave no session.") from error


def _outcome(document: Mapping[str, Any]) -> ProofOutcome:
    return ProofOutcome(_identity(document.get("user")), _grant(document))
