"""Two travellers, and what they have in the database."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from hub.core.db import Database
from hub.people.identity import Caller

ADA, BEN = Caller(UUID(int=1)), Caller(UUID(int=2))
"""The first two whom the toy API knows."""
NOW = datetime(2027, 1, 1, tzinfo=UTC)


async def insert(tx: Any, table: str, **row: Any) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await tx.execute(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())


async def insert_customer(tx: Any, customer_id: UUID) -> None:
    await insert(tx, "customers", id=customer_id, email=f"{customer_id}@example.com", name="Ada", created_at=NOW)


async def insert_payment(tx: Any, customer_id: UUID, currency: str, captured: int = 0, refunded: int = 0) -> UUID:
    """A payment with a booking of its own."""
    made, times = uuid4(), {"created_at": NOW, "updated_at": NOW}
    price = {"amount": 10**12, "currency": currency}
    await insert(
        tx, "bookings", id=made, reference=str(made), customer_id=customer_id, **price, offer_id="o", supplier="kiwi",
        itinerary="{}", sandbox=True, contact_email="a@example.com", **times, expires_at=NOW,
    )  # fmt: skip
    await insert(
        tx, "payments", id=made, booking_id=made, customer_id=customer_id, provider="stripe", **price,
        captured=captured, refunded=refunded, **times,
    )  # fmt: skip
    return made


async def audited(db: Database, who: Caller) -> list[tuple[str, dict[str, Any]]]:
    query = "select action, data from audit_logs where customer_id = $1 order by id"
    async with db.transaction() as tx:
        return [(row["action"], row["data"]) for row in await tx.fetch(query, who.id)]
