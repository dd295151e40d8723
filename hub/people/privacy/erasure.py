"""An account's end: what nobody must keep is deleted, what the books need is kept without the person in it."""

from datetime import datetime
from uuid import UUID

from hub.core.db import Tx, load_queries
from hub.core.errors import Conflict, NotFound

SQL = load_queries("privacy")

ERASURE_QUERIES: tuple[tuple[str, str], ...] = (
    ("suppressions", SQL.erase_suppressions),
    ("messages", SQL.erase_messages),
    ("message_reports", SQL.erase_message_reports),
    ("booking_travelers", SQL.erase_booking_travelers),
    ("attention", SQL.erase_attention),
    ("supplier_orders", SQL.erase_supplier_orders),
    ("webhook_events", SQL.erase_webhook_events),
    ("idempotency_keys", SQL.erase_idempotency_keys),
    ("invoices", SQL.erase_invoices),
    ("payment_pages", SQL.erase_payment_pages),
    ("bookings", SQL.erase_bookings),
    ("trip_plans", SQL.erase_trip_plans),
    ("one_time_tokens", SQL.erase_one_time_tokens),
    ("recovery_codes", SQL.erase_recovery_codes),
    ("second_factors", SQL.erase_second_factors),
    ("credentials", SQL.erase_credentials),
    ("registrations", SQL.erase_registrations),
    ("refresh_tokens", SQL.erase_refresh_tokens),
    ("devices", SQL.erase_devices),
    ("addresses", SQL.erase_addresses),
    ("preferences", SQL.erase_preferences),
    ("sessions", SQL.erase_sessions),
)
"""One statement a table, in this order: the first looks at addresses that the others remove."""


async def check_no_open_bookings(tx: Tx, customer_id: UUID, now: datetime) -> None:
    """Raises Conflict `open_bookings` with their references in `references`, NotFound for who is erased already."""
    if await tx.fetchval(SQL.lock_customer, customer_id) is None:
        raise NotFound("This account does not exist any more.", code="customer_not_found")
    found = [row["reference"] for row in await tx.fetch(SQL.open_bookings, customer_id, now)]
    if found:
        text = f"These bookings have to end, and their money to be settled, first: {', '.join(found)}."
        raise Conflict(text, code="open_bookings", references=found)


async def anonymize_customer(tx: Tx, customer_id: UUID, now: datetime) -> dict[str, int]:
    """How many rows of each table have changed.

    May be repeated. The audit trail is left for `anonymize_audit_trail`.
    """
    await tx.execute(SQL.end_sessions, customer_id, now)
    done = {table: _count(await tx.execute(query, customer_id)) for table, query in ERASURE_QUERIES}
    await tx.execute(SQL.erase_customer, customer_id, now)
    return {table: count for table, count in done.items() if count}


async def anonymize_audit_trail(tx: Tx, customer_id: UUID) -> None:
    """Who did what stays, from where does not; last, because the erasure itself is written there."""
    await tx.execute(SQL.erase_audit_logs, customer_id)


def _count(status: str) -> int:
    """From PostgreSQL's `UPDATE 3`."""
    return int(status.rpartition(" ")[2])
