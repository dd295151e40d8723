"""Sends calls: policy around the wire, a record and a metric for each attempt."""

from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, Self

import aiohttp
import structlog
from prometheus_client import CollectorRegistry

from adapters.transport.call import ProviderCall, ProviderResponse
from adapters.transport.metrics import TransportMetrics
from adapters.transport.outcomes import AMBIGUOUS_STATUSES, classify_outcome, may_have_happened, name_outcome
from adapters.transport.streaming import StreamedResponse, StreamLimits, open_stream
from adapters.transport.wire import CallAttempt, open_session, send_once
from hub.core import context
from hub.core.clock import Clock, RandomSource
from hub.core.errors import OutcomeUnknown, ProviderTimeout, ProviderTransient
from hub.core.provider_calls import ProviderCallRecord
from hub.resilience.breaker import BreakerState
from hub.resilience.bulkhead import Bulkhead
from hub.resilience.deadline import cap_deadline
from hub.resilience.policy import ProviderGuard, ResiliencePolicy
from hub.resilience.retry import RetryDecision

log = structlog.get_logger(__name__)

MAX_BODY = 20 * 1024 * 1024
"""Bytes of an answer, decompressed."""
MAX_STREAMS = 500
"""Held at once, by provider."""


class CallSender(Protocol):
    """What adapters and SDK shims need of the transport."""

    async def send_call(self, call: ProviderCall) -> ProviderResponse: ...


class StreamSender(CallSender, Protocol):
    """And of one that streams."""

    def stream_call(
        self, call: ProviderCall, *, first: float, idle: float, total: float
    ) -> AbstractAsyncContextManager[StreamedResponse]: ...


class Transport:
    """One for all providers. The session is closed by who opened it (see `open_with_session`).

    `policies` by provider name, Policy() for the rest. `record` is called once for each attempt and must not wait.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        clock: Clock,
        chance: RandomSource,
        policies: Mapping[str, ResiliencePolicy] | None = None,
        record: Callable[[ProviderCallRecord], None] = lambda _: None,
        metrics: TransportMetrics | None = None,
        max_body: int = MAX_BODY,
        max_streams: int = MAX_STREAMS,
    ) -> None:
        self.session = session
        self.clock = clock
        self.record = record
        self.metrics = metrics or TransportMetrics(CollectorRegistry())
        self.max_body = max_body
        self._chance = chance
        self._policies = policies or {}
        self._guards: dict[str, ProviderGuard] = {}
        self._max_streams = max_streams
        self._streams: dict[str, Bulkhead] = {}

    @classmethod
    @asynccontextmanager
    async def open_with_session(cls, **options: Any) -> AsyncIterator[Self]:
        """A transport with a session of its own; the options are those of the constructor."""
        async with open_session() as session:
            yield cls(session, **options)

    def get_guard(self, provider: str) -> ProviderGuard:
        """The provider's breaker, bulkhead and budget: for `/readyz`, `hub doctor` and tests."""
        if provider not in self._guards:
            policy = self._policies.get(provider, ResiliencePolicy())
            self._guards[provider] = ProviderGuard(provider, policy, self.clock, self._chance, self._flipped)
        return self._guards[provider]

    async def send_call(self, call: ProviderCall) -> ProviderResponse:
        """The provider's answer, of any status, to be judged by the adapter (see `refusal`).

        Raises ProviderTransient, ProviderTimeout, BreakerOpen: nothing was sent, or a read failed.
        Raises OutcomeUnknown: a write may have been carried out, and no answer settled it, retries included.
        """
        guard = self.get_guard(call.provider)
        trip = _Trip(self, call, guard.policy)
        try:
            answer = await guard.run(
                trip.attempt, trip.verdict, retryable=call.is_repeatable, hedge=call.is_read, timeout=call.timeout
            )
        except ProviderTransient as error:
            if trip.attempts == 0:
                self.metrics.record_rejection(call.provider, error.code)
            if trip.doubtful:
                raise trip.unsettled(error.retry_after) from error
            raise
        if trip.doubtful and answer.status in AMBIGUOUS_STATUSES:
            raise trip.unsettled(answer.retry_after)
        return answer

    @asynccontextmanager
    async def stream_call(
        self, call: ProviderCall, *, first: float, idle: float, total: float
    ) -> AsyncIterator[StreamedResponse]:
        """The provider's answer while it is being written: asked once, with no retry and no breaker.

        Whoever streams has begun to show what came, so what a failure means is its business alone, and its chain of
        other servers has the breakers. Streams have places of their own (`max_streams` for each provider, nobody
        waits for one), because a minute-long stream would starve the short calls.

        Seconds: `first` until the reader calls heard(), `idle` between two times, `total` for all or the deadline of
        the request if that is earlier. Leaving the context closes the connection at once, and the provider sees it;
        one whose body was read to its end is kept and used again. One record and one metric, in the end.

        Raises ProviderTransient (not reached, or cut before the status came), ProviderTimeout (see StreamedResponse; it
        may also come from iterating), ProviderTransient `provider_busy` (no place: nothing was sent).
        """
        left = cap_deadline(self.clock, total) - self.clock.monotonic()
        if left <= 0:
            raise ProviderTimeout(call.provider, "No time was left to ask.", code="total_timeout")
        limits, connect = StreamLimits(first, idle, left), self.get_guard(call.provider).policy.connect_timeout
        async with self._place(call):
            flight = CallAttempt(1, self.clock.now(), self.clock.monotonic())
            opened = open_stream(self.session, call, flight, limits, connect=connect, max_body=self.max_body)
            streamed: StreamedResponse | None = None
            end: ProviderResponse | BaseException = CancelledError()
            try:
                async with opened as streamed:
                    yield streamed
                end = streamed.get_outcome()
            except BaseException as error:
                end = streamed.get_outcome(error) if streamed else error
                raise
            finally:
                self._noted(call, flight, end)

    def get_stream_slots(self, provider: str) -> Bulkhead:
        """The places for the provider's streams."""
        if provider not in self._streams:
            self._streams[provider] = Bulkhead(provider, max_active=self._max_streams, max_waiting=0)
        return self._streams[provider]

    @asynccontextmanager
    async def _place(self, call: ProviderCall) -> AsyncIterator[None]:
        asked = False
        try:
            async with self.get_stream_slots(call.provider).acquire_slot():
                asked = True
                yield
        except ProviderTransient as error:
            if not asked:
                self.metrics.record_rejection(call.provider, error.code)
            raise

    def _noted(self, call: ProviderCall, flight: CallAttempt, end: ProviderResponse | BaseException) -> None:
        """One attempt is over: its metric and its record."""
        seconds = self.clock.monotonic() - flight.started_monotonic
        outcome = name_outcome(end, sent=flight.was_sent)
        self.metrics.record_attempt(call.provider, call.operation, outcome, seconds, flight.number)
        self.record(_record(call, flight, end, outcome, seconds * 1000))

    def _flipped(self, provider: str, old: BreakerState, new: BreakerState) -> None:
        """Said once when an outage begins and once when it is over, however many probes fail in between."""
        self.metrics.record_breaker_state(provider, new)
        if new is BreakerState.OPEN and old is BreakerState.CLOSED:
            log.warning("breaker.opened", provider=provider)
        elif new is BreakerState.CLOSED:
            log.info("breaker.closed", provider=provider)


class _Trip:
    """One call's attempts. `doubtful` once a write may have been carried out without our knowing."""

    def __init__(self, transport: Transport, call: ProviderCall, policy: ResiliencePolicy) -> None:
        self._transport = transport
        self._call = call
        self._policy = policy
        self.attempts = 0
        self.doubtful = False

    def verdict(self, outcome: ProviderResponse | Exception) -> RetryDecision:
        return classify_outcome(outcome, retry_timeouts=self._policy.retry_timeouts)

    def unsettled(self, retry_after: float | None) -> OutcomeUnknown:
        text = f"{self._call.operation} was not answered, nor when asked again: it may have happened."
        return OutcomeUnknown(self._call.provider, text, retry_after=retry_after)

    async def attempt(self, limit: float) -> ProviderResponse:
        self.attempts += 1
        clock = self._transport.clock
        flight = CallAttempt(self.attempts, clock.now(), clock.monotonic())
        try:
            answer = await self._exchange(flight, limit)
        except BaseException as error:
            self._ended(flight, error)
            raise
        self._ended(flight, answer)
        return answer

    async def _exchange(self, flight: CallAttempt, limit: float) -> ProviderResponse:
        return await send_once(
            self._transport.session,
            self._call,
            flight,
            limit=limit,
            connect=self._policy.connect_timeout,
            max_body=self._transport.max_body,
        )

    def _ended(self, flight: CallAttempt, end: ProviderResponse | BaseException) -> None:
        self.doubtful = self.doubtful or may_have_happened(self._call, end)
        self._transport._noted(self._call, flight, end)  # noqa: SLF001 (one idea in two classes)


def _record(
    call: ProviderCall, flight: CallAttempt, end: ProviderResponse | BaseException, outcome: str, duration_ms: float
) -> ProviderCallRecord:
    about = context.current_context()
    return ProviderCallRecord(
        provider=call.provider,
        operation=call.operation,
        attempt=flight.number,
        method=call.method.upper(),
        status=end.status if isinstance(end, ProviderResponse) else None,
        outcome=outcome,
        duration_ms=duration_ms,
        idempotency_key=call.idempotency_key,
        booking_id=about.booking_id,
        request_id=about.request_id,
        provider_request_id=end.request_id if isinstance(end, ProviderResponse) else None,
        started_at=flight.started_at,
    )
