"""Guessing passwords is slow, and nobody is locked out by somebody else's guesses.

Failures are counted for the account, for the network they come from and for the device that is known to the account.
From the fifth on strangers to an account wait, 30 seconds and twice as long after each further failure, never longer
than 15 minutes: that is 12 guesses in the first hour and 4 in each one after. A device that has signed in before does
not wait for what strangers do: it is counted by itself, and ten failures make it a stranger, but for one attempt after
each wait of its own, which nobody can take from it. What is counted for strangers is taken back by a stranger's right
password or by a reset, never by a known device: else its owner would hand out new guesses with every sign-in. A
network loses only the one attempt that was right, or whoever has one account of their own could guess at all others
for ever.
"""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple
from unicodedata import combining, normalize
from uuid import UUID

from hub.core.clock import Clock
from hub.core.context import current_context
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import TooManyRequests
from hub.core.jobs import every
from hub.core.sealing import SecretBox

SQL = load_queries("lockout")

LockoutScope = Literal["account", "device", "network"]
FREE_FAILURES: dict[LockoutScope, int] = {"account": 5, "device": 10, "network": 20}
"""Failures that cost no time."""
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 30.0, 900.0
"""Seconds."""
FAILURE_LIFETIME = timedelta(hours=24)
"""Without a new failure."""


class _Subject(NamedTuple):
    scope: LockoutScope
    mark: bytes


@dataclass(frozen=True, slots=True)
class Lockout:
    """`device_id` is a device that the account knows; `network` is where the client is, empty if nobody knows."""

    db: Database
    clock: Clock
    secret_box: SecretBox

    async def count_attempt(self, tx: Tx, email: str, network: str, device_id: UUID | None) -> None:
        """Counts a failure in advance: a hundred guesses at once are a hundred.

        Raises TooManyRequests `too_many_failures`, the same for addresses that nobody has. The error has to end the
        transaction: then nothing has been counted, and waiting is never prolonged by asking too early.
        """
        async with tx.as_hub():
            if device_id is not None and not await self._refused(tx, [self._device(device_id)]):
                return
            refused = await self._refused(tx, self._strangers(email, network))
            if refused:
                raise TooManyRequests(
                    "Too many failed attempts; wait, or reset the password.",
                    code="too_many_failures",
                    retry_after=await self._wait(tx, refused),
                )

    async def clear_attempt(self, tx: Tx, email: str, network: str, device_id: UUID | None) -> None:
        """The attempt was no failure: a device starts anew, and strangers do after one of them was right."""
        async with tx.as_hub():
            if device_id is not None:
                await tx.execute(SQL.forgive, *self._device(device_id))
                return
            account, *networks = self._strangers(email, network)
            await tx.execute(SQL.forgive, *account)
            for one in networks:
                await tx.execute(SQL.take_back, *one)

    async def withdraw_attempt(self, tx: Tx, email: str, network: str, device_id: UUID | None) -> None:
        """The attempt has not been judged, because who knows the passwords was away: it does not count."""
        device = [self._device(device_id)] if device_id is not None else None
        async with tx.as_hub():
            for one in device or self._strangers(email, network):
                await tx.execute(SQL.take_back, *one)

    async def reset_account_failures(self, tx: Tx, email: str) -> None:
        """The account's owner has shown themselves: strangers start anew."""
        async with tx.as_hub():
            await tx.execute(SQL.forgive, *self._account(email))

    @every(3600, "lockout.forget")
    async def delete_expired_failures(self) -> None:
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget, self.clock.now() - FAILURE_LIFETIME)

    async def _refused(self, tx: Tx, subjects: list[_Subject]) -> list[_Subject]:
        """Those that have to wait. The lock on their rows makes attempts that come at once stand in line."""
        now = self.clock.now()
        rows = await tx.fetch(
            SQL.count, *_columns(subjects), FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS, now, now - FAILURE_LIFETIME
        )
        counted = {row["scope"] for row in rows}
        return [one for one in subjects if one.scope not in counted]

    async def _wait(self, tx: Tx, subjects: list[_Subject]) -> float:
        """Seconds until the last of them may try again."""
        found = await tx.fetchval(SQL.wait, *_columns(subjects), FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS, self.clock.now())
        return max(1.0, float(found or 0))

    def _strangers(self, email: str, network: str) -> list[_Subject]:
        """Always in this order, so that no two attempts wait for each other. A proxy's address is nobody's network."""
        where = None if current_context().behind_proxy else _network(network)
        account = self._account(email)
        return (
            [account]
            if where is None
            else [account, _Subject("network", self.secret_box.compute_keyed_hash("network", where))]
        )

    def _account(self, email: str) -> _Subject:
        return _Subject("account", self.secret_box.compute_keyed_hash("account", _folded(email)))

    def _device(self, device_id: UUID) -> _Subject:
        return _Subject("device", self.secret_box.compute_keyed_hash("device", str(device_id)))


def _columns(subjects: list[_Subject]) -> tuple[list[LockoutScope], list[bytes], list[int]]:
    return (
        [one.scope for one in subjects],
        [one.mark for one in subjects],
        [FREE_FAILURES[one.scope] for one in subjects],
    )


def _network(ip: str) -> str | None:
    """Who owns one IPv6 address owns its whole /64. None for what is no address: it would be everybody's."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))


def _folded(email: str) -> str:
    """One spelling for all that a database may find the account by, whatever its collation: `İ` is its `i`, too.

    Python's lower case is not PostgreSQL's, and each spelling apart would be five guesses more.
    """
    plain = normalize("NFKD", normalize("NFKD", email).casefold())
    return "".join(letter for letter in plain if not combining(letter)).replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")
