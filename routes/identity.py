from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.customers import Customers
from hub.identity import Accounts, SignedIn
from routes.request import ANYONE, TRAVELLER, ApiModel, Call, get, post
from routes.views import Email, Name, Phone

Password = Annotated[str, StringConstraints(min_length=8, max_length=128, strip_whitespace=False)]
TAGS = ("auth",)


class Registration(ApiModel):
    email: Email
    password: Password
    name: Name
    phone: Phone | None = None


class Credentials(ApiModel):
    email: Email
    password: Annotated[str, StringConstraints(min_length=1, max_length=128, strip_whitespace=False)]


class RefreshRequest(ApiModel):
    refresh_token: str = Field(min_length=1, max_length=200)


class SignedInOut(ApiModel):
    customer_id: UUID
    token: str
    refresh_token: str
    expires_in: int = Field(description="seconds until `token` ends")
    requires_verification: bool = False


class Me(ApiModel):
    customer_id: UUID
    email: str
    name: str
    phone: str | None


class IdentityRoutes:
    def __init__(self, accounts: Accounts, customers: Customers) -> None:
        self._accounts = accounts
        self._customers = customers

    @post("/api/auth/register", status=201, who=ANYONE, limit="auth", tags=TAGS)
    async def register(self, call: Call, body: Registration) -> SignedInOut:
        """Open an account, and be signed in."""
        return _out(await self._accounts.register(body.email, body.password, body.name, body.phone))

    @post("/api/auth/login", who=ANYONE, limit="auth", tags=TAGS)
    async def login(self, call: Call, body: Credentials) -> SignedInOut:
        """Sign in."""
        return _out(await self._accounts.login(body.email, body.password))

    @post("/api/auth/refresh", who=ANYONE, limit="auth", tags=TAGS)
    async def refresh(self, call: Call, body: RefreshRequest) -> SignedInOut:
        """A new pair of tokens for a refresh token, which is used up by it."""
        return _out(await self._accounts.refresh(body.refresh_token))

    @post("/api/auth/logout", status=204, who=TRAVELLER, tags=TAGS)
    async def logout(self, call: Call) -> None:
        """End this session."""
        await self._accounts.logout(call.who)

    @get("/api/auth/me", who=TRAVELLER, tags=TAGS)
    async def me(self, call: Call) -> Me:
        """Who you are."""
        customer = await self._customers.me(call.who)
        return Me(customer_id=customer.id, email=customer.email, name=customer.name, phone=customer.phone)


def _out(done: SignedIn) -> SignedInOut:
    return SignedInOut(
        customer_id=done.customer_id,
        token=done.token,
        refresh_token=done.refresh_token,
        expires_in=done.expires_in,
    )
