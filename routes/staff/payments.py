"""The operator's view of the money: movements, refunds, and what waits for a person."""

import csv
import io
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.core.errors import FieldError, InvalidRequest
from hub.core.money import Money
from hub.oversight.review_queue import ReviewItem, ReviewQueue
from hub.sales.payments import (
    LedgerOverview,
    LedgerTransaction,
    PaymentChange,
    Refund,
    RefundService,
    TransactionFilter,
)
from routes.web.endpoint_api import MANAGE_CUSTOMERS, MOVE_MONEY, READ_MONEY, ApiModel, Call, Reply, get, post
from routes.web.schemas import Currency, MoneyOut, Page, PageQuery, PeriodQuery

TAGS = ("money",)
MAX_CSV_ROWS = 10_000
"""In one CSV file; more are asked for page by page."""


class MovementQuery(PeriodQuery):
    booking_id: UUID | None = None
    payment_id: UUID | None = None
    customer_id: UUID | None = None
    kind: Annotated[str, StringConstraints(max_length=20)] | None = None
    provider: Annotated[str, StringConstraints(max_length=20)] | None = None
    currency: Currency | None = None
    format: Literal["json", "csv"] = Field(default="json", description="csv: one file of up to 10,000 rows")

    def to_filter(self) -> TransactionFilter:
        return TransactionFilter(**{name: getattr(self, name) for name in TransactionFilter.__slots__})


class MovementOut(ApiModel):
    id: UUID
    at: datetime
    kind: str
    total: MoneyOut
    booking_id: UUID
    reference: str
    payment_id: UUID
    customer_id: UUID
    provider: str
    provider_id: str | None
    actor: str
    balances: dict[str, int] = Field(description="of the payment's accounts after it, in minor units")

    @classmethod
    def from_domain(cls, one: LedgerTransaction) -> Self:
        same = {name: getattr(one, name) for name in cls.model_fields if name != "total"}
        return cls(total=MoneyOut.from_money(one.money), **same)


class ChangeOut(ApiModel):
    at: datetime
    actor: str
    was: str
    became: str
    captured: int
    refunded: int
    disputed: int
    failure: str | None

    @classmethod
    def from_domain(cls, one: PaymentChange) -> Self:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class MovementWhole(MovementOut):
    changes: list[ChangeOut] = Field(description="all that has become of the payment, and on whose word")


class RefundIn(ApiModel):
    """Of a payment, or of the payment of a booking. Without an amount all that is left goes back."""

    payment_id: UUID | None = None
    booking_id: UUID | None = None
    amount: int | None = Field(default=None, gt=0, le=10**12, description="minor units")
    currency: Currency | None = None
    reason: Annotated[str, StringConstraints(min_length=3, max_length=200)]
    confirmation: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        default=None,
        description="from a 409 `refund_repeated`: gives the same amount back once more. Not asked for with an "
        "Idempotency-Key",
    )


class RefundOut(ApiModel):
    id: UUID
    payment_id: UUID
    total: MoneyOut
    status: str
    reason: str
    requested_by: str
    provider_refund_id: str | None
    created_at: datetime

    @classmethod
    def from_domain(cls, one: Refund) -> Self:
        same = {name: getattr(one, name) for name in cls.model_fields if name != "total"}
        return cls(total=MoneyOut.from_money(one.amount), **same)


class RefundQuery(ApiModel):
    payment_id: UUID


class MatterOut(ApiModel):
    id: UUID
    kind: str
    booking_id: UUID | None
    payment_id: UUID | None
    detail: dict[str, Any]
    since: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None
    subject: str | None = Field(description="of `row_failed`: the sweep and the row that it cannot process")

    @classmethod
    def from_domain(cls, one: ReviewItem) -> Self:
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class MatterQuery(PageQuery):
    open_only: bool = True


class Resolution(ApiModel):
    note: Annotated[str, StringConstraints(min_length=3, max_length=1000)]


class MoneyRoutes:
    def __init__(self, overview: LedgerOverview, refunds: RefundService, attention: ReviewQueue) -> None:
        self._overview = overview
        self._refunds = refunds
        self._attention = attention

    @get(
        "/api/payments/transactions",
        permission=READ_MONEY,
        tags=TAGS,
        response_model=Page[MovementOut],
        other_types=("text/csv",),
    )
    async def movements(self, call: Call, query: MovementQuery) -> Reply:
        """Every movement of money, the newest first, with the balances after it."""
        size = MAX_CSV_ROWS if query.format == "csv" else query.page_size
        found, total = await self._overview.list_transactions(query.to_filter(), page=query.page, page_size=size)
        if query.format == "csv":
            headers = {"Content-Disposition": 'attachment; filename="transactions.csv"', "Cache-Control": "no-store"}
            return Reply(_csv(found), headers=headers, content_type="text/csv")
        items = [MovementOut.from_domain(one) for one in found]
        return Reply(Page[MovementOut](items=items, page=query.page, page_size=query.page_size, total=total))

    @get("/api/payments/transactions/{transaction_id}", permission=READ_MONEY, tags=TAGS)
    async def movement(self, call: Call, transaction_id: UUID) -> MovementWhole:
        """One movement, with the history of its payment."""
        found, changes = await self._overview.get_transaction(transaction_id)
        return MovementWhole(
            **MovementOut.from_domain(found).model_dump(), changes=[ChangeOut.from_domain(one) for one in changes]
        )

    @post("/api/payments/refund", status=201, permission=MOVE_MONEY, idempotent=True, tags=TAGS)
    async def refund(self, call: Call, body: RefundIn) -> RefundOut:
        """Give money back, all of it or a part; never more than was taken, whoever asks at the same time.

        Without an Idempotency-Key the same part within ten minutes is a 409 `refund_repeated` with a `confirmation`.
        """
        payment = body.payment_id or (body.booking_id and await self._overview.find_payment_id(body.booking_id))
        if payment is None:
            raise InvalidRequest(errors=(FieldError("/payment_id", "missing", "a payment_id or a booking_id"),))
        if (body.amount is None) != (body.currency is None):
            raise InvalidRequest(errors=(FieldError("/currency", "missing", "amount and currency go together"),))
        amount = Money(body.amount, body.currency) if body.amount is not None and body.currency else None
        keyed = call.idempotency_key is not None
        refund = await self._refunds.request_refund(
            payment, amount=amount, reason=body.reason, has_idempotency_key=keyed, confirmation=body.confirmation
        )
        return RefundOut.from_domain(refund)

    @get("/api/payments/refunds", permission=READ_MONEY, tags=TAGS)
    async def refunds(self, call: Call, query: RefundQuery) -> list[RefundOut]:
        """The refunds of a payment, also those made at the provider."""
        return [RefundOut.from_domain(one) for one in await self._overview.list_refunds(query.payment_id)]

    @get("/api/v1/attention", permission=READ_MONEY, tags=TAGS)
    async def attention(self, call: Call, query: MatterQuery) -> Page[MatterOut]:
        """What waits for a person, the oldest first."""
        found, total = await self._attention.list_items(
            open_only=query.open_only, page=query.page, page_size=query.page_size
        )
        items = [MatterOut.from_domain(one) for one in found]
        return Page[MatterOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @post("/api/v1/attention/{matter_id}/resolve", permission=MANAGE_CUSTOMERS, tags=TAGS)
    async def resolve(self, call: Call, matter_id: UUID, body: Resolution) -> MatterOut:
        """Close a matter, with what was done about it."""
        return MatterOut.from_domain(await self._attention.resolve_item(matter_id, body.note))


def _csv(found: list[LedgerTransaction]) -> str:
    out = io.StringIO()
    rows = csv.writer(out)
    names = "id at kind amount currency display booking_id reference payment_id customer_id provider provider_id actor"
    rows.writerow(names.split())
    for one in found:
        facts = (one.id, one.at.isoformat(), one.kind, one.money.amount, one.money.currency, one.money.display)
        whose = (one.booking_id, one.reference, one.payment_id, one.customer_id)
        rows.writerow(map(_cell, (*facts, *whose, one.provider, one.provider_id or "", one.actor)))
    return out.getvalue()


def _cell(value: object) -> str:
    """What a spreadsheet would take for a formula becomes text."""
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
