"""What is asked of a provider, and what it says."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from multidict import CIMultiDictProxy

REQUEST_ID_HEADERS = ("Request-Id", "X-Request-Id", "Twilio-Request-Id", "Paypal-Debug-Id")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCall:
    """One question. Its repr shows nothing that could be a secret or personal.

    `operation` is a template such as `payment_intents.capture`, never an address with ids: it labels metrics and
    records. `is_read` says that asking twice changes nothing. `idempotency_key` says that the provider honours the
    key; it is sent as Idempotency-Key unless `headers` has one. Only reads and calls with a key are ever repeated.
    `timeout` in seconds, for the whole exchange; None is the provider's policy. `is_final` recognises an answer that
    looks worth another try and is not, such as a used-up quota.
    """

    provider: str
    operation: str
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] | Sequence[tuple[str, str]] | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    timeout: float | None = None
    is_read: bool = False
    is_final: Callable[["ProviderResponse"], bool] | None = field(default=None, repr=False)

    @property
    def is_repeatable(self) -> bool:
        return self.is_read or self.idempotency_key is not None

    def build_headers(self) -> dict[str, str]:
        """`headers`, with the idempotency key among them."""
        headers = dict(self.headers)
        if self.idempotency_key is not None and not any(name.lower() == "idempotency-key" for name in headers):
            headers["Idempotency-Key"] = self.idempotency_key
        return headers


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """What came back, whole. `headers` is case-insensitive; `retry_after` the provider's advice in seconds."""

    call: ProviderCall
    status: int
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(repr=False)
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004

    @property
    def request_id(self) -> str | None:
        """The provider's own name for this exchange, for its support."""
        return next((self.headers[name] for name in REQUEST_ID_HEADERS if name in self.headers), None)

    def json(self) -> Any:
        """The document, with fractions as Decimal. Raises ValueError when it is none."""
        try:
            return json.loads(self.body, parse_float=Decimal, parse_constant=_no_constant)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
