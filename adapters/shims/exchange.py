"""Carrying an SDK's request over the transport, and putting its exceptions into our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from adapters.shims.problems import problem
from adapters.transport import Answer, Call, Sender, refusal, unreadable
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


@contextmanager
def translate(provider: str) -> Iterator[Exchange]:
    """Around one SDK call: whatever the SDK raises comes out as one of ours.

    ProviderPermanent, ProviderTransient or OutcomeUnknown, with provider_code, provider_status and retry_after;
    Stripe's refused cards keep `decline_code` in `extra`. No words of the provider's, which quote addresses and
    numbers, and no chained exception of the SDK's. An exception before anything was sent (a wrong argument) is a bug
    and passes unchanged.
    """
    exchange = Exchange()
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
