"""The completions' port, spoken to OpenAI and to any server that speaks like it."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from typing import Any

import httpx2
import openai

from adapters.openai.chat import ChatReader
from adapters.openai.error_mapping import PROVIDER, make_malformed_error, refine_refusal, rejects_max_tokens
from adapters.openai.request_body import build_chat_body, build_responses_body, choose_wire, is_openai
from adapters.openai.response_reader import ResponseReader, is_complete_event, parse_event
from adapters.openai.responses import ResponsesReader
from adapters.openai.server_sent_events import EventParser, ServerSentEvent
from adapters.sdk_clients import OpenAITransport, SdkExchange, translate_sdk_errors
from adapters.transport import StreamedResponse, StreamLimits, StreamSender
from hub.core.errors import HubError, ProviderError, ProviderPermanent
from hub.planning.completions import AnswerEnd, CompletionRequest, Route, TextDelta, WireFormat

USAGE_WAIT = 0.25
"""Seconds in which the count of tokens may follow the end of an answer."""
MAX_CLIENTS = 64
"""Of the SDK, one for each address and key."""
MAX_LIMIT_NAMES = 1024
"""Models remembered for what they call a limit."""


class OpenAIModelClient:
    """See Models. The SDK makes the request; what is answered is read from the line by readers of ours (see Events).

    Raises beside what ModelClient says: ContentFiltered where the question itself is refused.
    """

    def __init__(self, transport: StreamSender) -> None:
        self._http = httpx2.AsyncClient(transport=OpenAITransport(transport), trust_env=False)
        self._clients: OrderedDict[tuple[str, str], openai.AsyncOpenAI] = OrderedDict()
        self._new_names: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def check_access(self, route: Route) -> None:
        """One harmless read, to see whether the route's address and key are good."""
        with _told():
            await self._client(route).models.with_raw_response.list()

    async def stream_answer(
        self, route: Route, question: CompletionRequest
    ) -> AsyncGenerator[TextDelta | AnswerEnd, None]:
        async with self._asked(route, question, stream=True) as (streamed, reader):
            if "json" in streamed.headers.get("Content-Type", ""):  # who does not stream says all at once
                delta = reader.read_whole(await _document(streamed))
                if delta.text or delta.raw:
                    yield delta
            line = _Line(streamed, reader)
            while not reader.is_done and (events := await line.more()) is not None:
                for event in events:
                    for delta in line.read(event):
                        yield delta
            finished = reader.build_finished()
            streamed.is_satisfied = True
            yield finished

    async def fetch_answer(self, route: Route, question: CompletionRequest) -> tuple[TextDelta, AnswerEnd]:
        """`raw` is the completion where it holds more than text. Of the route's limits only `total` has a meaning."""
        async with self._asked(route, question, stream=False) as (streamed, reader):
            delta = reader.read_whole(await _document(streamed))
            streamed.is_satisfied = True
            return delta, reader.build_finished()

    @asynccontextmanager
    async def _asked(
        self, route: Route, question: CompletionRequest, *, stream: bool
    ) -> AsyncIterator[tuple[StreamedResponse, ResponseReader]]:
        """Leaving hangs up, unless all has been said."""
        wire = choose_wire(route, question)
        reader: ResponseReader = ChatReader(route.model) if wire == "chat" else ResponsesReader(route.model)
        async with AsyncExitStack() as stack:
            streamed = await self._sent(stack, route, question, wire, stream=stream)
            try:
                yield streamed, reader
            except HubError as error:
                streamed.failure = error
                raise
            finally:
                if streamed.is_satisfied:
                    await streamed.drain_body()

    async def _sent(
        self, stack: AsyncExitStack, route: Route, question: CompletionRequest, wire: WireFormat, *, stream: bool
    ) -> StreamedResponse:
        try:
            return await self._sent_once(stack, route, self._body(route, question, wire, stream=stream), wire)
        except _OtherLimit:
            self._new_names[route.base_url, route.model] = None
            _bound(self._new_names, MAX_LIMIT_NAMES)
        return await self._sent_once(stack, route, self._body(route, question, wire, stream=stream), wire)

    def _body(self, route: Route, question: CompletionRequest, wire: WireFormat, *, stream: bool) -> dict[str, Any]:
        """OpenAI's newer models refuse `max_tokens`; Ollama, LM Studio and others pass over the newer name."""
        if wire == "responses":
            return build_responses_body(route, question, stream=stream)
        newer = is_openai(route.base_url) or (route.base_url, route.model) in self._new_names
        return build_chat_body(route, question, stream=stream, limit="max_completion_tokens" if newer else "max_tokens")

    async def _sent_once(
        self, stack: AsyncExitStack, route: Route, body: dict[str, Any], wire: WireFormat
    ) -> StreamedResponse:
        """The SDK walks through what its functions are given, at 0.2 ms a message; what is `extra` goes as it is."""
        client, stream, total = self._client(route), body["stream"], route.total
        limits = StreamLimits(route.first, route.idle, total) if stream else StreamLimits(total, total, total)
        with _told(limits, other_limit="max_tokens" in body) as exchange:
            given: dict[str, Any] = {"model": route.model, "stream": stream, "extra_body": body}
            if wire == "responses":
                asked: Any = client.responses.with_streaming_response.create(input="", **given)
            else:
                asked = client.chat.completions.with_streaming_response.create(messages=[], **given)
            await stack.enter_async_context(asked)
        if exchange.streamed is None:
            raise AssertionError("a request that was not sent")
        return exchange.streamed

    def _client(self, route: Route) -> openai.AsyncOpenAI:
        """Nothing of it comes from the environment, which may be meant for another server."""
        key = (route.base_url, route.api_key)
        if key not in self._clients:
            client = openai.AsyncOpenAI(
                base_url=route.base_url, api_key=route.api_key or "none", http_client=self._http, max_retries=0
            )
            client.organization = client.project = None
            client._custom_headers = {}  # noqa: SLF001 (OPENAI_CUSTOM_HEADERS, for which it has no switch)
            self._clients[key] = client
            _bound(self._clients, MAX_CLIENTS)
        self._clients.move_to_end(key)
        return self._clients[key]


class _OtherLimit(Exception):
    """The server knows the bound of an answer by its newer name."""


class _Line:
    """The events of one stream, until its answer has ended and its tokens are counted."""

    def __init__(self, streamed: StreamedResponse, reader: ResponseReader) -> None:
        self._streamed = streamed
        self._reader = reader
        self._events = EventParser()
        self._ended_at: float | None = None

    async def more(self) -> list[ServerSentEvent] | None:
        """None when there is nothing to wait for."""
        try:
            async with asyncio.timeout_at(self._until()) if self._reader.has_ended else nullcontext():
                return self._events.feed_bytes(await anext(self._streamed))
        except StopAsyncIteration:
            return self._rest()
        except ValueError:
            raise make_malformed_error("an event is too long") from None
        except (TimeoutError, ProviderError):
            if not self._reader.has_ended:
                raise
            return None

    def read(self, event: ServerSentEvent) -> list[TextDelta]:
        before = self._reader.progress
        deltas = self._reader.read_event(event.data)
        if self._reader.progress > before:
            self._streamed.mark_progress()
        return deltas

    def _until(self) -> float:
        """Comments do not make it later."""
        if self._ended_at is None:
            self._ended_at = asyncio.get_running_loop().time()
        return self._ended_at + USAGE_WAIT

    def _rest(self) -> list[ServerSentEvent] | None:
        """What was begun when the line was closed is an event only if it is whole."""
        return [event for event in self._events.finish_stream() if is_complete_event(event.data)] or None


async def _document(streamed: StreamedResponse) -> dict[str, Any]:
    return parse_event(b"".join([piece async for piece in streamed]))


def _bound(known: OrderedDict[Any, Any], most: int) -> None:
    while len(known) > most:
        known.popitem(last=False)


@contextmanager
def _told(limits: StreamLimits | None = None, *, other_limit: bool = False) -> Iterator[SdkExchange]:
    """Around one call of the SDK: what goes wrong comes out as an error of ours.

    `other_limit`: the server may know the bound of an answer by another name; then _OtherLimit comes out.
    """
    found: SdkExchange | None = None
    try:
        with translate_sdk_errors(PROVIDER, limits=limits) as found:
            yield found
    except ProviderError as error:
        answer = found.response if found else None
        if other_limit and rejects_max_tokens(answer):
            raise _OtherLimit from None
        raise refine_refusal(error, answer) from None
    except openai.APIConnectionError:  # nothing was sent
        raise ProviderPermanent(PROVIDER, "The configured address is not valid.") from None
