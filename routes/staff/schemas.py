"""What the operator's people send and see."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.people.administration import CustomerDetail, CustomerSummary
from hub.people.identity import Role, StaffMember, StaffSession
from routes.traveler.identity import SecondFactorCode
from routes.traveler.security import SecondFactorOut
from routes.web.endpoint_api import ApiModel
from routes.web.schemas import Email, MoneyOut, PageQuery, PersonName

PasswordText = Annotated[str, StringConstraints(min_length=1, max_length=128, strip_whitespace=False)]


class StaffCredentials(ApiModel):
    email: Email
    password: PasswordText
    code: SecondFactorCode | None = Field(default=None, description="of the second factor, or a recovery code")


class StaffPassword(ApiModel):
    email: Email
    password: PasswordText


class StaffPasswordAndCode(StaffPassword):
    code: SecondFactorCode = Field(description="of the authenticator app")


class OwnPasswordAndCode(ApiModel):
    password: PasswordText
    code: SecondFactorCode = Field(description="of the authenticator app, or a recovery code")


class NewStaff(ApiModel):
    email: Email
    name: PersonName
    roles: set[Role] = Field(min_length=1, examples=[["staff"]])
    password: PasswordText = Field(description="at least 12 characters, and not a common one")


class StaffChange(ApiModel):
    """What is left out stays."""

    roles: set[Role] | None = Field(default=None, min_length=1)
    disabled: bool | None = None


class PasswordChangeIn(ApiModel):
    password: PasswordText
    new_password: PasswordText = Field(description="at least 12 characters, and not a common one")


class StaffOut(ApiModel):
    id: UUID
    email: str
    name: str
    roles: list[Role]
    issuer: str = Field(description="`local`, or the identity provider that keeps the roles")
    created_at: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None

    @classmethod
    def from_domain(cls, member: StaffMember) -> Self:
        same = {name: getattr(member, name) for name in cls.model_fields if name != "roles"}
        return cls(**same, roles=sorted(member.roles))


class StaffMe(ApiModel):
    id: UUID
    email: str
    name: str
    roles: list[Role]
    csrf_token: str | None = Field(
        description="for the X-CSRF-Token header of what changes something; null without a cookie"
    )


class StaffSignedIn(ApiModel):
    token: str = Field(description="for the Authorization header; it ends after 12 hours, or 2 without use")
    expires_in: int = Field(description="seconds until `token` ends at the latest")
    member: StaffOut

    @classmethod
    def from_domain(cls, session: StaffSession, **more: Any) -> Self:
        seconds = int((session.expires_at - session.started_at).total_seconds())
        return cls(token=session.secret, expires_in=seconds, member=StaffOut.from_domain(session.member), **more)


class StaffFactorSetUp(StaffSignedIn):
    recovery_codes: list[str] = Field(description="each works once in place of a code; they are shown this once")


class StaffFactorOut(SecondFactorOut):
    required: bool = Field(description="whether a role of the member needs it")


class CustomerListed(ApiModel):
    id: UUID
    email: str
    name: str
    phone: str | None
    created_at: datetime
    verified_at: datetime | None
    erased_at: datetime | None
    bookings: int

    @classmethod
    def from_domain(cls, one: CustomerSummary) -> Self:
        return cls(**{name: getattr(one, name) for name in CustomerListed.model_fields})


class SpendOut(ApiModel):
    paid: MoneyOut
    refunded: MoneyOut


class CustomerOut(CustomerListed):
    bookings_by_status: dict[str, int]
    spend: list[SpendOut] = Field(description="one for each currency")
    sessions: int = Field(description="how many stand")
    second_factor: bool

    @classmethod
    def from_detail(cls, found: CustomerDetail) -> Self:
        listed = {name: getattr(found.summary, name) for name in CustomerListed.model_fields}
        spend = [
            SpendOut(paid=MoneyOut.from_money(one.paid), refunded=MoneyOut.from_money(one.refunded))
            for one in found.spend
        ]
        return cls(
            **listed,
            bookings_by_status=found.bookings_by_status,
            spend=spend,
            sessions=found.session_count,
            second_factor=found.has_second_factor,
        )


class Ended(ApiModel):
    ended: int


class AuditEntryOut(ApiModel):
    id: int
    at: datetime
    actor: str
    action: str
    customer_id: UUID | None
    booking_id: UUID | None
    request_id: str | None
    ip: str | None
    user_agent: str | None
    data: dict[str, Any]


class CustomerQuery(PageQuery):
    q: str = Field(default="", max_length=200, description="part of a name or an address, an id, a booking reference")


class AuditQuery(PageQuery):
    customer_id: UUID | None = None
    booking_id: UUID | None = None
    actor: str = Field(default="", max_length=100, examples=["staff:0190b1c2-…"])
    action: str = Field(default="", max_length=100, description="`session.started`, or all of `session`")
