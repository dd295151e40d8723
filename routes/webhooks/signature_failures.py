"""Limits webhooks that carry no valid signature, by address, without ever shutting out a provider."""

from collections import OrderedDict

from hub.core.clock import Clock
from hub.core.errors import TooManyRequests
from hub.core.rate_limit import MemoryRateLimiter, RateLimit
from routes.web.access import get_network

UNSIGNED_RATE_LIMIT = RateLimit(30, burst=10)
TRUST_SECONDS = 3600.0
"""Seconds for which an address that has delivered a signed webhook is never refused unread."""
MAX_ADDRESSES = 10_000


class SignatureFailureLimiter:
    """Refuses an address unread once it has sent too many webhooks that are not signed.

    Behind a proxy that is not named as trusted everybody has the same address: since a provider's signed webhooks come
    from it too, it stays open, and only the unsigned ones are told to wait.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limiter = MemoryRateLimiter(clock, MAX_ADDRESSES)
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._trusted: OrderedDict[str, float] = OrderedDict()

    def check_address(self, ip: str) -> None:
        """Raises TooManyRequests for an address that is refused for now."""
        if not self._refused:
            return
        network, now = get_network(ip), self._clock.monotonic()
        until = self._refused.get(network, 0.0)
        if until > now and self._trusted.get(network, 0.0) < now:
            raise TooManyRequests(retry_after=until - now)

    def record_valid_signature(self, ip: str) -> None:
        """Notes that a signed webhook came from the address."""
        _note(self._trusted, get_network(ip), self._clock.monotonic() + TRUST_SECONDS)

    def record_failed_signature(self, ip: str) -> None:
        """Counts an unsigned webhook. Raises TooManyRequests when there have been too many."""
        network = get_network(ip)
        verdict = self._limiter.check_now(f"unsigned:{network}", UNSIGNED_RATE_LIMIT)
        if not verdict.allowed:
            _note(self._refused, network, self._clock.monotonic() + verdict.retry_after)
            raise TooManyRequests(retry_after=verdict.retry_after)


def _note(times: OrderedDict[str, float], network: str, until: float) -> None:
    times[network] = until
    times.move_to_end(network)
    if len(times) > MAX_ADDRESSES:
        times.popitem(last=False)
