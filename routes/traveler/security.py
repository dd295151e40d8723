"""The safety of one's own account: sessions and the second factor."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from hub.people.identity import AccountSecurity, Session
from routes.traveler.identity import PasswordText, SecondFactorCode
from routes.web.endpoint_api import OWN_ACCOUNT, OWN_DATA, ApiModel, Call, delete, get, post

TAGS = ("account",)


class SessionOut(ApiModel):
    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    current: bool

    @classmethod
    def from_domain(cls, session: Session) -> "SessionOut":
        return cls(**{name: getattr(session, name) for name in cls.model_fields})


class Ended(ApiModel):
    ended: int


class SecondFactorOut(ApiModel):
    enabled: bool
    since: datetime | None
    recovery_codes_left: int


class Enrolled(ApiModel):
    """What goes into an authenticator app, as text, as an address, and as a picture of that."""

    secret: str
    uri: str
    qr_svg: str = Field(description="an SVG document")


class RecoveryCodes(ApiModel):
    recovery_codes: list[str] = Field(description="each works once in place of a code; they are shown this once")


class PasswordOnly(ApiModel):
    password: PasswordText


class CodeOnly(ApiModel):
    code: SecondFactorCode


class PasswordAndCode(ApiModel):
    password: PasswordText
    code: SecondFactorCode


class SecurityRoutes:
    def __init__(self, security: AccountSecurity) -> None:
        self._security = security

    @get("/api/user/sessions", permission=OWN_DATA, tags=TAGS)
    async def sessions(self, call: Call) -> list[SessionOut]:
        """Where you are signed in."""
        return [SessionOut.from_domain(one) for one in await self._security.list_sessions(call.signed_in_caller)]

    @delete("/api/user/sessions/{session_id}", permission=OWN_ACCOUNT, tags=TAGS)
    async def end_session(self, call: Call, session_id: UUID) -> None:
        """Sign one device out."""
        await self._security.end_session(call.signed_in_caller, call.token, session_id)

    @delete("/api/user/sessions", permission=OWN_ACCOUNT, tags=TAGS)
    async def end_all(self, call: Call) -> Ended:
        """Sign every device out, this one too."""
        return Ended(ended=await self._security.end_all_sessions(call.signed_in_caller, call.token))

    @get("/api/user/second-factor", permission=OWN_DATA, tags=TAGS)
    async def second_factor(self, call: Call) -> SecondFactorOut:
        """Whether a second factor is on."""
        status = await self._security.get_second_factor_status(call.signed_in_caller)
        return SecondFactorOut(enabled=status.on, since=status.since, recovery_codes_left=status.recovery_codes_left)

    @post("/api/user/second-factor", status=201, permission=OWN_ACCOUNT, rate_limit="auth", tags=TAGS)
    async def begin(self, call: Call, body: PasswordOnly) -> Enrolled:
        """Begin with a second factor. It is on when a first code has been confirmed."""
        made: Any = await self._security.begin_second_factor(call.signed_in_caller, body.password)
        return Enrolled(secret=made.secret, uri=made.uri, qr_svg=made.qr_svg)

    @post("/api/user/second-factor/confirm", permission=OWN_ACCOUNT, rate_limit="auth", tags=TAGS)
    async def confirm(self, call: Call, body: CodeOnly) -> RecoveryCodes:
        """Turn the second factor on with a first code."""
        return RecoveryCodes(
            recovery_codes=await self._security.confirm_second_factor(call.signed_in_caller, body.code)
        )

    @post("/api/user/second-factor/recovery-codes", permission=OWN_ACCOUNT, rate_limit="auth", tags=TAGS)
    async def renew(self, call: Call, body: PasswordAndCode) -> RecoveryCodes:
        """New recovery codes; the old ones are void."""
        codes = await self._security.renew_recovery_codes(call.signed_in_caller, body.password, body.code)
        return RecoveryCodes(recovery_codes=codes)

    @post("/api/user/second-factor/disable", status=204, permission=OWN_ACCOUNT, rate_limit="auth", tags=TAGS)
    async def turn_off(self, call: Call, body: PasswordAndCode) -> None:
        """Turn the second factor off."""
        await self._security.turn_off_second_factor(call.signed_in_caller, body.password, body.code)
