"""Registrations whose address is not confirmed yet: who owns the address decides which password and name hold.

Anybody can register an address. The latest registration takes the place of the one before, whose links stop working.
The link that confirms an address brings the registration's password and name into force, unless they are disputed:

    registered once, or again with the same password       its password and name
    registered with different passwords, by whomever       a password that is sent with the link
    another link asked for by who did not register         a password that is sent with the link

The device that registered holds a secret. Where it comes with the link, the registration is that device's own.
"""

import hmac
from dataclasses import dataclass, field
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, Ids
from hub.core.db import Database, Tx, named_queries
from hub.core.errors import Conflict, FieldError
from hub.people.identity.model import Identity, NewAccount
from hub.people.identity.one_time_links import digest
from hub.people.identity.passwords import Passwords

SQL = named_queries("registrations")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A registration as it is made. `pending`: whose registration waits already for the address.

    `repeats`: that one has the same password; `disputed`: it is disputed already.
    """

    account: NewAccount
    password_hash: str = field(repr=False)
    secret: str = field(repr=False)
    pending: UUID | None
    repeats: bool
    disputed: bool


@dataclass(frozen=True, slots=True)
class Registrations:
    db: Database
    passwords: Passwords
    clock: Clock
    ids: Ids

    async def prepare(self, account: NewAccount) -> Attempt:
        """Takes as long for every address: it hashes for nobody, too."""
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.find_pending, account.email)
        repeats = await self.passwords.matches(row["password_hash"] if row else None, account.password)
        hashed = await self.passwords.hash(account.password)
        pending, disputed = (row["customer_id"], row["disputed"]) if row else (None, False)
        return Attempt(account, hashed, self.ids.token(), pending, repeats, disputed)

    async def record(self, tx: Tx, customer_id: UUID, attempt: Attempt) -> None:
        """Takes the place of the registration before."""
        account = attempt.account
        disputed: bool | None = await tx.fetchval(
            SQL.record, customer_id, attempt.password_hash, account.name, account.phone, digest(attempt.secret),
            self.clock.now(), attempt.repeats,
        )  # fmt: skip
        if disputed:
            await self._set_name(tx, customer_id, None)

    async def dispute(self, tx: Tx, customer_id: UUID) -> None:
        await tx.execute(SQL.dispute, customer_id)
        await self._set_name(tx, customer_id, None)

    async def forget(self, tx: Tx) -> None:
        await tx.execute(SQL.forget_confirmed)

    async def find_foreign(self, tx: Tx, email: str, secret: str | None) -> Identity | None:
        """Whose undisputed registration waits for that address, unless it is that of the device with the secret."""
        row = await tx.fetchrow(SQL.find_pending, email)
        if row is None or row["disputed"] or _is_secret(secret, row["secret_hash"]):
            return None
        return Identity(row["customer_id"], email)

    async def confirm(self, tx: Tx, customer_id: UUID, secret: str | None, *, chosen: bool, kept_here: bool) -> str:
        """The address is confirmed. The hash of the password that holds, empty where the registration has none.

        `chosen`: a password was sent with the link. `kept_here`: this registration's password is kept by the hub, so
        that its secret is enough in a dispute. Raises Conflict `password_required`.
        """
        row = await tx.fetchrow(SQL.take, customer_id)
        if row is None:
            return ""
        owned = not row["disputed"] or _is_secret(secret, row["secret_hash"])
        if not chosen and not (owned and (kept_here or not row["disputed"])):
            raise _password_required()
        await self._set_name(tx, customer_id, row if owned else None)
        return str(row["password_hash"])

    async def replace(self, tx: Tx, customer_id: UUID, secret: str | None) -> None:
        """The owner of the address sets a password by a link: only the registration's own device keeps its name."""
        row = await tx.fetchrow(SQL.take, customer_id)
        if row is not None:
            await self._set_name(tx, customer_id, row if _is_secret(secret, row["secret_hash"]) else None)

    async def _set_name(self, tx: Tx, customer_id: UUID, row: Record | None) -> None:
        """Name and telephone of the registration; None where it may be somebody else's."""
        name, phone = (row["name"], row["phone"]) if row is not None else ("", None)
        await tx.execute(SQL.set_name, customer_id, name, phone, self.clock.now())


def _password_required() -> Conflict:
    return Conflict(
        "This address was registered more than once. Choose the password of your account: send it with this link, "
        "or ask for a link to a new password.",
        code="password_required",
        errors=(FieldError("/password", "password_required", "choose a password"),),
    )


def _is_secret(secret: str | None, secret_hash: bytes) -> bool:
    return secret is not None and hmac.compare_digest(digest(secret), secret_hash)
