"""What the operator's people see of travellers, and do for them. Who may is decided before, at the gate."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.core.clock import Clock
from hub.core.db import Database, Tx, named_queries
from hub.core.errors import Conflict, NotFound
from hub.core.money import Money
from hub.oversight.audit import Audit
from hub.people.identity.lockout import Lockout

SQL = named_queries("administration")


@dataclass(frozen=True, slots=True)
class Listed:
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
class Spend:
    paid: Money
    refunded: Money


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that the first look at a traveller needs. `sessions` is how many stand."""

    customer: Listed
    sessions: int
    second_factor: bool
    bookings_by_status: dict[str, int]
    spend: tuple[Spend, ...]


@dataclass(frozen=True, slots=True)
class Act:
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
class Wanted:
    """Which acts. `action` is a whole one, `session.started`, or all of a noun, `session`."""

    customer_id: UUID | None = None
    booking_id: UUID | None = None
    actor: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Backoffice:
    db: Database
    audit: Audit
    clock: Clock
    lockout: Lockout

    async def customers(self, text: str, *, page: int, page_size: int) -> tuple[list[Listed], int]:
        """Those that the text fits, the newest first; and how many they are."""
        given = (text, like_pattern(text))
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.customers, *given, page_size, (page - 1) * page_size)
            total = await tx.fetchval(SQL.count_customers, *given)
        return [Listed(**row) for row in rows], total

    async def customer(self, customer_id: UUID) -> Dossier:
        """Raises NotFound. That somebody has looked is written down."""
        async with self.db.transaction() as tx:
            row = await self._find(tx, customer_id)
            statuses = await tx.fetch(SQL.bookings_by_status, customer_id)
            spend = await tx.fetch(SQL.spend, customer_id)
            await self.audit.record(tx, "customer.viewed", customer_id=customer_id)
        return Dossier(
            customer=Listed(**{name: row[name] for name in Listed.__slots__}),
            sessions=row["sessions"],
            second_factor=row["second_factor"],
            bookings_by_status={one["status"]: one["bookings"] for one in statuses},
            spend=tuple(_spend(one) for one in spend),
        )

    async def unlock(self, customer_id: UUID) -> None:
        """Forgets the failed sign-ins of the account. Raises NotFound."""
        async with self.db.transaction() as tx:
            row = await self._find(tx, customer_id)
            await self.lockout.forgiven(tx, row["email"])
            await self.audit.record(tx, "customer.unlocked", customer_id=customer_id)

    async def end_sessions(self, customer_id: UUID) -> int:
        """How many have been ended. Access tokens that are out open neither money nor the account any more."""
        async with self.db.transaction() as tx:
            await self._find(tx, customer_id)
            ended = await tx.fetch(SQL.end_sessions, customer_id, self.clock.now())
            await self.audit.record(tx, "session.all_ended", customer_id=customer_id, count=len(ended))
        return len(ended)

    async def reset_second_factor(self, customer_id: UUID) -> None:
        """For who has lost the telephone and the recovery codes. Every session ends. Raises NotFound, Conflict."""
        async with self.db.transaction() as tx:
            await self._find(tx, customer_id)
            if await tx.fetchval(SQL.forget_second_factor, customer_id) is None:
                raise Conflict("There is no second factor.", code="second_factor_off")
            await tx.execute(SQL.forget_recovery_codes, customer_id)
            await tx.fetch(SQL.end_sessions, customer_id, self.clock.now())
            await self.audit.record(tx, "second_factor.reset", customer_id=customer_id)

    async def acts(self, wanted: Wanted, *, page: int, page_size: int) -> tuple[list[Act], int]:
        """The newest first; and how many there are."""
        given = (wanted.customer_id, wanted.booking_id, wanted.actor, wanted.action)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.acts, *given, page_size, (page - 1) * page_size)
            total = await tx.fetchval(SQL.count_acts, *given)
        return [Act(**row) for row in rows], total

    async def _find(self, tx: Tx, customer_id: UUID) -> Any:
        row = await tx.fetchrow(SQL.customer, customer_id, self.clock.now())
        if row is None:
            raise NotFound(code="customer_not_found")
        return row


def like_pattern(text: str) -> str:
    """For ILIKE: whatever contains the text, its own wildcards taken as they are."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _spend(row: Any) -> Spend:
    return Spend(Money(row["paid"], row["currency"]), Money(row["refunded"], row["currency"]))
