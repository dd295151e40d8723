"""What a provider's callers want to see on a dashboard."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hub.resilience.breaker import BreakerState

LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40)


class TransportMetrics:
    """Labels are templates (see Call.operation), so their number is bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "hub_provider_attempt_seconds",
            "One attempt, body included; its count is the number of attempts.",
            ["provider", "operation", "outcome"],
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        self._retries = Counter("hub_provider_retries", "Attempts after the first.", ["provider"], registry=registry)
        self._not_asked = Counter(
            "hub_provider_not_asked", "Calls refused on our side.", ["provider", "reason"], registry=registry
        )
        self._breaker = Gauge(
            "hub_provider_breaker_open", "1 while the provider is left alone.", ["provider"], registry=registry
        )

    def record_attempt(self, provider: str, operation: str, outcome: str, seconds: float, attempt: int) -> None:
        self._seconds.labels(provider, operation, outcome).observe(seconds)
        if attempt > 1:
            self._retries.labels(provider).inc()

    def record_rejection(self, provider: str, reason: str) -> None:
        self._not_asked.labels(provider, reason).inc()

    def record_breaker_state(self, provider: str, state: BreakerState) -> None:
        self._breaker.labels(provider).set(state is not BreakerState.CLOSED)
