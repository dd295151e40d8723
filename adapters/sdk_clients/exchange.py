"""Carrying an SDK's request over the transport, and putting its exceptions into our words."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from adapters.sdk_clients.problems import read_problem
from adapters.transport import (
    CallSender,
    ProviderCall,
    ProviderResponse,
    StreamedResponse,
    StreamLimits,
    StreamSender,
    make_refusal_error,
    make_unreadable_error,
)
from hub.core.errors import ProviderError

MIN_ERROR_STATUS = 400


@dataclass(slots=True)
class SdkExchange:
    """What really went over the wire inside one `translate_sdk_errors`: one SDK call at a time.

    The SDKs' exceptions drop some of it (Twilio's have no headers) or all of it (Resend wraps any failure as its own
    500), so errors are made from this, and not from what the SDK made of it.
    """

    call: ProviderCall | None = None
    response: ProviderResponse | None = None
    error: ProviderError | None = None
    limits: StreamLimits | None = None
    """Asked for by the caller: what the SDK sends is answered as a stream, within these."""
    streamed: StreamedResponse | None = None
    """An answer that is still arriving."""


_current: ContextVar[SdkExchange | None] = ContextVar("exchange", default=None)


async def send_for_sdk(transport: CallSender, call: ProviderCall) -> ProviderResponse:
    """Sends for an SDK, and remembers what came of it for the `translate_sdk_errors` around it."""
    exchange = _current.get() or SdkExchange()
    exchange.call, exchange.response, exchange.error = call, None, None
    try:
        exchange.response = await transport.send_call(call)
    except ProviderError as error:
        exchange.error = error
        raise
    return exchange.response


def get_stream_limits() -> StreamLimits | None:
    """Those of the `translate_sdk_errors` around it."""
    exchange = _current.get()
    return exchange.limits if exchange else None


async def open_stream_for_sdk(
    transport: StreamSender, call: ProviderCall, limits: StreamLimits
) -> tuple[StreamedResponse, AsyncExitStack]:
    """As `send_for_sdk`, for an answer that arrives bit by bit. Closing the stack hangs up."""
    exchange = _current.get() or SdkExchange()
    exchange.call, exchange.response, exchange.error, exchange.streamed = call, None, None, None
    async with AsyncExitStack() as stack:
        try:
            streamed = await stack.enter_async_context(
                transport.stream_call(call, first=limits.first, idle=limits.idle, total=limits.total)
            )
        except ProviderError as error:
            exchange.error = error
            raise
        exchange.streamed, exchange.response = streamed, streamed.error_response
        return streamed, stack.pop_all()
    raise AssertionError


@contextmanager
def translate_sdk_errors(provider: str, *, limits: StreamLimits | None = None) -> Iterator[SdkExchange]:
    """Around one SDK call: whatever the SDK raises comes out as one of ours.

    ProviderPermanent, ProviderTransient or OutcomeUnknown, with provider_code, provider_status and retry_after;
    Stripe's refused cards keep `decline_code` in `extra`. No words of the provider's, which quote addresses and
    numbers, and no chained exception of the SDK's. An exception before anything was sent (a wrong argument) is a bug
    and passes unchanged.

    `limits` makes the answer a stream, to be read from `streamed` after the SDK has returned; it says itself what
    goes wrong from then on.
    """
    exchange = SdkExchange(limits=limits)
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


def _ours(provider: str, exchange: SdkExchange) -> ProviderError | None:
    if exchange.error is not None:
        return exchange.error
    if exchange.response is None:
        return None
    if exchange.response.status < MIN_ERROR_STATUS:
        return make_unreadable_error(exchange.response)
    found = read_problem(provider, exchange.response)
    return make_refusal_error(exchange.response, code=found.code, permanent=found.is_permanent, **found.extra)
