"""Webhooks in: verified, written down with their job in one statement, answered; then worked on, once.

The effect of an event and the mark that it is done commit together, so a crash between them undoes both.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple, Protocol, TypeAlias
from uuid import UUID

import asyncpg
import orjson
import structlog

from hub.core.clock import Clock
from hub.core.context import bind_context, current_context
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import BadRequest, NotFound, Unavailable
from hub.core.group_commit import GroupCommit
from hub.core.jobs import Job, JobQueue, every, job
from hub.core.metrics import WebhookMetrics
from hub.core.row_failures import RowKey, Sweep

SQL = load_queries("inbox")
log = structlog.get_logger(__name__)
WebhookEffect: TypeAlias = Callable[[Tx], Awaitable[None]]

_NUL = "\x00"
WAKE_DELAY = 0.01
"""Seconds, at most, that an event waits for others before the workers are woken."""
STALLED_AFTER = timedelta(seconds=60)
FAILED_STATUS = "failed"
OPEN_STATUSES = ("received", FAILED_STATUS)
"""What an event is before it is processed, or ignored."""


@dataclass(frozen=True, slots=True)
class RawWebhook:
    """A delivery as it arrived. `url` is the public address it was sent to, `path_token` the last part of its path."""

    headers: Mapping[str, str]
    body: bytes
    url: str
    path_token: str | None = None


@dataclass(frozen=True, slots=True)
class VerifiedWebhook:
    """What a source has vouched for. `event_id` is the same for every delivery of the same event."""

    event_id: str
    type: str
    payload: dict[str, Any]
    occurred_at: datetime | None = None
    raw: bytes | None = None
    """What is kept beside the payload; None is the body as it came, b"" nothing."""


class WebhookSource(Protocol):
    """One provider's way of signing."""

    name: str

    @property
    def is_configured(self) -> bool:
        """Without a secret there is no endpoint."""
        ...

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook | Awaitable[VerifiedWebhook]:
        """At once, or by and by where a public key has to be fetched first.

        Raises Unauthenticated for a bad signature, BadRequest for a body that cannot be read, Unavailable when it
        could not be checked: the provider is to send it again.
        """
        ...


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A stored event."""

    id: int
    provider: str
    event_id: str
    type: str
    payload: dict[str, Any]
    received_at: datetime
    occurred_at: datetime | None = None

    async def link_booking(self, tx: Tx, booking_id: UUID) -> None:
        """Writes the event into that booking's story."""
        await tx.execute(SQL.concerns, self.id, booking_id)


class WebhookIgnored(Exception):
    """The event is about somebody else's account, keys or objects: acknowledged, ignored and counted under `reason`.

    `reason` is a short constant, as it is the label of a metric.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WebhookHandler(Protocol):
    """Reads what it has to (no transaction is open), and returns what is to be done in one; None: of no interest.

    Both steps may raise WebhookIgnored.
    """

    async def __call__(self, event: WebhookEvent) -> WebhookEffect | None: ...


class ProcessWebhook(Job, kind="webhook.process", attempts=15):
    event: int


class _Delivery(NamedTuple):
    """In the order in which the statement takes it."""

    provider: str
    event_id: str
    type: str
    payload: dict[str, Any]
    raw: bytes
    occurred_at: datetime | None
    received_at: datetime
    request_id: str | None

    @property
    def name(self) -> tuple[str, str]:
        return self.provider, self.event_id


class Inbox:
    def __init__(self, db: Database, jobs: JobQueue, clock: Clock, metrics: WebhookMetrics | None = None) -> None:
        self._metrics = metrics
        self._db = db
        self._jobs = jobs
        self._clock = clock
        self._handlers: dict[str, WebhookHandler] = {}
        self._about_to_ring = False
        self._rings: set[asyncio.Task[None]] = set()
        self._kept: GroupCommit[_Delivery, Any] = GroupCommit(self._keep, key=lambda delivery: delivery.name)

    def register_handler(self, provider: str, handler: WebhookHandler) -> None:
        self._handlers[provider] = handler

    async def receive_webhook(self, source: WebhookSource, raw: RawWebhook) -> bool:
        """True when the event is new. When this returns, the event cannot be lost any more.

        An event that has failed is tried again when its provider sends it anew. Raises what `source.verify` raises,
        BadRequest for a payload that cannot be kept, Unavailable.
        """
        verified = source.verify_webhook(raw)
        event = await verified if inspect.isawaitable(verified) else verified
        return await self.store_event(source.name, event, raw.body)

    async def store_event(self, provider: str, event: VerifiedWebhook, body: bytes = b"") -> bool:
        """As `receive_webhook`, for an event that is vouched for otherwise: the provider was asked for it."""
        event_id, kind, payload = _name(event.event_id, 255), _name(event.type, 100), _keepable(event.payload)
        raw = body if event.raw is None else event.raw
        now, request_id = self._clock.now(), current_context().request_id
        delivery = _Delivery(provider, event_id, kind, payload, raw, event.occurred_at, now, request_id)
        try:
            row = await self._kept.submit_write(delivery)
        except asyncpg.LockNotAvailableError as error:  # it is known, and being worked on for longer than we wait
            raise Unavailable("The event is being worked on.", retry_after=1) from error
        if row is None:
            raise Unavailable("The event was not kept.", retry_after=1)
        if row["new"]:
            self._ring_soon()
        if row["status"] == FAILED_STATUS:
            await self.replay_event(row["id"])
        return bool(row["new"])

    async def _keep(self, deliveries: Sequence[_Delivery]) -> list[Any]:
        async with self._db.connection() as connection:
            rows = await connection.fetch(SQL.receive, *map(list, zip(*deliveries, strict=True)))
        kept = {(row["provider"], row["event_id"]): row for row in rows}
        return [kept.get(delivery.name) for delivery in deliveries]

    def _ring_soon(self) -> None:
        """Wakes the workers, once for all events that arrive in a short while."""
        if not self._about_to_ring:
            self._about_to_ring = True
            ring = asyncio.create_task(self._ring(), name="inbox.ring")
            self._rings.add(ring)
            ring.add_done_callback(self._rings.discard)

    async def _ring(self) -> None:
        """Never fails: without it the workers find the jobs a second later."""
        try:
            await asyncio.sleep(WAKE_DELAY)
        finally:
            self._about_to_ring = False  # from here on a new event needs a ring of its own
        try:
            async with self._db.connection() as connection:
                await connection.execute(SQL.ring)
        except Exception as error:  # noqa: BLE001 (nobody waits for it; it is told in the log, and made up for)
            log.warning("inbox.ring_failed", error=type(error).__name__)

    async def close(self) -> None:
        """Waits for what is being kept, and ends the rings that have not gone out: the jobs are found without."""
        await self._kept.close()
        for ring in tuple(self._rings):
            ring.cancel()
        await asyncio.gather(*self._rings, return_exceptions=True)

    async def find_unknown_ids(self, provider: str, event_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have not come."""
        async with self._db.connection() as connection:
            rows = await connection.fetch(SQL.known, provider, list(event_ids))
        return set(event_ids) - {row["event_id"] for row in rows}

    @job
    async def process_event(self, work: ProcessWebhook) -> None:
        """Works on one event. Raises what its handler raises; then the event waits for the job's next attempt."""
        async with self._db.connection() as connection:
            row = await connection.fetchrow(SQL.find, work.event)
        if row is None or row["status"] not in OPEN_STATUSES:
            return
        event = _event(row)
        handler = self._handlers.get(event.provider)
        with bind_context(actor=f"provider:{event.provider}"):
            try:
                apply = await handler(event) if handler else None
                await self._finish(event, apply)
            except WebhookIgnored as foreign:
                await self._ignore(event, foreign.reason)

    async def _ignore(self, event: WebhookEvent, reason: str) -> None:
        async with self._db.connection() as connection:
            await connection.execute(SQL.ignore, event.id, self._clock.now())
        if self._metrics is not None:
            self._metrics.record_ignored(event.provider, reason)
        log.info("webhook.ignored", provider=event.provider, type=event.type, reason=reason)

    async def _finish(self, event: WebhookEvent, apply: WebhookEffect | None) -> None:
        if apply is None:
            raise WebhookIgnored("of_no_interest")
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(SQL.lock, event.id)
            if row is None or row["status"] not in OPEN_STATUSES:
                return  # another delivery of it, or a replay, was faster
            await apply(tx)
            await tx.execute(SQL.processed, event.id, self._clock.now())

    @every(30, "inbox.sweep")
    async def sweep_stalled_events(self) -> None:
        """Events that wait and have no job any more get one; those whose job is held are marked as failed."""
        before = self._clock.now() - STALLED_AFTER
        async with self._db.transaction() as tx:
            await tx.execute(SQL.give_up, before)
            rows = await tx.fetch(SQL.stranded, before)
        sweep = Sweep("inbox.enqueue", self._db, self._clock)
        await sweep.process_rows(rows, self._enqueue, key=lambda row: RowKey(str(row["id"])))

    async def _enqueue(self, row: asyncpg.Record) -> None:
        async with self._db.transaction() as tx:
            await self._jobs.enqueue(tx, ProcessWebhook(event=row["id"]), key=f"webhook:{row['id']}")

    async def list_events(
        self, *, provider: str | None = None, status: str | None = None, limit: int = 50
    ) -> list[Any]:
        async with self._db.transaction() as tx:
            return await tx.fetch(SQL.list, provider, status, limit)

    async def find_event(self, event_id: int) -> Any:
        """The whole row. Raises NotFound."""
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(SQL.find, event_id)
        if row is None:
            raise NotFound(f"There is no webhook event {event_id}.")
        return row

    async def replay_event(self, event_id: int) -> None:
        """Works on a stored event again; its signature was checked when it came. Raises NotFound."""
        async with self._db.transaction() as tx:
            if await tx.fetchval(SQL.reopen, event_id) is None:
                raise NotFound(f"There is no webhook event {event_id}.")
            await self._jobs.enqueue(tx, ProcessWebhook(event=event_id), key=f"webhook:{event_id}")


def _event(row: Any) -> WebhookEvent:
    names = "id provider event_id type payload received_at occurred_at".split()
    return WebhookEvent(**{name: row[name] for name in names})


def _name(given: Any, size: int) -> str:
    """Two long names that begin alike stay two. Raises BadRequest for none."""
    text = _clean(given) if isinstance(given, str) else ""
    if not text:
        raise BadRequest("The event has no name.", code="unreadable_event")
    if len(text) <= size:
        return text
    return f"{text[: size - 65]}-{sha256(text.encode()).hexdigest()}"


def _clean(text: str) -> str:
    """PostgreSQL keeps neither NUL nor half a surrogate in text; the raw bytes have them still."""
    return text.replace(_NUL, "").encode("utf-8", "replace").decode()


def _keepable(payload: dict[str, Any]) -> Any:
    """What jsonb can take of it. Raises BadRequest where that is nothing: numbers without end, too deep a nesting."""
    try:
        if b"\\u0000" not in orjson.dumps(payload):
            return payload
    except TypeError:  # half a surrogate, or hopeless
        pass
    try:
        cleaned = _cleaned(payload)
        orjson.dumps(cleaned)
    except (TypeError, RecursionError) as error:
        raise BadRequest("The event cannot be kept.", code="unreadable_event") from error
    return cleaned


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return _clean(value)
        case list():
            return [_cleaned(one) for one in value]
        case dict():
            return {_clean(key): _cleaned(one) for key, one in value.items()}
        case _:
            return value
