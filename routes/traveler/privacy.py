import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.core.errors import NotFound
from hub.people.identity import Caller
from hub.people.privacy import ActivityEntry, PrivacyService
from routes.web.endpoint_api import OWN_ACCOUNT, ApiModel, Call, Reply, delete, get
from routes.web.schemas import Page, PageQuery

TAGS = ("privacy",)
RequirePassword = Callable[[Caller, str], Awaitable[None]]
"""Given the caller and the password. Raises Forbidden `wrong_password`."""


class ExportQuery(ApiModel):
    format: Literal["json", "zip"] = Field(default="json", description="one document, or an archive of one file a kind")


class ExportOut(ApiModel):
    customer_id: UUID
    made_at: datetime
    withheld: str = Field(description="what is kept and not shown, and why")
    data: dict[str, list[dict[str, Any]]] = Field(description="the rows of each kind: profile, bookings, payments, ...")


class Erasure(ApiModel):
    password: Annotated[str, StringConstraints(min_length=1, max_length=128, strip_whitespace=False)]


class ActivityOut(ApiModel):
    at: datetime
    what: str = Field(examples=["Signed in"])
    action: str = Field(examples=["session.started"])
    by: Literal["you", "visitor", "staff", "hub"] = Field(description="a visitor was not signed in")
    booking_id: UUID | None
    ip: str | None
    user_agent: str | None
    data: dict[str, Any]

    @classmethod
    def from_domain(cls, act: ActivityEntry) -> Self:
        return cls(**{name: getattr(act, name) for name in cls.model_fields})


class PrivacyRoutes:
    def __init__(self, privacy: PrivacyService, confirm_password: RequirePassword) -> None:
        self._privacy = privacy
        self._confirm_password = confirm_password

    @get(
        "/api/user/export",
        permission=OWN_ACCOUNT,
        rate_limit="auth",
        response_model=ExportOut,
        other_types=("application/zip",),
        tags=TAGS,
    )
    async def export(self, call: Call, query: ExportQuery) -> Reply:
        """All that is kept of you, as one JSON document or as a ZIP archive (`application/zip`)."""
        export = await self._privacy.export_data(call.signed_in_caller)
        if query.format == "zip":
            body, kind = await asyncio.to_thread(export.to_zip), "application/zip"
        else:
            body, kind = export.to_json(), "application/json"
        name = f"export-{export.exported_at:%Y-%m-%d}.{query.format}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return Reply(body, headers=headers, content_type=kind)

    @delete("/api/user", status=204, permission=OWN_ACCOUNT, rate_limit="auth", tags=TAGS)
    @delete("/api/customers/{customer_id}", status=204, permission=OWN_ACCOUNT, rate_limit="auth", tags=TAGS)
    async def erase(self, call: Call, body: Erasure, customer_id: UUID | None = None) -> None:
        """End your account. Bookings stay in the books, without you in them; it cannot be taken back.

        409 `open_bookings` while a journey or its money is open.
        """
        if customer_id not in {None, call.signed_in_caller.id}:
            raise NotFound("There is no such customer.", code="customer_not_found")
        await self._confirm_password(call.signed_in_caller, body.password)
        await self._privacy.erase_account(call.signed_in_caller)

    @get("/api/user/activity", permission=OWN_ACCOUNT, tags=TAGS)
    async def activity(self, call: Call, query: PageQuery) -> Page[ActivityOut]:
        """What has happened around your account, the newest first."""
        acts, total = await self._privacy.list_activity(
            call.signed_in_caller, page=query.page, page_size=query.page_size
        )
        items = [ActivityOut.from_domain(one) for one in acts]
        return Page[ActivityOut](items=items, page=query.page, page_size=query.page_size, total=total)
