"""One exchange over aiohttp: exactly one request, the whole body, and certainty about what was not sent."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import aiohttp

from adapters.transport.call import ProviderCall, ProviderResponse
from adapters.transport.outcomes import make_unanswered_error
from hub.core.errors import OutcomeUnknown, ProviderError, ProviderPermanent
from hub.resilience.retry import parse_retry_after

KEEP_ALIVE_SECONDS = 15.0
"""Seconds an idle connection is kept: shorter than any provider's, so that we seldom write to a closed one."""


class ConnectionLost(aiohttp.ClientError):
    """A connection broke after it was made."""


@dataclass(slots=True)
class CallAttempt:
    """One attempt on its way. `was_sent` is True until the session's tracing says that nothing has been sent yet.

    `started_monotonic` is on clock.monotonic().
    """

    number: int
    started_at: datetime
    started_monotonic: float
    was_sent: bool = True


async def _asked_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from silently repeating GET, PUT and DELETE on a connection that broke: retries are ours."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionLost from error


async def _nothing_sent_yet(_session: aiohttp.ClientSession, trace: SimpleNamespace, _params: Any) -> None:
    trace.trace_request_ctx.was_sent = False


async def _sending(_session: aiohttp.ClientSession, trace: SimpleNamespace, _params: Any) -> None:
    trace.trace_request_ctx.was_sent = True


def open_session(
    resolver: aiohttp.abc.AbstractResolver | None = None, *, connector: aiohttp.BaseConnector | None = None
) -> aiohttp.ClientSession:
    """The session that the transport needs; call it inside a running loop, close it where it was opened.

    `connector` leads elsewhere than over TCP. No cookies are kept. The number of connections is bounded by each
    provider's bulkhead, not here, where one slow provider would use up the others' share.
    """
    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(_nothing_sent_yet)
    tracing.on_request_headers_sent.append(_sending)
    tcp = aiohttp.TCPConnector
    return aiohttp.ClientSession(
        connector=connector or tcp(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=60, resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[tracing],
        middlewares=(_asked_once,),
        headers={"User-Agent": "travel-hub"},
    )


async def send_once(
    session: aiohttp.ClientSession,
    call: ProviderCall,
    flight: CallAttempt,
    *,
    limit: float,
    connect: float,
    max_body: int,
) -> ProviderResponse:
    """One request and its whole answer within `limit` seconds; redirects are answers, and not followed.

    Raises ProviderTransient, ProviderTimeout, ProviderPermanent or OutcomeUnknown, by what was sent.
    """
    try:
        async with (
            asyncio.timeout(limit),
            session.request(
                call.method,
                call.url,
                params=call.params,
                data=call.body,
                headers=call.build_headers(),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect),
                trace_request_ctx=flight,
            ) as response,
        ):
            body = await read_body(response, call, max_body)
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        flight.was_sent = False
        raise ProviderPermanent(call.provider, "The configured address is not valid.") from None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        # From None: aiohttp's exceptions show the request's headers and query, keys and all.
        raise make_unanswered_error(call, error, sent=flight.was_sent) from None
    return ProviderResponse(
        call, response.status, response.headers, body, read_retry_after(response.headers, flight.started_at)
    )


async def read_body(response: aiohttp.ClientResponse, call: ProviderCall, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > most:
            raise make_body_too_long_error(call, response.status)
        chunks.append(chunk)
    return b"".join(chunks)


def make_body_too_long_error(call: ProviderCall, status: int) -> ProviderError:
    kind = ProviderPermanent if call.is_read else OutcomeUnknown
    return kind(call.provider, f"{call.operation} was answered at too great a length.", provider_status=status)


def read_retry_after(headers: Any, now: datetime) -> float | None:
    """Retry-After, in seconds, to the millisecond where OpenAI and Azure say it so.

    Else when the limit that is used up begins anew, as Duffel and Resend say it.
    """
    exactly = _milliseconds(headers.get("Retry-After-Ms"), now)
    found = parse_retry_after(headers.get("Retry-After"), now) if exactly is None else exactly
    if found is None and headers.get("Ratelimit-Remaining") == "0":
        found = parse_retry_after(headers.get("Ratelimit-Reset"), now)
    return found


def _milliseconds(value: str | None, now: datetime) -> float | None:
    try:
        return None if value is None else parse_retry_after(str(float(value) / 1000), now)
    except ValueError:
        return None
