"""What is counted about requests, in a registry that is passed in: two hubs in one process do not mix."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def new_registry() -> CollectorRegistry:
    """With what the process itself uses: memory, processor, open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


def render_metrics(registry: CollectorRegistry) -> tuple[bytes, str]:
    """The Prometheus text, and its content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST


class HttpMetrics:
    """Requests by method, route template and status: templates, so that the number of series is bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "hub_http_request_seconds",
            "From the first line of the request to the end of the handler.",
            ["method", "route", "status"],
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        self._in_flight = Gauge("hub_http_requests_in_flight", "Requests being handled.", registry=registry)
        self._limited = Counter("hub_http_rate_limited", "Requests refused by a limit.", ["limit"], registry=registry)
        self._series: dict[tuple[str, str, int], Histogram] = {}

    def record_start(self) -> None:
        self._in_flight.inc()

    def record_end(self, method: str, route: str, status: int, seconds: float) -> None:
        self._in_flight.dec()
        self.record_immediate(method, route, status, seconds)

    def record_immediate(self, method: str, route: str, status: int, seconds: float) -> None:
        """What began and ended in one step, and so was never in flight."""
        key = (method, route, status)
        # labels() costs more than the observation itself; the keys are as few as the series.
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._seconds.labels(method, route, str(status))
        series.observe(seconds)

    def record_rate_limited(self, limit: str) -> None:
        self._limited.labels(limit).inc()


class WebhookMetrics:
    """Events that were acknowledged and have no effect, by provider and reason: both are constants of the code."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ignored = Counter(
            "hub_webhook_events_ignored",
            "Webhook events that are not about this hub: other accounts, modes, keys or objects.",
            ["provider", "reason"],
            registry=registry,
        )

    def record_ignored(self, provider: str, reason: str) -> None:
        self._ignored.labels(provider, reason).inc()
