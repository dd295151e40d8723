"""Work that outlives a request: stored with its cause in one transaction, repeated until done or held.

A job is a frozen model of what is to be done; a handler is a method marked @job or @every. Handlers must be
repeatable: a job runs at least once. PgQueuer keeps the queue; `hub.core.worker` runs it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict

from hub.core.context import Context, current_context
from hub.core.db import Tx, load_queries
from hub.core.errors import NotFound

SQL = load_queries("jobs")
SCHEDULE_ACTOR_PREFIX = "schedule:"
"""How the actor of a schedule's run begins."""
F = TypeVar("F", bound=Callable[..., Any])


class Job(BaseModel):
    """One piece of work. `class Capture(Job, kind="payment.capture"): payment_id: UUID`.

    `attempts` is how often it may fail before it is held for people. Its fields are ids, never personal data.
    """

    model_config = ConfigDict(frozen=True)
    kind: ClassVar[str]
    attempts: ClassVar[int]

    def __init_subclass__(cls, *, kind: str, attempts: int = 8, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.kind = kind
        cls.attempts = attempts


class Retry(Exception):
    """Raised by a handler: not now; again after `after` seconds. Does not count as a failure."""

    def __init__(self, after: float, reason: str) -> None:
        super().__init__(reason)
        self.after = after
        self.reason = reason


def job(method: F) -> F:
    """Marks `async def handle(self, work: SomeJob) -> None` as the handler of SomeJob."""
    method.__job__ = True  # type: ignore[attr-defined]
    return method


def every(seconds: float, name: str) -> Callable[[F], F]:
    """Marks `async def sweep(self) -> None` to run every `seconds`, on one process of all that run.

    `name` is the schedule's row in the database: it outlives the names of classes and methods.
    """

    def mark(method: F) -> F:
        method.__every__ = (seconds, name)  # type: ignore[attr-defined]
        return method

    return mark


class JobQueue:
    """Puts work into the queue."""

    async def enqueue(self, tx: Tx, work: Job, *, key: str | None = None, delay: float = 0, priority: int = 0) -> None:
        """Stores the job with whatever else this transaction changes. `delay` in seconds.

        While a job with the same key waits, there is no second one; it is brought forward, unless it waits because it
        failed. A job that is already running does not count: what has happened since it started may need another run.
        A held job with the key gives its place to the new one. What a schedule enqueues brings nothing forward, and
        leaves a held job alone for five minutes: a sweep may ask as often as it likes.
        """
        after, context = timedelta(seconds=delay), current_context()
        by_schedule = context.actor.startswith(SCHEDULE_ACTOR_PREFIX)
        async with tx.as_hub():
            await tx.fetchval(SQL.enqueue, priority, work.kind, encode_job(work, context), after, key, by_schedule)


def encode_job(work: Job, context: Context) -> bytes:
    """The job and what it is about; a network address or browser name stays with the request that had it."""
    about = {"request_id": context.request_id, "booking_id": str(context.booking_id) if context.booking_id else None}
    return orjson.dumps({"work": work.model_dump(mode="json"), "about": about})


def decode_job(payload: bytes | None) -> tuple[dict[str, Any], Context]:
    """The other way. Raises ValueError for what is no job of ours."""
    document = orjson.loads(payload or b"")
    about = document["about"]
    booking = UUID(about["booking_id"]) if about["booking_id"] else None
    return document["work"], Context(request_id=about["request_id"], booking_id=booking)


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that waits for a person (the dead letter). `work` holds ids only."""

    id: int
    kind: str
    created: datetime
    updated: datetime
    failures: int
    error: str | None
    work: dict[str, Any]
    status: str = "failed"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


async def list_held_jobs(tx: Tx, limit: int = 100) -> list[HeldJob]:
    return [_held(dict(row)) for row in await tx.fetch(SQL.held, limit)]


async def find_job(tx: Tx, job_id: int) -> HeldJob:
    """Any job that is still there. Raises NotFound."""
    row = await tx.fetchrow(SQL.show, job_id)
    if row is None:
        raise NotFound(f"There is no job {job_id}.")
    found = dict(row)
    found.pop("execute_after")
    return _held(found)


async def retry_held_job(tx: Tx, job_id: int) -> None:
    """Runs a held job again, with all its attempts. Raises NotFound when it is not held."""
    if await tx.fetchval(SQL.retry, job_id) is None:
        raise NotFound(f"There is no held job {job_id}.")


async def drop_held_job(tx: Tx, job_id: int) -> None:
    """Gives a held job up. Raises NotFound when it is not held."""
    if await tx.fetchval(SQL.drop, job_id) is None:
        raise NotFound(f"There is no held job {job_id}.")


def _held(row: dict[str, Any]) -> HeldJob:
    return HeldJob(work=orjson.loads(row.pop("payload") or b"{}").get("work", {}), **row)
