"""A traveller's address book: at most 20, one of them the default."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import Conflict, NotFound
from hub.oversight.audit import AuditLog
from hub.people.customers.model import Address, NewAddress
from hub.people.identity import Caller

SQL = load_queries("customers")

MAX_ADDRESSES = 20


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Each method is one unit of work. An address of somebody else is NotFound."""

    db: Database
    audit: AuditLog
    clock: Clock
    ids: IdGenerator

    async def list_addresses(self, caller: Caller) -> tuple[Address, ...]:
        """The default one first, then the newest."""
        async with self.db.transaction(caller.id) as tx:
            return tuple(Address(**row) for row in await tx.fetch(SQL.addresses))

    async def add_address(self, caller: Caller, wanted: NewAddress) -> Address:
        """Raises Conflict when the book is full."""
        async with self._writing(caller) as tx:
            held = await tx.fetchval(SQL.count_addresses, caller.id)
            if held >= MAX_ADDRESSES:
                raise Conflict(f"There are {MAX_ADDRESSES} addresses already.", code="too_many_addresses")
            address_id = self.ids.new_uuid()
            await tx.execute(SQL.insert_address, address_id, caller.id, *_columns(wanted), self.clock.now())
            row = await self._chosen(tx, caller, address_id, default=wanted.is_default or held == 0)
            await self._audit(tx, "added", caller, address_id)
            return Address(**row)

    async def change_address(self, caller: Caller, address_id: UUID, wanted: NewAddress) -> Address:
        """Replaces the address. A default one stays it until another is chosen."""
        async with self._writing(caller) as tx:
            await tx.execute(SQL.change_address, address_id, caller.id, *_columns(wanted), self.clock.now())
            row = await self._chosen(tx, caller, address_id, default=wanted.is_default)
            await self._audit(tx, "changed", caller, address_id)
            return Address(**row)

    async def remove_address(self, caller: Caller, address_id: UUID) -> None:
        """After the default one the newest of the others takes its place."""
        async with self._writing(caller) as tx:
            was_default = await tx.fetchval(SQL.delete_address, address_id, caller.id)
            if was_default is None:
                raise _unknown()
            if was_default:
                await tx.execute(SQL.set_newest_default, caller.id)
            await self._audit(tx, "removed", caller, address_id)

    async def set_default_address(self, caller: Caller, address_id: UUID) -> Address:
        async with self._writing(caller) as tx:
            row = await self._chosen(tx, caller, address_id, default=True)
            await self._audit(tx, "made_default", caller, address_id)
            return Address(**row)

    @asynccontextmanager
    async def _writing(self, caller: Caller) -> AsyncIterator[Tx]:
        """One writer at a time in each book: the limit and the one default hold."""
        async with self.db.transaction(caller.id) as tx, tx.as_hub():
            if await tx.fetchrow(SQL.lock, caller.id) is None:
                raise NotFound(code="customer_not_found")
            yield tx

    async def _chosen(self, tx: Tx, caller: Caller, address_id: UUID, *, default: bool) -> Record:
        """The row, made the default one if that is asked. Raises NotFound."""
        if default:
            await tx.execute(SQL.unset_default, caller.id, address_id)
            await tx.execute(SQL.set_default, caller.id, address_id)
        row = await tx.fetchrow(SQL.address, address_id, caller.id)
        if row is None:
            raise _unknown()
        return row

    async def _audit(self, tx: Tx, act: str, caller: Caller, address_id: UUID) -> None:
        await self.audit.record_action(tx, f"address.{act}", customer_id=caller.id, address_id=str(address_id))


def _columns(wanted: NewAddress) -> tuple[object, ...]:
    """In the order of the fields, without `is_default`, which is chosen in a step of its own."""
    return astuple(wanted)[:9]


def _unknown() -> NotFound:
    return NotFound(code="address_not_found")
