"""Carrying an SDK's request over the transport, and putting its exceptions into our words."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from adapters.sdk_clients.problems import problem
from adapters.transport import Answer, Call, Limits, Sender, Streamed, Streamer, refusal, unreadable
from hub.core.errors import ProviderError

FIRST_ERROR = 400


@dataclass(slots=True)
class Exchange:
    """What really went over the wire inside one `translate`: one SDK call at a time.

    The SDKs' exceptions drop some of it (Twilio's have no headers) or all of it (Resend wraps any failure as its own
    500), so errors are made from this, and not from what the SDK made of it.
    """

    call: Call | None = None
    answer: Answer | None = None
    error: ProviderError | None = None
    limits: Limits | None = None
    """Asked for by the caller: what the SDK sends is answered as a stream, within these."""
    streamed: Streamed | None = None
    """An answer that is still arriving."""


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


async def carry(transport: Sender, call: Call) -> Answer:
    """Sends for an SDK, and remembers what came of it for the `translate` around it."""
    exchange = _current.get() or Exchange()
    exchange.call, exchange.answer, exchange.error = call, None, None
    try:
        exchange.answer = await transport.send(call)
    except ProviderError as error:
        exchange.error = error
        raise
    return exchange.answer


def wanted() -> Limits | None:
    """Those of the `translate` around it."""
    exchange = _current.get()
    return exchange.limits if exchange else None


async def carry_stream(transport: Streamer, call: Call, limits: Limits) -> tuple[Streamed, AsyncExitStack]:
    """As `carry`, for an answer that arrives bit by bit. Closing the stack hangs up."""
    exchange = _current.get() or Exchange()
    exchange.call, exchange.answer, exchange.error, exchange.streamed = call, None, None, None
    async with AsyncExitStack() as stack:
        try:
            streamed = await stack.enter_async_context(
                transport.stream(call, first=limits.first, idle=limits.idle, total=limits.total)
            )
        except ProviderError as error:
            exchange.error = error
            raise
        exchange.streamed, exchange.answer = streamed, streamed.refused
        return streamed, stack.pop_all()
    raise AssertionError


@contextmanager
def translate(provider: str, *, limits: Limits | None = None) -> Iterator[Exchange]:
    """Around one SDK call: whatever the SDK raises comes out as one of ours.

    ProviderPermanent, ProviderTransient or OutcomeUnknown, with provider_code, provider_status and retry_after;
    Stripe's refused cards keep `decline_code` in `extra`. No words of the provider's, which quote addresses and
    numbers, and no chained exception of the SDK's. An exception before anything was sent (a wrong argument) is a bug
    and passes unchanged.

    `limits` makes the answer a stream, to be read from `streamed` after the SDK has returned; it says itself what
    goes wrong from then on.
    """
    exchange = Exchange(limits=limits)
    token = _current.set(exchange)
    try:
        yield exchange
    except ProviderError:
        raise
    except Exception as error:
        ours = _ours(provider, exchange)
        if ours is None:
            raise
        raise ours.with_traceback(error.__traceback__) from None
    finally:
        _current.reset(token)


def _ours(provider: str, exchange: Exchange) -> ProviderError | None:
    if exchange.error is not None:
        return exchange.error
    if exchange.answer is None:
        return None
    if exchange.answer.status < FIRST_ERROR:
        return unreadable(exchange.answer)
    found = problem(provider, exchange.answer)
    return refusal(exchange.answer, code=found.code, permanent=found.permanent, **found.extra)
