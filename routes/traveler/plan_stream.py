"""A plan as it appears: server-sent events, which can be taken up again where they broke off.

    retry: 2000

    id: <plan>.3
    event: day
    data: {"date": "2026-12-01", …}

Events are `status`, `day`, `budget`, and at the end `done` (the whole answer, as of POST /api/plan) or `error` (a
problem). After a `status` with state `restarted` all days are void but those that it names in `keep`.
"""

import re
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web
from pydantic import TypeAdapter

from hub.core.errors import BadRequest, HubError, Unauthenticated
from hub.core.idempotency import validate_key
from hub.core.stream_batching import batch_stream
from hub.planning.plans import GenerationEvent, PlanRecord, Plans, error_to_problem
from routes.traveler.plan_events import PlanEvent
from routes.traveler.plan_requests import PlanIn
from routes.traveler.plan_schemas import PlanOut
from routes.traveler.plans import PlanRoutes, is_disconnected
from routes.web.access import AuthenticateToken
from routes.web.endpoint_api import OWN_DATA, Call, get, post
from routes.web.stream_limit import StreamLimit

TAGS = ("plans",)
EVENT_STREAM_TYPE = "text/event-stream"
CONNECTION_TIMEOUT = 600.0
"""Seconds of one connection; who is cut off comes back."""
HEARTBEAT_INTERVAL = 10.0
DISCONNECT_POLL_INTERVAL = 1.0
"""Seconds between two looks whether anybody still reads."""
RETRY_MS = 2000
_HEADERS = {"Content-Type": EVENT_STREAM_TYPE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_ID = re.compile(r"([0-9a-fA-F-]{32,36})\.(\d{1,9})", re.ASCII)
_OUT = TypeAdapter(PlanOut)
_STREAM: dict[str, Any] = {
    "timeout": CONNECTION_TIMEOUT,
    "response_type": EVENT_STREAM_TYPE,
    "event_model": PlanEvent,
    "resumable": True,
    "tags": TAGS,
}


class ClientDisconnected(Exception):
    """Nobody reads any more."""


class PlanStreamRoutes:
    """`authenticate` is asked again while a stream lasts: it ends with the session of whoever reads it."""

    def __init__(self, plans: Plans, routes: PlanRoutes, limit: StreamLimit, authenticate: AuthenticateToken) -> None:
        self._plans = plans
        self._limit = limit
        self._routes = routes
        self._authenticate = authenticate

    @post("/api/plan/stream", permission=OWN_DATA, **_STREAM)
    async def stream(self, call: Call, body: PlanIn) -> web.StreamResponse:
        """Plan a trip, and watch it appear day by day. Events: status, day, budget, done | error.

        The same request under the same Idempotency-Key is the same plan: what was told is told again, after the
        Last-Event-ID where it comes along, and the days that are missing are made. Who leaves ends the work.
        """
        with self._limit.hold_stream(call):
            resumed = await self._resumed(call)
            if resumed is not None:
                return await self._send(call, *resumed)
            key = call.headers.get("Idempotency-Key")
            kept = await self._plans.create_plan(
                call.signed_in_caller, body.to_create_plan(validate_key(key) if key is not None else None)
            )
            return await self._send(call, kept, 0)

    @get("/api/plan/{plan_id}/stream", permission=OWN_DATA, **_STREAM)
    async def again(self, call: Call, plan_id: UUID) -> web.StreamResponse:
        """The stream of a plan of yours, from its beginning or after the Last-Event-ID. 204 when there is no more."""
        kept = await self._plans.find_plan(call.signed_in_caller, plan_id)
        after = _last_event(call)
        with self._limit.hold_stream(call):
            return await self._send(call, kept, after[1] if after is not None and after[0] == plan_id else 0)

    async def _resumed(self, call: Call) -> tuple[PlanRecord, int] | None:
        last = _last_event(call)
        return (await self._plans.find_plan(call.signed_in_caller, last[0]), last[1]) if last is not None else None

    async def _send(self, call: Call, kept: PlanRecord, after: int) -> web.StreamResponse:
        if after > 0 and await self._plans.has_ended(kept, after):
            return web.Response(status=204)  # to a browser: do not come back
        response = web.StreamResponse(headers=_HEADERS)
        if call.request.method == "HEAD":
            return response
        await response.prepare(call.request)
        telling = _Telling(call, response, kept.id, self._routes, self._authenticate)
        with suppress(ConnectionResetError, ClientDisconnected):
            await self._tell(call, telling, kept, after)
        return response

    async def _tell(self, call: Call, telling: "_Telling", kept: PlanRecord, after: int) -> None:
        await telling.response.write(f"retry: {RETRY_MS}\n\n".encode())
        events = self._plans.follow_plan(kept, after, is_disconnected=partial(is_disconnected, call))
        try:
            async with aclosing(
                batch_stream(events, idle_timeout=DISCONNECT_POLL_INTERVAL, on_idle=telling.look)
            ) as batches:
                async for batch in batches:
                    await telling.check_session()
                    await telling.tell(batch)
        except HubError as error:  # the answer has begun: it can only be told
            await telling.tell([GenerationEvent(0, "error", error_to_problem(error))])


@dataclass(slots=True)
class _Telling:
    call: Call
    response: web.StreamResponse
    plan_id: UUID
    routes: PlanRoutes
    authenticate: AuthenticateToken
    silent: float = 0.0

    async def check_session(self) -> None:
        """Raises Unauthenticated `session_ended`. An access token that has expired meanwhile ends no stream."""
        try:
            await self.authenticate(self.call.token)
        except Unauthenticated as error:
            if error.code == "session_ended":
                raise

    async def tell(self, batch: list[GenerationEvent]) -> None:
        self.silent = 0.0
        await self.response.write(b"".join([await self._event(one) for one in batch]))

    async def look(self) -> None:
        """After each second of silence. Raises ClientDisconnected, at which the work ends, and Unauthenticated."""
        if is_disconnected(self.call):
            raise ClientDisconnected
        await self.check_session()
        self.silent += DISCONNECT_POLL_INTERVAL
        if self.silent >= HEARTBEAT_INTERVAL:
            self.silent = 0.0
            await self.response.write(b": still there\n\n")

    async def _event(self, one: GenerationEvent) -> bytes:
        data: Any = one.data
        if one.event == "done":
            data = orjson.Fragment(_OUT.dump_json(await self.routes.build_plan_response(self.call, self.plan_id)))
        name = f"id: {self.plan_id}.{one.seq}\n" if one.seq else ""
        return f"{name}event: {one.event}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


def _last_event(call: Call) -> tuple[UUID, int] | None:
    """Raises BadRequest for what is no id of ours."""
    given = call.headers.get("Last-Event-ID", "").strip()
    if not given:
        return None
    found = _ID.fullmatch(given)
    try:
        return (UUID(found[1]), int(found[2])) if found is not None else _refuse()
    except ValueError:
        return _refuse()


def _refuse() -> tuple[UUID, int]:
    raise BadRequest("The Last-Event-ID is none of this stream's.", code="bad_last_event_id")
