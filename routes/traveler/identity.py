"""Coming in and going out. Every address exists twice: /api/auth/… and /api/customers/…."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.people.customers import Customers
from hub.people.identity import Accounts, AccountSecurity, NewAccount, SessionTokens, SignInResult
from routes.web.endpoint_api import (
    ANYONE,
    DEVICE_COOKIE,
    OWN_ACCOUNT,
    OWN_DATA,
    REGISTRATION_COOKIE,
    ApiModel,
    Call,
    Reply,
    get,
    post,
)
from routes.web.schemas import Email, PersonName, Phone

F = TypeVar("F", bound=Callable[..., Any])
TAGS = ("auth",)
DEVICE_COOKIE_LIFETIME = 400 * 24 * 3600
"""Seconds: as long as browsers keep a cookie."""
REGISTRATION_COOKIE_LIFETIME = 24 * 3600
"""Seconds: as long as the link that confirms the address works."""

PasswordText = Annotated[str, StringConstraints(min_length=1, max_length=128, strip_whitespace=False)]
SecretToken = Annotated[str, StringConstraints(min_length=1, max_length=500)]
SecondFactorCode = Annotated[str, StringConstraints(min_length=6, max_length=20)]


def _both(method: Callable[..., Any], path: str, **options: Any) -> Callable[[F], F]:
    """Under /api/auth, and under /api/customers for the frontends that ask there."""

    def mark(handler: F) -> F:
        return method(f"/api/auth/{path}", tags=TAGS, **options)(  # type: ignore[no-any-return]
            method(f"/api/customers/{path}", tags=TAGS, **options)(handler)
        )

    return mark


class Registration(ApiModel):
    email: Email
    password: PasswordText
    name: PersonName
    phone: Phone | None = None
    captcha_token: str = Field(default="", max_length=4000, description="wanted where a captcha is set up")


class Credentials(ApiModel):
    email: Email
    password: PasswordText
    code: SecondFactorCode | None = Field(default=None, description="of the second factor, or a recovery code")


class RefreshRequest(ApiModel):
    refresh_token: SecretToken


class Confirmation(ApiModel):
    token: SecretToken = Field(description="from the link in the letter")
    password: PasswordText | None = Field(
        default=None, description="replaces the registration's; needed after 409 `password_required`"
    )
    registration_token: SecretToken | None = Field(default=None, description="of the registration; else the cookie's")


class Address(ApiModel):
    email: Email


class Resend(ApiModel):
    email: Email
    registration_token: SecretToken | None = Field(
        default=None, description="of the registration; without it or its cookie the link asks for a password"
    )


class PasswordResetIn(ApiModel):
    token: SecretToken = Field(description="from the link in the letter")
    password: PasswordText


class PasswordChange(ApiModel):
    current_password: PasswordText
    new_password: PasswordText


class SignedInOut(ApiModel):
    customer_id: UUID
    token: str
    refresh_token: str
    expires_in: int = Field(description="seconds until `token` ends")
    device_token: str | None = Field(
        default=None, description="keep it, and send it as X-Device-Token with the next sign-in; also set as a cookie"
    )
    requires_verification: bool = False


class Registered(ApiModel):
    """Where addresses are confirmed first, the same for every address: nobody learns who has an account."""

    requires_verification: bool
    customer_id: UUID | None = None
    token: str | None = None
    refresh_token: str | None = None
    expires_in: int | None = None
    device_token: str | None = None
    registration_token: str | None = Field(
        default=None,
        description="send it along with `verify-email` and `resend-verification`: it shows that the registration is "
        "this device's; also set as a cookie",
    )


class Sent(ApiModel):
    """The same for every address."""

    sent: bool = True


class Me(ApiModel):
    customer_id: UUID
    email: str
    name: str
    phone: str | None
    verified: bool


class IdentityRoutes:
    """`secure`: whether the hub is reached over https, so that its cookies may ask for it."""

    def __init__(self, accounts: Accounts, security: AccountSecurity, customers: Customers, *, secure: bool) -> None:
        self._accounts = accounts
        self._security = security
        self._customers = customers
        self._secure = secure

    @_both(post, "register", status=201, permission=ANYONE, rate_limit="auth", response_model=Registered)
    async def register(self, call: Call, body: Registration) -> Reply:
        """Open an account. A letter with a link confirms the address."""
        new = NewAccount(body.email, body.password, body.name, body.phone)
        done = await self._accounts.register_account(new, device=call.device_token, captcha_token=body.captcha_token)
        if done.sign_in is None:
            body_out = Registered(requires_verification=True, registration_token=done.registration_secret)
            return Reply(
                body_out,
                headers=self._cookie(REGISTRATION_COOKIE, done.registration_secret, REGISTRATION_COOKIE_LIFETIME),
            )
        return self._reply(done.sign_in, Registered(requires_verification=False, **_pair(done.sign_in.tokens)))

    @_both(post, "login", permission=ANYONE, rate_limit="auth", response_model=SignedInOut)
    async def login(self, call: Call, body: Credentials) -> Reply:
        """Sign in."""
        done = await self._accounts.sign_in(body.email, body.password, code=body.code, device=call.device_token)
        return self._reply(done, SignedInOut(**_pair(done.tokens)))

    @_both(post, "refresh", permission=ANYONE, rate_limit="auth")
    async def refresh(self, call: Call, body: RefreshRequest) -> SignedInOut:
        """A new pair of tokens for a refresh token, which is used up by it."""
        return SignedInOut(**_pair(await self._accounts.refresh_session(body.refresh_token)))

    @_both(post, "logout", status=204, permission=OWN_DATA, rate_limit="auth")
    async def logout(self, call: Call) -> None:
        """End this session."""
        await self._accounts.sign_out(call.signed_in_caller, call.token)

    @_both(get, "me", permission=OWN_DATA)
    async def me(self, call: Call) -> Me:
        """Who you are."""
        customer = await self._customers.get_profile(call.signed_in_caller)
        return Me(
            customer_id=customer.id,
            email=customer.email,
            name=customer.name,
            phone=customer.phone,
            verified=customer.verified_at is not None,
        )

    @_both(post, "verify-email", permission=ANYONE, rate_limit="auth", response_model=SignedInOut)
    async def verify_email(self, call: Call, body: Confirmation) -> Reply:
        """Confirm an address with the token of the letter, and be signed in."""
        secret = body.registration_token or call.registration_token
        done = await self._accounts.verify_email(
            body.token, device=call.device_token, password=body.password, registration=secret
        )
        return self._reply(done, SignedInOut(**_pair(done.tokens)))

    @_both(post, "resend-verification", status=202, permission=ANYONE, rate_limit="auth")
    async def resend_verification(self, call: Call, body: Resend) -> Sent:
        """Another letter to confirm the address, at most one a minute."""
        secret = body.registration_token or call.registration_token
        await self._accounts.resend_verification(body.email, registration=secret)
        return Sent()

    @_both(post, "forgot-password", status=202, permission=ANYONE, rate_limit="auth")
    async def forgot_password(self, call: Call, body: Address) -> Sent:
        """A letter with a link to a new password, at most one a minute."""
        await self._accounts.request_password_reset(body.email)
        return Sent()

    @_both(post, "reset-password", status=204, permission=ANYONE, rate_limit="auth")
    async def reset_password(self, call: Call, body: PasswordResetIn) -> Reply:
        """Set a new password with the token of the letter. Every session ends."""
        device = await self._accounts.reset_password(
            body.token, body.password, device=call.device_token, registration=call.registration_token
        )
        return Reply(None, status=204, headers=self._cookie(DEVICE_COOKIE, device, DEVICE_COOKIE_LIFETIME))

    @_both(post, "change-password", status=204, permission=OWN_ACCOUNT, rate_limit="auth")
    async def change_password(self, call: Call, body: PasswordChange) -> None:
        """Set a new password. All other sessions end."""
        await self._security.change_password(
            call.signed_in_caller, call.token, body.current_password, body.new_password
        )

    def _reply(self, done: SignInResult, body: Registered | SignedInOut) -> Reply:
        told = body.model_copy(update={"device_token": done.device_token})
        return Reply(told, headers=self._cookie(DEVICE_COOKIE, done.device_token, DEVICE_COOKIE_LIFETIME))

    def _cookie(self, name: str, value: str, seconds: int) -> dict[str, str]:
        secure = "; Secure" if self._secure else ""
        return {"Set-Cookie": f"{name}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"}


def _pair(grant: SessionTokens) -> dict[str, Any]:
    return {
        "customer_id": grant.customer_id,
        "token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "expires_in": grant.expires_in,
    }
