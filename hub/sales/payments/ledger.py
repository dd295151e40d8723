"""Double entry: where the money of a booking is, and the proof that none of it is lost.

    authorise     traveller -> held            capture   held -> taken         release   held -> traveller
    refund        taken -> traveller           refund_failed  taken <- traveller
    dispute       taken -> disputed            dispute_won    taken <- disputed
    dispute_lost  disputed -> traveller        dispute_reopened  disputed <- traveller
    fee           provider -> fees             write_off  taken -> written_off

Whatever one account gains another loses, so in each currency the accounts of a booking add up to nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.context import current_context
from hub.core.db import Tx, load_queries
from hub.core.money import Money

SQL = load_queries("ledger")

TransactionKind = Literal[
    "authorise", "release", "capture", "refund", "refund_failed", "dispute", "dispute_won", "dispute_lost",
    "dispute_reopened", "fee", "write_off",
]  # fmt: skip
POSTING_ACCOUNTS: Mapping[str, tuple[str, str]] = MappingProxyType({
    "authorise": ("traveller", "held"),
    "release": ("held", "traveller"),
    "capture": ("held", "taken"),
    "refund": ("taken", "traveller"),
    "refund_failed": ("traveller", "taken"),
    "dispute": ("taken", "disputed"),
    "dispute_won": ("disputed", "taken"),
    "dispute_lost": ("disputed", "traveller"),
    "dispute_reopened": ("traveller", "disputed"),
    "fee": ("provider", "fees"),
    "write_off": ("taken", "written_off"),
})  # fmt: skip
"""From which account to which."""


@dataclass(frozen=True, slots=True)
class TransactionOwner:
    """Whose movement it is."""

    payment_id: UUID
    booking_id: UUID
    customer_id: UUID
    provider: str


@dataclass(frozen=True, slots=True)
class Imbalance:
    """Something that the books do not agree on. `rule` names the sentence that is not true."""

    rule: str
    subject: UUID
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ledger:
    clock: Clock
    ids: IdGenerator

    async def post_transaction(
        self, tx: Tx, owner: TransactionOwner, kind: TransactionKind, money: Money, provider_id: str | None = None
    ) -> None:
        """One movement, in the transaction of its cause. Nothing moves for an amount of 0."""
        if money.amount == 0:
            return
        number, (source, target) = self.ids.new_uuid(), POSTING_ACCOUNTS[kind]
        await tx.execute(
            SQL.insert_transaction,
            number, owner.payment_id, owner.booking_id, owner.customer_id, kind, money.amount, money.currency,
            owner.provider, provider_id, current_context().actor, self.clock.now(),
        )  # fmt: skip
        await tx.execute(SQL.insert_postings, number, source, target, money.amount)

    async def get_balances(self, tx: Tx, payment_id: UUID) -> dict[str, int]:
        """Of the accounts of one payment, in minor units of its own currency."""
        return {row["account"]: row["balance"] for row in await tx.fetch(SQL.balances, payment_id)}


async def find_imbalances(tx: Tx, since: datetime | None = None) -> list[Imbalance]:
    """Every rule over every payment that has moved since then; no line is the proof."""
    return [Imbalance(row["rule"], row["subject"], row["detail"]) for row in await tx.fetch(SQL.check, since)]
