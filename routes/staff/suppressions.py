from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.outreach.messaging import Channel, Suppression, SuppressionCause, SuppressionFilter, Suppressions
from routes.web.endpoint_api import MANAGE_CUSTOMERS, READ_CUSTOMERS, ApiModel, Call, delete, get
from routes.web.schemas import Page, PageQuery

TAGS = ("staff",)


class SuppressionQuery(PageQuery):
    channel: Literal["email", "sms", "whatsapp"] | None = None
    q: Annotated[str, StringConstraints(min_length=1, max_length=254)] | None = Field(
        default=None, description="a part of the address"
    )


class SuppressionOut(ApiModel):
    """An address that gets no more messages. `detail` is the provider's own code."""

    id: UUID
    channel: Channel
    address: str
    cause: SuppressionCause
    detail: str | None
    created_at: datetime

    @classmethod
    def from_domain(cls, suppression: Suppression) -> "SuppressionOut":
        return cls(**{name: getattr(suppression, name) for name in cls.model_fields})


class LiftQuery(ApiModel):
    consent: bool = Field(default=False, description="the recipient has asked for messages again; an opt-out needs it")


class SuppressionRoutes:
    def __init__(self, suppressions: Suppressions) -> None:
        self._suppressions = suppressions

    @get("/api/v1/suppressions", permission=READ_CUSTOMERS, tags=TAGS)
    async def list_suppressions(self, call: Call, query: SuppressionQuery) -> Page[SuppressionOut]:
        """Addresses that get no more messages, the newest first."""
        wanted = SuppressionFilter(query.channel, query.q)
        found, total = await self._suppressions.list_suppressions(wanted, page=query.page, page_size=query.page_size)
        items = [SuppressionOut.from_domain(suppression) for suppression in found]
        return Page[SuppressionOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @delete("/api/v1/suppressions/{suppression_id}", status=204, permission=MANAGE_CUSTOMERS, tags=TAGS)
    async def lift_suppression(self, call: Call, suppression_id: UUID, query: LiftQuery) -> None:
        """Let messages go to the address again."""
        await self._suppressions.lift_suppression(suppression_id, consent=query.consent)
