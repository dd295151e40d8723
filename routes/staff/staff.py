from uuid import UUID

from hub.people.administration import AuditFilter, CustomerAdmin
from hub.people.identity import Caller, StaffAccounts
from routes.pages.console.sign_in import StaffSignInPages
from routes.staff.schemas import (
    AuditEntryOut,
    AuditQuery,
    CustomerListed,
    CustomerOut,
    CustomerQuery,
    Ended,
    NewStaff,
    PasswordChangeIn,
    StaffChange,
    StaffCredentials,
    StaffMe,
    StaffOut,
    StaffSignedIn,
)
from routes.web.endpoint_api import (
    ADD_STAFF,
    ANYONE,
    MANAGE_CUSTOMERS,
    MANAGE_STAFF,
    READ_AUDIT,
    READ_CUSTOMERS,
    READ_STAFF,
    STAFF_SELF,
    Call,
    get,
    post,
    put,
)
from routes.web.schemas import Page, PageQuery

__all__ = ["StaffRoutes", "StaffSignInPages"]

TAGS = ("staff",)


class StaffRoutes:
    def __init__(self, staff: StaffAccounts, backoffice: CustomerAdmin) -> None:
        self._staff = staff
        self._backoffice = backoffice

    @post("/api/v1/auth/login", permission=ANYONE, rate_limit="auth", tags=TAGS)
    async def login(self, call: Call, body: StaffCredentials) -> StaffSignedIn:
        """Sign in with a password kept here. Where an identity provider lets people in, send its tokens instead."""
        session = await self._staff.sign_in(body.email, body.password, kind="bearer", code=body.code)
        return StaffSignedIn.from_domain(session)

    @post("/api/v1/auth/logout", status=204, permission=STAFF_SELF, tags=TAGS)
    async def logout(self, call: Call) -> None:
        """End this session."""
        await self._staff.end_session(call.signed_in_caller)

    @post("/api/v1/auth/change-password", status=204, permission=STAFF_SELF, rate_limit="auth", tags=TAGS)
    async def change_password(self, call: Call, body: PasswordChangeIn) -> None:
        """Choose another password. All other sessions end."""
        await self._staff.change_password(call.signed_in_caller, body.password, body.new_password)

    @get("/api/v1/me", permission=STAFF_SELF, tags=TAGS)
    @get("/auth/me", permission=STAFF_SELF, tags=TAGS)
    async def me(self, call: Call) -> StaffMe:
        """Who you are, and what you may."""
        member = await self._staff.members.find_member(call.signed_in_caller.id)
        return StaffMe(
            id=member.id,
            email=member.email,
            name=member.name,
            roles=sorted(member.roles),
            csrf_token=self._csrf(call.signed_in_caller, call.token),
        )

    @get("/api/v1/customers", permission=READ_CUSTOMERS, tags=TAGS)
    async def customers(self, call: Call, query: CustomerQuery) -> Page[CustomerListed]:
        """Travellers, the newest first."""
        found, total = await self._backoffice.list_customers(query.q, page=query.page, page_size=query.page_size)
        items = [CustomerListed.from_domain(one) for one in found]
        return Page[CustomerListed](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/v1/customers/{customer_id}", permission=READ_CUSTOMERS, tags=TAGS)
    async def customer(self, call: Call, customer_id: UUID) -> CustomerOut:
        """One traveller, with what they have booked and paid."""
        return CustomerOut.from_detail(await self._backoffice.view_customer(customer_id))

    @post("/api/v1/customers/{customer_id}/unlock", status=204, permission=MANAGE_CUSTOMERS, tags=TAGS)
    async def unlock(self, call: Call, customer_id: UUID) -> None:
        """Forget failed sign-ins, so that the traveller need not wait."""
        await self._backoffice.unlock_account(customer_id)

    @post("/api/v1/customers/{customer_id}/end-sessions", permission=MANAGE_CUSTOMERS, tags=TAGS)
    async def end_sessions(self, call: Call, customer_id: UUID) -> Ended:
        """Sign a traveller out everywhere."""
        return Ended(ended=await self._backoffice.end_sessions(customer_id))

    @post("/api/v1/customers/{customer_id}/reset-second-factor", status=204, permission=MANAGE_CUSTOMERS, tags=TAGS)
    async def reset_second_factor(self, call: Call, customer_id: UUID) -> None:
        """Turn a traveller's second factor off, once they have shown by other means who they are."""
        await self._backoffice.reset_second_factor(customer_id)

    @get("/api/v1/audit", permission=READ_AUDIT, tags=TAGS)
    async def audit(self, call: Call, query: AuditQuery) -> Page[AuditEntryOut]:
        """Who did what, the newest first."""
        wanted = AuditFilter(query.customer_id, query.booking_id, query.actor, query.action)
        found, total = await self._backoffice.list_audit_entries(wanted, page=query.page, page_size=query.page_size)
        items = [AuditEntryOut(**{name: getattr(one, name) for name in AuditEntryOut.model_fields}) for one in found]
        return Page[AuditEntryOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/v1/staff", permission=READ_STAFF, tags=TAGS)
    async def list(self, call: Call, query: PageQuery) -> Page[StaffOut]:
        """The operator's people, by name."""
        found, total = await self._staff.members.list_members(page=query.page, page_size=query.page_size)
        items = [StaffOut.from_domain(one) for one in found]
        return Page[StaffOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @post("/api/v1/staff", status=201, permission=ADD_STAFF, tags=TAGS)
    async def add(self, call: Call, body: NewStaff) -> StaffOut:
        """Add somebody with a password here. Managers add staff and managers, admins anybody."""
        member = await self._staff.members.add_member(
            body.email, body.name, body.roles, body.password, caller=call.signed_in_caller
        )
        return StaffOut.from_domain(member)

    @put("/api/v1/staff/{staff_id}", permission=MANAGE_STAFF, tags=TAGS)
    async def change(self, call: Call, staff_id: UUID, body: StaffChange) -> StaffOut:
        """Change the roles, disable, enable. There is always one left who can manage staff."""
        changed = await self._staff.members.change_member(
            staff_id, roles=body.roles, disabled=body.disabled, caller=call.signed_in_caller
        )
        return StaffOut.from_domain(changed)

    @post("/api/v1/staff/{staff_id}/reset-second-factor", status=204, permission=MANAGE_STAFF, tags=TAGS)
    async def reset_staff_second_factor(self, call: Call, staff_id: UUID) -> None:
        """Remove the second factor of a member who has lost it, once they have shown by other means who they are."""
        await self._staff.members.reset_second_factor(staff_id)

    def _csrf(self, caller: Caller, token: str) -> str | None:
        return self._staff.compute_csrf_token(caller) if caller.session_id is not None and not token else None
