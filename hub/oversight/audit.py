"""Who did what: one row per act, written in the transaction of the act itself."""

from typing import Any
from uuid import UUID

from hub.core.clock import Clock
from hub.core.context import current_context
from hub.core.db import Tx, load_queries

SQL = load_queries("audit")


class AuditLog:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def record_action(
        self, tx: Tx, action: str, *, customer_id: UUID | None = None, booking_id: UUID | None = None, **data: Any
    ) -> None:
        """`action` is `noun.verb_result`. Who, from where and for which request come from the context.

        `data` holds what a later reader needs, and neither secrets nor personal data.
        """
        context = current_context()
        async with tx.as_hub():
            await tx.execute(
                SQL.record,
                self._clock.now(),
                context.actor,
                action,
                customer_id,
                booking_id or context.booking_id,
                context.request_id,
                context.ip,
                context.user_agent,
                data,
            )
