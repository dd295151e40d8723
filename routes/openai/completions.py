"""Language models on OpenAI's wire, and what they cost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import date
from typing import Any, Literal

from aiohttp import web
from pydantic import Field

from hub.core.clock import Clock, IdGenerator
from hub.core.errors import FieldError, HubError, InvalidRequest, ProviderTransient
from hub.planning.completions import (
    DEFAULT_CHAIN,
    AnswerRestarted,
    AnswerStarted,
    Completion,
    Completions,
    ContentFiltered,
    NoModelAvailable,
    TextDelta,
    UsageScope,
    report_to_json,
    resolve_report_period,
)
from routes.openai.completion_schemas import ChatCompletion, ChatEvent, ModelList, ModelOut
from routes.openai.schemas import HEARTBEAT, ChatIn, build_attempts_header, encode_event, error_to_body
from routes.openai.schemas import ChatCompletionEncoder as ChatReply
from routes.web.endpoint_api import ASK_MODELS, READ_MONEY, ApiModel, Call, Reply, get, post
from routes.web.stream_limit import StreamLimit

TAGS = ("ai",)
OPEN_STREAM_AFTER = 10.0
"""Seconds without a first piece after which a stream is opened all the same: a proxy would take it for dead."""
HEARTBEAT_INTERVAL = 10.0
"""Seconds of silence in a stream between two signs of life."""
DISCONNECT_POLL_INTERVAL = 0.2
"""Seconds between two looks at whether the client is still there."""
REQUEST_TIMEOUT = 630.0
"""Seconds for a request: the chain ends before."""
MAX_BODY_BYTES = 10 * 1024 * 1024
"""Bytes of a question: there may be pictures in it."""


class UsageQuery(ApiModel):
    from_: date | None = Field(default=None, validation_alias="from")
    to: date | None = None
    group: Literal["day", "model", "user", "purpose"] = "day"


class UsageLine(ApiModel):
    """Amounts in micro-units (millionths of the major unit)."""

    key: str
    calls: int
    answered: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost: int
    reserved: int


class SpendReportOut(ApiModel):
    """`limits` are of a day, a plan's of its life; `today` is everybody's."""

    currency: str
    unit: Literal["micro"]
    from_: date = Field(alias="from")
    to: date
    group: str
    lines: list[UsageLine]
    total: dict[str, int]
    limits: dict[str, int]
    today: dict[str, int]


class CompletionRoutes:
    def __init__(self, completions: Completions, ids: IdGenerator, limit: StreamLimit) -> None:
        self._completions = completions
        self._limit = limit
        self._ids = ids

    @post(
        "/api/ai/chat/completions", permission=ASK_MODELS, tags=TAGS, timeout=REQUEST_TIMEOUT, max_body=MAX_BODY_BYTES,
        response_model=ChatCompletion, other_types=("text/event-stream",), event_model=ChatEvent, wire="openai",
    )  # fmt: skip
    async def chat(self, call: Call, body: ChatIn) -> web.StreamResponse:
        """OpenAI's chat completions, answered by the first model of the chain that can.

        Any OpenAI client works with `<hub>/api/ai` as its base URL and a staff token or service key as its API key.
        `model` is who has answered; `X-Hub-Attempts` says who was tried before.
        """
        question, spender = body.to_completion_request(), UsageScope(_spender(call), "chat")
        reply = ChatReply(
            f"chatcmpl-{self._ids.new_uuid().hex}", int(self._ids.clock.now().timestamp()), body.wants_usage
        )
        async with aclosing(self._completions.stream_completion(question, spender, models=body.model_names)) as events:
            if body.stream:
                with self._limit.hold_stream(call):
                    stream = _Stream(call.request, reply, self._ids.clock, withhold=body.rescue is not None)
                    return await stream.run(events)
            async with _watched(call.request):
                return await _whole(events, reply)

    @get("/api/ai/models", permission=ASK_MODELS, tags=TAGS, wire="openai")
    async def models(self, call: Call) -> ModelList:
        """The models that are set up, in the order in which they are asked. Others may be named too."""
        return ModelList(object="list", data=self._listed())

    @get("/api/ai/models/{model}", permission=ASK_MODELS, tags=TAGS, wire="openai")
    async def model(self, call: Call, model: str) -> ModelOut:
        """One model that is set up."""
        shown = next((entry for entry in self._listed() if entry.id == model), None)
        if shown is None:
            raise NoModelAvailable(unknown_model=model)
        return shown

    def _listed(self) -> list[ModelOut]:
        names = dict.fromkeys(
            (DEFAULT_CHAIN, *(route.model for route in self._completions.catalog.resolve_routes(None)))
        )
        return [ModelOut(id=name, object="model", created=0, owned_by="travel-hub") for name in names]

    @get("/api/admin/ai/usage", permission=READ_MONEY, tags=TAGS, response_model=SpendReportOut)
    async def usage(self, call: Call, query: UsageQuery) -> Reply:
        """What language models have cost, against the budgets."""
        since, until = resolve_report_period(query.from_, query.to, self._ids.clock.now().date())
        if since > until:
            raise InvalidRequest(errors=(FieldError("/query/from", "after_end", "lies after `to`"),))
        report = await self._completions.budgets.report_usage(since, until, query.group)
        return Reply({"from": since, "to": until, "group": query.group} | report_to_json(report))


async def _whole(events: AsyncIterator[Any], reply: ChatReply) -> web.StreamResponse:
    """A filter that struck in the middle is an answer on this wire: what there was, and why it ends."""
    answer: Completion | None = None
    try:
        async for one in events:
            match one:
                case TextDelta():
                    reply.collect_delta(one)
                case AnswerRestarted():
                    reply.discard_deltas()
                case Completion():
                    answer = one
    except ContentFiltered as error:
        if error.answer is None:
            raise
        answer = error.answer
    assert answer is not None  # noqa: S101 (a stream ends with an answer or an error)
    return web.json_response(reply.build_completion(answer), headers=build_attempts_header(answer.attempts))


class _Stream:
    """One answer as server-sent events. What fails before the first piece is an error as always; afterwards, an event.

    `withhold`: pieces are sent only once the answer is complete, so an answer that breaks off can begin anew.
    """

    def __init__(self, request: web.Request, reply: ChatReply, clock: Clock, *, withhold: bool = False) -> None:
        self._request = request
        self._reply = reply
        self._clock = clock
        self._withhold = withhold
        self._response = web.StreamResponse()
        self._opening = asyncio.Lock()
        self._wrote = clock.monotonic()
        self._held = b""
        """Goes out with what follows it: each write is a packet, and costs as much as all else about a piece."""

    async def run(self, events: AsyncIterator[Any]) -> web.StreamResponse:
        async with _watched(self._request, self._live):
            try:
                await self._copy(events)
            except ContentFiltered as error:
                if error.answer is None:
                    await self._failed(error)
                else:
                    await self._open(build_attempts_header(error.answer.attempts))
                    self._held += self._reply.encode_end(error.answer)
            except HubError as error:
                await self._failed(error)
            await self._response.write_eof(self._held)
        return self._response

    async def _copy(self, events: AsyncIterator[Any]) -> None:
        async for one in events:
            match one:
                case AnswerStarted():
                    if not self._withhold:
                        await self._open(build_attempts_header(one.attempts))
                    self._held = self._reply.encode_start(one.model)
                case TextDelta() if self._withhold:
                    self._held += self._reply.encode_delta(one)
                case TextDelta():
                    await self._write(self._reply.encode_delta(one))
                case AnswerRestarted() if self._withhold:
                    self._held = b""
                case AnswerRestarted():  # what has been sent cannot be taken back, so nobody is asked to say it anew
                    raise ProviderTransient(one.model, f"stopped in the middle ({one.because}).", code="stream_broken")
                case Completion():
                    await self._open(build_attempts_header(one.attempts))
                    self._held += self._reply.encode_end(one)

    async def _failed(self, error: HubError) -> None:
        """Raises it while there is still a status to give. No [DONE] follows: it is not done."""
        if not self._response.prepared:
            raise error
        self._held = (b"" if self._withhold else self._held) + encode_event(error_to_body(error))

    async def _open(self, headers: dict[str, str]) -> None:
        async with self._opening:
            if not self._response.prepared:
                self._response.headers.update(headers)
                self._response.headers["Content-Type"] = "text/event-stream; charset=utf-8"
                self._response.headers["Cache-Control"] = "no-cache, no-transform"
                self._response.headers["X-Accel-Buffering"] = "no"
                await self._response.prepare(self._request)

    async def _write(self, data: bytes) -> None:
        held, self._held = self._held, b""
        await self._response.write(held + data)
        self._wrote = self._clock.monotonic()

    async def _live(self) -> None:
        """Looked at now and then: a sign of life after a silence."""
        silent = self._clock.monotonic() - self._wrote
        if not self._response.prepared and silent >= OPEN_STREAM_AFTER:
            await self._open({})
        if self._response.prepared and silent >= HEARTBEAT_INTERVAL:
            await self._write(HEARTBEAT)


@asynccontextmanager
async def _watched(request: web.Request, live: Any = None) -> AsyncIterator[None]:
    """What runs inside is cancelled when the client has gone: nobody pays for what nobody reads."""
    working = asyncio.current_task()
    assert working is not None  # noqa: S101 (a handler runs in a task)

    async def look() -> None:
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(DISCONNECT_POLL_INTERVAL)
            if live is not None:
                try:
                    await live()
                except ConnectionResetError:
                    break
        working.cancel()

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()


def _spender(call: Call) -> Any:
    """Staff have a budget each; services have everybody's."""
    return call.signed_in_caller.id if call.signed_in_caller.kind == "staff" else None
