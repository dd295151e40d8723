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

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import Conflict, FieldError
from hub.people.identity.model import Identity, NewAccount
from hub.people.identity.one_time_links import hash_token
from hub.people.identity.passwords import PasswordHasher

SQL = load_queries("registrations")


@dataclass(frozen=True, slots=True)
class RegistrationAttempt:
    """A registration as it is made. `pending_customer_id`: whose registration waits already for the address.

    `repeats_password`: that one has the same password; `is_disputed`: it is disputed already.
    """

    account: NewAccount
    password_hash: str = field(repr=False)
    secret: str = field(repr=False)
    pending_customer_id: UUID | None
    repeats_password: bool
    is_disputed: bool


@dataclass(frozen=True, slots=True)
class Registrations:
    db: Database
    password_hasher: PasswordHasher
    clock: Clock
    ids: IdGenerator

    async def prepare_attempt(self, account: NewAccount) -> RegistrationAttempt:
        """Takes as long for every address: it hashes for nobody, too."""
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.find_pending, account.email)
        repeats = await self.password_hasher.verify_password(row["password_hash"] if row else None, account.password)
        hashed = await self.password_hasher.hash_password(account.password)
        pending, disputed = (row["customer_id"], row["disputed"]) if row else (None, False)
        return RegistrationAttempt(account, hashed, self.ids.new_token(), pending, repeats, disputed)

    async def record_attempt(self, tx: Tx, customer_id: UUID, attempt: RegistrationAttempt) -> None:
        """Takes the place of the registration before."""
        account = attempt.account
        disputed: bool | None = await tx.fetchval(
            SQL.record, customer_id, attempt.password_hash, account.name, account.phone, hash_token(attempt.secret),
            self.clock.now(), attempt.repeats_password,
        )  # fmt: skip
        if disputed:
            await self._set_name(tx, customer_id, None)

    async def dispute_registration(self, tx: Tx, customer_id: UUID) -> None:
        await tx.execute(SQL.dispute, customer_id)
        await self._set_name(tx, customer_id, None)

    async def delete_confirmed(self, tx: Tx) -> None:
        await tx.execute(SQL.forget_confirmed)

    async def find_foreign_registration(self, tx: Tx, email: str, secret: str | None) -> Identity | None:
        """Whose undisputed registration waits for that address, unless it is that of the device with the secret."""
        row = await tx.fetchrow(SQL.find_pending, email)
        if row is None or row["disputed"] or _is_secret(secret, row["secret_hash"]):
            return None
        return Identity(row["customer_id"], email)

    async def confirm_registration(
        self, tx: Tx, customer_id: UUID, secret: str | None, *, has_new_password: bool, is_local: bool
    ) -> str:
        """The address is confirmed. The hash of the password that holds, empty where the registration has none.

        `has_new_password`: a password was sent with the link. `is_local`: this registration's password is kept by the
        hub, so that its secret is enough in a dispute. Raises Conflict `password_required`.
        """
        row = await tx.fetchrow(SQL.take, customer_id)
        if row is None:
            return ""
        owned = not row["disputed"] or _is_secret(secret, row["secret_hash"])
        if not has_new_password and not (owned and (is_local or not row["disputed"])):
            raise _password_required()
        await self._set_name(tx, customer_id, row if owned else None)
        return str(row["password_hash"])

    async def supersede_registration(self, tx: Tx, customer_id: UUID, secret: str | None) -> None:
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
    return secret is not None and hmac.compare_digest(hash_token(secret), secret_hash)
