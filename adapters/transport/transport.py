"""Sends calls: policy around the wire, a record and a metric for each attempt."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self

import aiohttp
import structlog
from prometheus_client import CollectorRegistry

from adapters.transport.call import Answer, Call
from adapters.transport.metrics import Metrics
from adapters.transport.outcomes import UNSETTLING, leaves_doubt, outcome_name, verdict
from adapters.transport.wire import Flight, exchange, open_session
from hub.core import context
from hub.core.calllog import CallRecord
from hub.core.clock import Chance, Clock
from hub.core.errors import OutcomeUnknown, ProviderTransient
from hub.resilience.breaker import State
from hub.resilience.policy import Guard, Policy
from hub.resilience.retry import Verdict

log = structlog.get_logger(__name__)

MAX_BODY = 20 * 1024 * 1024
"""Bytes of an answer, decompressed."""


class Sender(Protocol):
    """What adapters and SDK shims need of the transport."""

    async def send(self, call: Call) -> Answer: ...


class Transport:
    """One for all providers. The session is closed by who opened it (see `opened`).

    `policies` by provider name, Policy() for the rest. `record` is called once for each attempt and must not wait.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        clock: Clock,
        chance: Chance,
        policies: Mapping[str, Policy] | None = None,
        record: Callable[[CallRecord], None] = lambda _: None,
        metrics: Metrics | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        self.session = session
        self.clock = clock
        self.record = record
        self.metrics = metrics or Metrics(CollectorRegistry())
        self.max_body = max_body
        self._chance = chance
        self._policies = policies or {}
        self._guards: dict[str, Guard] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, **options: Any) -> AsyncIterator[Self]:
        """A transport with a session of its own; the options are those of the constructor."""
        async with open_session() as session:
            yield cls(session, **options)

    def guard(self, provider: str) -> Guard:
        """The provider's breaker, bulkhead and budget: for `/readyz`, `hub doctor` and tests."""
        if provider not in self._guards:
            policy = self._policies.get(provider, Policy())
            self._guards[provider] = Guard(provider, policy, self.clock, self._chance, self._flipped)
        return self._guards[provider]

    async def send(self, call: Call) -> Answer:
        """The provider's answer, of any status, to be judged by the adapter (see `refusal`).

        Raises ProviderTransient, ProviderTimeout, BreakerOpen: nothing was sent, or a read failed.
        Raises OutcomeUnknown: a write may have been carried out, and no answer settled it, retries included.
        """
        guard = self.guard(call.provider)
        trip = _Trip(self, call, guard.policy)
        try:
            answer = await guard.run(
                trip.attempt, trip.verdict, repeatable=call.repeatable, hedge=call.read, timeout=call.timeout
            )
        except ProviderTransient as error:
            if trip.attempts == 0:
                self.metrics.not_asked(call.provider, error.code)
            if trip.doubtful:
                raise trip.unsettled(error.retry_after) from error
            raise
        if trip.doubtful and answer.status in UNSETTLING:
            raise trip.unsettled(answer.retry_after)
        return answer

    def _flipped(self, provider: str, old: State, new: State) -> None:
        """Said once when an outage begins and once when it is over, however many probes fail in between."""
        self.metrics.flipped(provider, new)
        if new is State.OPEN and old is State.CLOSED:
            log.warning("breaker.opened", provider=provider)
        elif new is State.CLOSED:
            log.info("breaker.closed", provider=provider)


class _Trip:
    """One call's attempts. `doubtful` once a write may have been carried out without our knowing."""

    def __init__(self, transport: Transport, call: Call, policy: Policy) -> None:
        self._transport = transport
        self._call = call
        self._policy = policy
        self.attempts = 0
        self.doubtful = False

    def verdict(self, outcome: Answer | Exception) -> Verdict:
        return verdict(outcome, retry_timeouts=self._policy.retry_timeouts)

    def unsettled(self, retry_after: float | None) -> OutcomeUnknown:
        text = f"{self._call.operation} was not answered, nor when asked again: it may have happened."
        return OutcomeUnknown(self._call.provider, text, retry_after=retry_after)

    async def attempt(self, limit: float) -> Answer:
        self.attempts += 1
        clock = self._transport.clock
        flight = Flight(self.attempts, clock.now(), clock.monotonic())
        try:
            answer = await self._exchange(flight, limit)
        except BaseException as error:
            self._ended(flight, error)
            raise
        self._ended(flight, answer)
        return answer

    async def _exchange(self, flight: Flight, limit: float) -> Answer:
        return await exchange(
            self._transport.session,
            self._call,
            flight,
            limit=limit,
            connect=self._policy.connect_timeout,
            max_body=self._transport.max_body,
        )

    def _ended(self, flight: Flight, end: Answer | BaseException) -> None:
        self.doubtful = self.doubtful or leaves_doubt(self._call, end)
        seconds = self._transport.clock.monotonic() - flight.started
        outcome = outcome_name(end, sent=flight.sent)
        self._transport.metrics.attempted(self._call.provider, self._call.operation, outcome, seconds, flight.number)
        self._transport.record(self._record(flight, end, outcome, seconds * 1000))

    def _record(self, flight: Flight, end: Answer | BaseException, outcome: str, duration_ms: float) -> CallRecord:
        about = context.current()
        return CallRecord(
            provider=self._call.provider,
            operation=self._call.operation,
            attempt=flight.number,
            method=self._call.method.upper(),
            status=end.status if isinstance(end, Answer) else None,
            outcome=outcome,
            duration_ms=duration_ms,
            idempotency_key=self._call.idempotency_key,
            booking_id=about.booking_id,
            request_id=about.request_id,
            provider_request_id=end.request_id if isinstance(end, Answer) else None,
            started_at=flight.started_at,
        )
