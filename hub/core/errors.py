"""What can go wrong, as one family.

HubError                     500
├── BadRequest               400  malformed: not JSON, not a number, a NUL byte
├── Unauthenticated          401
├── Forbidden                403
├── NotFound                 404  also for what belongs to somebody else
├── Conflict                 409  the state of things refuses it
├── Gone                     410  it was there, and has expired
├── TooLarge                 413
├── Invalid                  422  well-formed, and wrong: one FieldError per field
│   └── OutOfRange           422  a number or a date that cannot be calculated with
├── TooManyRequests          429  with retry_after
├── Unavailable              503  our own trouble that passes (database away, pool empty, shutting down)
│   └── DiskFull             503  no room left, here or in the database
└── ProviderError            502  a provider said no, or nothing
    ├── ProviderPermanent    502  asking again will not help
    ├── ProviderTransient    503  asking again later may help
    │   ├── ProviderTimeout  504
    │   └── BreakerOpen      503  not asked: it has been failing
    └── OutcomeUnknown       504  a write was sent and not answered: it may have happened

The status and the stable `code` sit on the class, the docstring is the default sentence. Nothing in an error may
hold a secret or personal data: `detail` and `errors` are shown to the caller as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: `pointer` is a JSON pointer into the body, or `/query/name`, `/path/name`, `/header/name`.

    `suggestion` is the name that was probably meant, where the field is unknown.
    `choices` are values that would be right, where there are a few: each a flat object that describes it.
    """

    pointer: str
    code: str
    message: str
    suggestion: str | None = None
    choices: tuple[Mapping[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"pointer": self.pointer, "code": self.code, "message": self.message}
        shown |= {"suggestion": self.suggestion} if self.suggestion is not None else {}
        return shown | ({"choices": list(self.choices)} if self.choices else {})


@dataclass(frozen=True, slots=True)
class ProviderReason:
    """One thing that a provider found wrong with a request, in its own words.

    The words may repeat what was sent, names and numbers of documents included: they are kept where personal data may
    be, and are never logged, audited or put into an answer. `pointer` is the value's place in the hub's own request.
    """

    param: str
    message: str = field(repr=False)
    pointer: str | None = None


class HubError(Exception):
    """Something went wrong on our side."""

    # `extra` of all but a ProviderError is shown to the caller too: members of the problem document.

    status: ClassVar[int] = 500
    code: str = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        errors: tuple[FieldError, ...] = (),
        retry_after: float | None = None,
        **extra: Any,
    ) -> None:
        self.detail = detail or (type(self).__doc__ or self.title).strip()
        self.code = code or type(self).code
        self.errors = errors
        self.retry_after = retry_after
        self.extra = extra
        super().__init__(self.detail)


class BadRequest(HubError):
    """The request could not be read."""

    status = 400
    code = "bad_request"
    title = "Bad request"


class Unauthenticated(HubError):
    """Sign in first."""

    status = 401
    code = "unauthenticated"
    title = "Not signed in"


class Forbidden(HubError):
    """You may not do this."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class NotFound(HubError):
    """There is no such thing here."""

    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(HubError):
    """This cannot be done in the present state."""

    status = 409
    code = "conflict"
    title = "Conflict"


class Gone(HubError):
    """This has expired."""

    status = 410
    code = "gone"
    title = "Expired"


class TooLarge(HubError):
    """The body is too large."""

    status = 413
    code = "too_large"
    title = "Too large"


class InvalidRequest(HubError):
    """Some fields are not valid."""

    status = 422
    code = "invalid"
    title = "Invalid request"


class OutOfRange(InvalidRequest):
    """A number or a date is too large or too small to be calculated with."""

    code = "out_of_range"


class TooManyRequests(HubError):
    """Too many requests; try again later."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"


class Unavailable(HubError):
    """The service is briefly not available."""

    status = 503
    code = "unavailable"
    title = "Unavailable"


class DiskFull(Unavailable):
    """The service has no room left to store anything; it can be used again soon."""

    code = "disk_full"

    def __init__(self) -> None:
        super().__init__(retry_after=30)


class ProviderError(HubError):
    """A provider could not do what was asked.

    `provider_code` is the provider's own stable error code where it has one; `provider_status` its HTTP status;
    `reasons` what it found wrong, in its own words.
    """

    status = 502
    code = "provider_error"
    title = "Provider error"

    def __init__(
        self,
        provider: str,
        detail: str | None = None,
        *,
        provider_code: str | None = None,
        provider_status: int | None = None,
        retry_after: float | None = None,
        code: str | None = None,
        reasons: tuple[ProviderReason, ...] = (),
        **extra: Any,
    ) -> None:
        text = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(f"{provider}: {text}", code=code, retry_after=retry_after, provider=provider, **extra)
        self.provider = provider
        self.provider_code = provider_code
        self.provider_status = provider_status
        self.reasons = reasons


class ProviderPermanent(ProviderError):
    """The provider refused."""

    code = "provider_refused"


class ProviderTransient(ProviderError):
    """The provider is not available at the moment."""

    status = 503
    code = "provider_unavailable"
    title = "Provider unavailable"


class ProviderTimeout(ProviderTransient):
    """The provider did not answer in time."""

    status = 504
    code = "provider_timeout"
    title = "Provider timed out"


class BreakerOpen(ProviderTransient):
    """The provider has been failing and is left alone for a while."""

    code = "provider_breaker_open"


class OutcomeUnknown(ProviderError):
    """The provider was asked for an effect and did not answer: it may have happened."""

    status = 504
    code = "provider_outcome_unknown"
    title = "Outcome unknown"
