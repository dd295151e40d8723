"""A request that comes twice under one key is done once: the second gets the answer of the first.

Only an answer that did something is kept. A request that was refused or has failed gives its key back, so that it can
be corrected or tried again under the same key. A process that dies in the middle leaves its key in flight; after the
lease the same request takes it over and is done again. So the effect itself must also bear a repetition, by a unique
fact of its own in the database: this table spares work and answers, it does not replace that.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import asyncpg

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import BadRequest, Conflict, FieldError, InvalidRequest
from hub.core.jobs import every

SQL = load_queries("idempotency")

KEY_LIFETIME = timedelta(hours=24)
CLAIM_LEASE = timedelta(seconds=60)
"""Longer than any request's deadline: what is older belongs to a process that is dead."""

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_POINTER = "/header/Idempotency-Key"


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """The right to do the request, once."""

    caller: str
    route: str
    key: str
    claim_id: UUID


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What was answered, byte for byte."""

    status: int
    headers: dict[str, str]
    body: bytes


def validate_key(key: str) -> str:
    """Raises BadRequest unless it is 1 to 255 printable ASCII characters."""
    if not _KEY.fullmatch(key):
        error = FieldError(_POINTER, "bad_idempotency_key", "1 to 255 printable ASCII characters")
        raise BadRequest("The Idempotency-Key cannot be used.", code="bad_idempotency_key", errors=(error,))
    return key


def fingerprint_request(path: str, body: bytes) -> bytes:
    """What makes two requests of one route the same one: the path with its parameters, and the raw body."""
    return sha256(path.encode("utf-8", "surrogatepass") + b"\n" + body).digest()


class IdempotencyKeys:
    """Claims, keeps and releases keys; each step is a short transaction of its own."""

    def __init__(self, db: Database, clock: Clock, ids: IdGenerator) -> None:
        self._db = db
        self._clock = clock
        self._ids = ids

    async def claim_key(self, caller: str, route: str, key: str, mark: bytes) -> KeyClaim | StoredResponse:
        """The right to go on, or the answer that was given before. `mark` is the request's fingerprint.

        Raises InvalidRequest when the key was used for another body, and Conflict while the same request is in flight.
        """
        now, claim = self._clock.now(), KeyClaim(caller, route, key, self._ids.new_uuid())
        async with self._db.transaction() as tx:
            taken = await tx.fetchval(
                SQL.claim, caller, route, key, mark, claim.claim_id, now, now + KEY_LIFETIME, now + CLAIM_LEASE
            )
            if taken is not None:
                return claim
            return _held(await tx.fetchrow(SQL.find, caller, route, key), mark)

    async def store_response(self, claim: KeyClaim, answer: StoredResponse) -> None:
        """Stores the answer for the key's life (24 hours from the claim)."""
        async with self._db.transaction() as tx:
            await tx.fetchval(SQL.keep, *_where(claim), answer.status, answer.headers, answer.body)

    async def release_key(self, claim: KeyClaim) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(SQL.release, *_where(claim))

    @every(3600, "idempotency.clean")
    async def sweep_expired_keys(self) -> None:
        """Forgets the keys that have expired."""
        async with self._db.transaction() as tx:
            await self.delete_expired_keys(tx)

    async def delete_expired_keys(self, tx: Tx) -> int:
        """Forgets expired keys, and says how many."""
        gone: int = await tx.fetchval(SQL.sweep, self._clock.now())
        return gone


def _where(claim: KeyClaim) -> tuple[str, str, str, UUID]:
    return claim.caller, claim.route, claim.key, claim.claim_id


def _held(row: asyncpg.Record | None, mark: bytes) -> StoredResponse:
    # No row: it was released between the two statements, so asking again soon will do.
    if row is not None and row["fingerprint"] != mark:
        error = FieldError(_POINTER, "idempotency_key_reused", "this key belongs to another request")
        raise InvalidRequest("The Idempotency-Key was used for another request.", code=error.code, errors=(error,))
    if row is None or row["status"] == "in_flight":
        text = "A request with this Idempotency-Key is being handled."
        raise Conflict(text, code="idempotency_key_in_flight", retry_after=1)
    return StoredResponse(row["response_status"], row["response_headers"] or {}, row["response_body"])
