"""A booking that belongs to nobody of the run, with a payment: a row among the others."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from simulation.environment import Environment

UNRELATED_ID = UUID(int=0x57A)
UNRELATED_AMOUNT = 1000
"""Minor units, in EUR."""

_BOOKING = (
    "id, reference, customer_id, amount, currency, offer_id, supplier, itinerary, sandbox, contact_email, created_at, "
    "updated_at, expires_at"
)
_ROWS = (
    ("customers", "id, email, name, created_at"),
    ("bookings", _BOOKING),
    ("payments", "id, booking_id, customer_id, provider, intent_id, amount, currency, created_at, updated_at"),
)


async def insert_unrelated_booking(stage: Environment, intent_id: str) -> UUID:
    """The id of the payment, which stands open at Stripe under `intent_id`. A sweep meets it before the others."""
    now, money = stage.clock.now(), (UNRELATED_AMOUNT, "EUR")
    values: tuple[tuple[Any, ...], ...] = (
        (UNRELATED_ID, "stranger@example.com", "A Stranger", now),
        (
            UNRELATED_ID, "STRANG", UNRELATED_ID, *money, "off_stranger", "kiwi", {}, True, "stranger@example.com",
            now, now, now + timedelta(days=30),
        ),
        (UNRELATED_ID, UNRELATED_ID, UNRELATED_ID, "stripe", intent_id, *money, now, now - timedelta(hours=1)),
    )  # fmt: skip
    for (table, columns), row in zip(_ROWS, values, strict=True):
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await stage.server.execute_statement(f"insert into {table} ({columns}) values ({places})", *row)  # noqa: S608 (constants)
    return UNRELATED_ID


async def is_failure_recorded(stage: Environment, payment_id: UUID) -> bool:
    """Whether the hub has recorded that it cannot process the payment."""
    query = (
        "select 1 from row_failures where payment_id = $1 union all "
        "select 1 from attention where kind = 'row_failed' and payment_id = $1"
    )
    return bool(await stage.server.fetch_rows(query, payment_id))
