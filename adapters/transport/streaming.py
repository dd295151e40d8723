"""An answer that is read while it is being written: one exchange, its pieces as they arrive, and three limits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDictProxy

from adapters.transport.call import ProviderCall, ProviderResponse
from adapters.transport.outcomes import make_unanswered_error
from adapters.transport.wire import CallAttempt, make_body_too_long_error, read_body, read_retry_after
from hub.core.errors import ProviderError, ProviderPermanent, ProviderTimeout, ProviderTransient

LINGER_SECONDS = 0.1
"""Seconds that a stream which has said all is given to end, so that its connection can be used again."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Seconds. `first` until what counts is heard, `idle` between two times, `total` for all (see Streamed.heard)."""

    first: float
    idle: float
    total: float


class StreamedResponse:
    """An answer on its way. Iterate over it once: pieces of the body, decompressed, cut anywhere.

    `error_response` is the whole answer when its status is not 2xx; then there are no pieces.
    Iterating raises ProviderTimeout (`first_token_timeout`, `stream_stalled`, `total_timeout`), ProviderTransient
    (`stream_cut`: the connection broke) or ProviderPermanent (more than `max_body` bytes).
    """

    def __init__(
        self,
        call: ProviderCall,
        status: int,
        headers: CIMultiDictProxy[str],
        reader: aiohttp.StreamReader,
        *,
        watch: "StreamTimer",
        max_body: int,
    ) -> None:
        self.call = call
        self.status = status
        self.headers = headers
        self.error_response: ProviderResponse | None = None
        self.failure: BaseException | None = None
        """What went wrong after all, if the reader knows better than the wire."""
        self.is_satisfied = False
        self._reader = reader
        self._watch = watch
        self._left = max_body
        self._over = False

    @property
    def request_id(self) -> str | None:
        """The provider's own name for this exchange, for its support."""
        return ProviderResponse(self.call, self.status, self.headers, b"").request_id

    def mark_progress(self) -> None:
        """What came counts: `idle` begins anew.

        Bytes alone do not: a server whose model is stuck still sends comments to keep the line open. The time that the
        reader itself takes before it reads on is not counted.
        """
        self._watch.mark_progress()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            with self._watch:
                piece = await self._reader.readany()
        except ProviderError as error:
            self.failure = error
            raise
        except (aiohttp.ClientError, OSError) as error:
            self.failure = _cut(self.call, error)
            raise self.failure from None
        if not piece:
            raise StopAsyncIteration
        self._left -= len(piece)
        if self._left < 0:
            self.failure = make_body_too_long_error(self.call, self.status)
            raise self.failure
        return piece

    @property
    def is_complete(self) -> bool:
        """All has been read, and the connection is free for another call."""
        self._over = self._over or (self._reader.at_eof() and self._reader.exception() is None)
        return self._over

    def get_outcome(self, error: BaseException | None = None) -> ProviderResponse | BaseException:
        """What it came to, for the record: who left before the end has cancelled."""
        answer = ProviderResponse(self.call, self.status, self.headers, b"")
        if self.is_satisfied or self.error_response is not None:
            return answer
        error = error or self.failure
        if error is None and self.is_complete:
            return answer
        return asyncio.CancelledError() if error is None or isinstance(error, GeneratorExit) else error

    async def drain_body(self, seconds: float = LINGER_SECONDS) -> None:
        """All that matters has come, whatever the server still sends. Waits a moment for the end of the body."""
        self.is_satisfied = True
        try:
            async with asyncio.timeout(seconds):
                while not self.is_complete and await self._reader.readany():
                    pass
        except (TimeoutError, aiohttp.ClientError, OSError, ProviderError):
            return


def _cut(call: ProviderCall, error: Exception) -> ProviderTransient:
    return ProviderTransient(
        call.provider, f"{call.operation} was cut off in its midst.", code="stream_cut", cause=type(error).__name__
    )


class StreamTimer:
    """One timer for a whole stream: it is set anew when it goes off early, not with each piece.

    Used as a context around a wait for the provider; when the time is over the reader's wait ends with the error.
    """

    def __init__(self, call: ProviderCall, limits: StreamLimits, started: float) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self.limits = limits
        self._end = started + limits.total
        self._due = min(started + limits.first, self._end)
        self._begun = False
        self._fresh = False
        self._waiting = False
        self._reader: aiohttp.StreamReader | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start_timer(self, reader: aiohttp.StreamReader) -> None:
        self._reader = reader
        self._set(self._due)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def mark_progress(self) -> None:
        self._fresh = True
        if not self._begun:
            self._begun = True
            self._renew()
            self._set(self._due)

    def find_timeout_error(self) -> ProviderTimeout:
        """The error for the limit that is over by now."""
        if self._loop.time() >= self._end:
            code, text = "total_timeout", "took too long"
        elif self._begun:
            code, text = "stream_stalled", "stalled"
        else:
            code, text = "first_token_timeout", "did not begin in time"
        return ProviderTimeout(self._call.provider, f"{self._call.operation} {text}.", code=code)

    def __enter__(self) -> None:
        if self._fresh:
            self._fresh = False
            self._renew()
        self._waiting = True

    def __exit__(self, *_: object) -> None:
        self._waiting = False

    def _renew(self) -> None:
        self._due = min(self._loop.time() + self.limits.idle, self._end)

    def _set(self, when: float) -> None:
        self.stop()
        self._timer = self._loop.call_at(when, self._rung)

    def _rung(self) -> None:
        """Never set later than `_due`, which only grows while nobody waits."""
        now = self._loop.time()
        if now >= self._end or (self._waiting and now >= self._due):
            if self._reader is not None:
                self._reader.set_exception(self.find_timeout_error())
        elif self._waiting:
            self._set(self._due)
        else:
            self._set(min(now + self.limits.idle, self._end))


@asynccontextmanager
async def open_stream(
    session: aiohttp.ClientSession,
    call: ProviderCall,
    flight: CallAttempt,
    limits: StreamLimits,
    *,
    connect: float,
    max_body: int,
) -> AsyncIterator[StreamedResponse]:
    """One request; its connection is closed at the end, unless the body was read to its own end.

    Raises ProviderTransient, ProviderTimeout or ProviderPermanent before anything is yielded.
    """
    watch = StreamTimer(call, limits, asyncio.get_running_loop().time())
    response = await _answered(session, call, flight, watch, connect)
    streamed = StreamedResponse(
        call, response.status, response.headers, response.content, watch=watch, max_body=max_body
    )
    try:
        watch.start_timer(response.content)
        if not 200 <= response.status < 300:  # noqa: PLR2004
            streamed.error_response = await _refusal(streamed, response, flight, watch, max_body)
        yield streamed
    finally:
        watch.stop()
        response.release() if streamed.is_complete else response.close()


async def _answered(
    session: aiohttp.ClientSession, call: ProviderCall, flight: CallAttempt, watch: StreamTimer, connect: float
) -> aiohttp.ClientResponse:
    """The headers, within `first`."""
    try:
        async with asyncio.timeout(min(watch.limits.first, watch.limits.total)) as scope:
            return await session.request(
                call.method,
                call.url,
                params=call.params,
                data=call.body,
                # Compressed, a token may wait for the next one.
                headers={"Accept-Encoding": "identity"} | call.build_headers(),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect),
                trace_request_ctx=flight,
            )
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        flight.was_sent = False
        raise ProviderPermanent(call.provider, "The configured address is not valid.") from None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        # From None: aiohttp's exceptions show the request's headers and query, keys and all.
        raise (
            watch.find_timeout_error() if scope.expired() else make_unanswered_error(call, error, sent=flight.was_sent)
        ) from None


async def _refusal(
    streamed: StreamedResponse, response: aiohttp.ClientResponse, flight: CallAttempt, watch: StreamTimer, max_body: int
) -> ProviderResponse:
    try:
        with watch:
            body = await read_body(response, streamed.call, max_body)
    except (aiohttp.ClientError, OSError) as error:
        raise make_unanswered_error(streamed.call, error, sent=True) from None
    return ProviderResponse(
        streamed.call, response.status, response.headers, body, read_retry_after(response.headers, flight.started_at)
    )
