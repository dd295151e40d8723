"""What a payment provider tells of its own account when it is asked in bulk."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from hub.core.inbox import VerifiedWebhook
from hub.core.money import Money
from hub.sales.payments.gateway import Intent


@dataclass(frozen=True, slots=True)
class BalanceMovement:
    """One line of the provider's balance. `amount` and `fee` as they change it, signed, in the currency it settles in.

    `is_charge` is the line of a charge itself; the others are refunds, disputes and what takes them back.
    """

    id: str
    intent_id: str
    is_charge: bool
    amount: Money
    fee: Money


@runtime_checkable
class StatementSource(Protocol):
    """A gateway whose account can be listed; not every provider has that. Raises ProviderError."""

    name: str

    async def list_intents(self, since: datetime) -> list[Intent]:
        """All that were made since then, as `read` shows them."""
        ...

    async def list_movements(self, since: datetime) -> list[BalanceMovement]:
        """The lines of the balance since then that belong to an intent."""
        ...

    async def list_events(self, since: datetime, *, undelivered: bool = False) -> list[VerifiedWebhook]:
        """Those that may move a payment, the oldest first. `undelivered`: only those that nobody has taken."""
        ...
