"""What the operator's people see of travellers, and do for them. Who may is decided before, at the gate."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.core.clock import Clock
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import Conflict, NotFound
from hub.core.money import Money
from hub.oversight.audit import AuditLog
from hub.people.identity import Lockout

SQL = load_queries("administration")


@dataclass(frozen=True, slots=True)
class CustomerSummary:
    """A traveller in a list; `bookings` is how many they have made."""

    id: UUID
    email: str
    name: str
    phone: str | None
    created_at: datetime
    verified_at: datetime | None
    erased_at: datetime | None
    bookings: int


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    paid: Money
    refunded: Money


@dataclass(frozen=True, slots=True)
class CustomerDetail:
    """All that the first look at a traveller needs. `session_count` is how many stand."""

    summary: CustomerSummary
    session_count: int
    has_second_factor: bool
    bookings_by_status: dict[str, int]
    spend: tuple[CurrencyTotal, ...]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit."""

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


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which acts. `action` is a whole one, `session.started`, or all of a noun, `session`."""

    customer_id: UUID | None = None
    booking_id: UUID | None = None
    actor: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class CustomerAdmin:
    db: Database
    audit: AuditLog
    clock: Clock
    lockout: Lockout

    async def list_customers(self, text: str, *, page: int, page_size: int) -> tuple[list[CustomerSummary], int]:
        """Those that the text fits, the newest first; and how many they are."""
        given = (text, build_like_pattern(text))
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.customers, *given, page_size, (page - 1) * page_size)
            total = await tx.fetchval(SQL.count_customers, *given)
        return [CustomerSummary(**row) for row in rows], total

    async def view_customer(self, customer_id: UUID) -> CustomerDetail:
        """Raises NotFound. That somebody has looked is written down."""
        async with self.db.transaction() as tx:
            row = await self._find(tx, customer_id)
            statuses = await tx.fetch(SQL.bookings_by_status, customer_id)
            spend = await tx.fetch(SQL.spend, customer_id)
            await self.audit.record_action(tx, "customer.viewed", customer_id=customer_id)
        return CustomerDetail(
            summary=CustomerSummary(**{name: row[name] for name in CustomerSummary.__slots__}),
            session_count=row["sessions"],
            has_second_factor=row["second_factor"],
            bookings_by_status={one["status"]: one["bookings"] for one in statuses},
            spend=tuple(_spend(one) for one in spend),
        )

    async def unlock_account(self, customer_id: UUID) -> None:
        """Forgets the failed sign-ins of the account. Raises NotFound."""
        async with self.db.transaction() as tx:
            row = await self._find(tx, customer_id)
            await self.lockout.reset_account_failures(tx, row["email"])
            await self.audit.record_action(tx, "customer.unlocked", customer_id=customer_id)

    async def end_sessions(self, customer_id: UUID) -> int:
        """How many have been ended. Access tokens that are out open neither money nor the account any more."""
        async with self.db.transaction() as tx:
            await self._find(tx, customer_id)
            ended = await tx.fetch(SQL.end_sessions, customer_id, self.clock.now())
            await self.audit.record_action(tx, "session.all_ended", customer_id=customer_id, count=len(ended))
        return len(ended)

    async def reset_second_factor(self, customer_id: UUID) -> None:
        """For who has lost the telephone and the recovery codes. Every session ends. Raises NotFound, Conflict."""
        async with self.db.transaction() as tx:
            await self._find(tx, customer_id)
            if await tx.fetchval(SQL.forget_second_factor, customer_id) is None:
                raise Conflict("There is no second factor.", code="second_factor_off")
            await tx.execute(SQL.forget_recovery_codes, customer_id)
            await tx.fetch(SQL.end_sessions, customer_id, self.clock.now())
            await self.audit.record_action(tx, "second_factor.reset", customer_id=customer_id)

    async def list_audit_entries(
        self, wanted: AuditFilter, *, page: int, page_size: int
    ) -> tuple[list[AuditEntry], int]:
        """The newest first; and how many there are."""
        given = (wanted.customer_id, wanted.booking_id, wanted.actor, wanted.action)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.acts, *given, page_size, (page - 1) * page_size)
            total = await tx.fetchval(SQL.count_acts, *given)
        return [AuditEntry(**row) for row in rows], total

    async def _find(self, tx: Tx, customer_id: UUID) -> Any:
        row = await tx.fetchrow(SQL.customer, customer_id, self.clock.now())
        if row is None:
            raise NotFound(code="customer_not_found")
        return row


def build_like_pattern(text: str) -> str:
    """For ILIKE: whatever contains the text, its own wildcards taken as they are."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _spend(row: Any) -> CurrencyTotal:
    return CurrencyTotal(Money(row["paid"], row["currency"]), Money(row["refunded"], row["currency"]))
