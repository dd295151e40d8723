"""What the tests of identity share: a clock that is moved by hand, and somebody to be."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hub.core.db import Database

START = datetime(2027, 3, 1, 12, tzinfo=UTC)


@dataclass
class HandClock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


async def somebody(db: Database, email: str = "ada@example.com") -> UUID:
    """A customer with a confirmed address."""
    customer = uuid4()
    async with db.transaction() as tx:
        await tx.execute(
            "insert into customers (id, email, name, created_at, verified_at) values ($1, $2, 'Ada', $3, $3)",
            customer,
            email,
            START,
        )
    return customer
