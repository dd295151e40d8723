"""Who a traveller is to the hub, what they prefer, and what they have earned."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Unpack
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import NotFound
from hub.core.money import Money
from hub.oversight.audit import AuditLog
from hub.people.customers.addresses import AddressBook
from hub.people.customers.model import (
    CurrencyTotal,
    Customer,
    CustomerStats,
    LoyaltyEntry,
    PreferenceChange,
    Preferences,
    ProfileChange,
)
from hub.people.identity import Caller

SQL = load_queries("customers")

_CONSENTS = ("newsletter", "marketing_sms")


@dataclass(frozen=True, slots=True)
class Customers:
    """Raises NotFound `customer_not_found` where the account has been erased since the token was issued."""

    db: Database
    audit: AuditLog
    clock: Clock
    ids: IdGenerator

    @property
    def address_book(self) -> AddressBook:
        return AddressBook(self.db, self.audit, self.clock, self.ids)

    async def get_profile(self, caller: Caller) -> Customer:
        async with self.db.transaction(caller.id) as tx:
            return _customer(await tx.fetchrow(SQL.me))

    async def find_customer(self, tx: Tx, customer_id: UUID) -> Customer:
        """Also one who has been erased."""
        return _customer(await tx.fetchrow(SQL.find, customer_id))

    async def store_payment_customer(self, tx: Tx, customer_id: UUID, payment_customer_id: str, account: str) -> str:
        """Stores their id at the payment provider; in each account the first one stored is the one that counts."""
        kept: str = await tx.fetchval(SQL.set_payment_customer, customer_id, payment_customer_id, account)
        return kept

    async def drop_payment_customer(self, tx: Tx, customer_id: UUID, payment_customer_id: str) -> None:
        """Forgets an id that the payment provider does not know any more, unless another is stored by now."""
        await tx.execute(SQL.lose_payment_customer, customer_id, payment_customer_id)

    async def change_profile(self, caller: Caller, **changes: Unpack[ProfileChange]) -> Customer:
        """The e-mail address is not changed here: it has to be confirmed first."""
        async with self.db.transaction(caller.id) as tx, tx.as_hub():
            was = _customer(await tx.fetchrow(SQL.lock, caller.id))
            now = replace(was, **changes)
            if changed := _differing(was, now):
                await tx.execute(SQL.change_profile, caller.id, now.name, now.phone, self.clock.now())
                await self.audit.record_action(tx, "customer.changed", customer_id=caller.id, fields=changed)
            return now

    async def get_preferences(self, caller: Caller) -> Preferences:
        """Where nothing has been said yet, the defaults."""
        async with self.db.transaction(caller.id) as tx:
            row = await tx.fetchrow(SQL.preferences)
        return Preferences(**row) if row else Preferences()

    async def change_preferences(self, caller: Caller, **changes: Unpack[PreferenceChange]) -> Preferences:
        """The audit names what has changed; of consents it keeps the answer, which must be provable later."""
        async with self.db.transaction(caller.id) as tx:
            async with tx.as_hub():
                _customer(await tx.fetchrow(SQL.lock, caller.id))
            row = await tx.fetchrow(SQL.preferences)
            was = Preferences(**row) if row else Preferences()
            now = replace(was, **changes)
            if not (changed := _differing(was, now)):
                return was
            now = replace(now, updated_at=self.clock.now())
            consents = {name: getattr(now, name) for name in _CONSENTS if name in changed}
            async with tx.as_hub():
                await tx.execute(SQL.keep_preferences, caller.id, *asdict(now).values())
                await self.audit.record_action(
                    tx, "preferences.changed", customer_id=caller.id, fields=changed, **consents
                )
            return now

    async def get_stats(self, caller: Caller) -> CustomerStats:
        """What they have paid and earned so far."""
        async with self.db.transaction(caller.id) as tx:
            row = await tx.fetchrow(SQL.stats)
            spend = tuple(_spend(**one) for one in await tx.fetch(SQL.spend))
        return CustomerStats(**row, spend=spend) if row else CustomerStats()

    async def list_loyalty_entries(
        self, caller: Caller, *, page: int, page_size: int
    ) -> tuple[list[LoyaltyEntry], int]:
        """How the points came about, the newest first, and how many entries there are."""
        async with self.db.transaction(caller.id) as tx:
            rows = await tx.fetch(SQL.loyalty, page_size, (page - 1) * page_size)
            return [LoyaltyEntry(**row) for row in rows], await tx.fetchval(SQL.count_loyalty)


def _customer(row: Any) -> Customer:
    if row is None:
        raise NotFound("This account does not exist any more.", code="customer_not_found")
    return Customer(**row)


def _spend(currency: str, paid: int, refunded: int) -> CurrencyTotal:
    return CurrencyTotal(Money(paid, currency), Money(refunded, currency))


def _differing(was: Any, now: Any) -> list[str]:
    return [one.name for one in fields(was) if getattr(was, one.name) != getattr(now, one.name)]
