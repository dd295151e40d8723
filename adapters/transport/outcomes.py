"""What the end of a call means: for the provider's health, for another try, and as one of our errors."""

from asyncio import CancelledError
from typing import Any

from adapters.transport.call import ProviderCall, ProviderResponse
from hub.core.errors import (
    BreakerOpen,
    OutcomeUnknown,
    ProviderError,
    ProviderPermanent,
    ProviderTimeout,
    ProviderTransient,
)
from hub.resilience.retry import RetryDecision

PROVIDER_BUSY = "provider_busy"
TRANSIENT_STATUSES = frozenset({408, 425, 429})
"""Refusals that say: not now."""
RETRIED_STATUSES = TRANSIENT_STATUSES | {409, 500, 502, 503, 504}
"""409 is a provider still busy with the same key or row."""
AMBIGUOUS_STATUSES = TRANSIENT_STATUSES | {401, 403, 409}
"""Refusals at the door: they tell nothing about an earlier attempt at the same write."""
NEVER_RETRIED_STATUSES = frozenset({501, 505})

_SHOULD_RETRY = ("Stripe-Should-Retry", "X-Should-Retry")


def classify_outcome(outcome: ProviderResponse | Exception, *, retry_timeouts: bool = True) -> RetryDecision:
    """4xx and 429 are no failure of the provider; a breaker's or bulkhead's refusal is not tried again."""
    if isinstance(outcome, ProviderResponse):
        return RetryDecision(
            provider_healthy=outcome.status < 500,  # noqa: PLR2004
            should_retry=_worth_another(outcome),
            retry_after=outcome.retry_after,
        )
    if isinstance(outcome, BreakerOpen) or not isinstance(outcome, (ProviderTransient, OutcomeUnknown)):
        return RetryDecision(provider_healthy=True)
    if outcome.code == PROVIDER_BUSY:
        return RetryDecision(provider_healthy=True)
    return RetryDecision(
        provider_healthy=False, should_retry=retry_timeouts or not isinstance(outcome, ProviderTimeout)
    )


def _worth_another(answer: ProviderResponse) -> bool:
    if answer.status not in RETRIED_STATUSES or any(answer.headers.get(name) == "false" for name in _SHOULD_RETRY):
        return False
    return answer.call.is_final is None or not answer.call.is_final(answer)


def may_have_happened(call: ProviderCall, end: ProviderResponse | BaseException) -> bool:
    """Whether this attempt at a write may have been carried out though it did not succeed."""
    if isinstance(end, ProviderResponse):
        return not call.is_read and end.status >= 500 and end.status not in NEVER_RETRIED_STATUSES  # noqa: PLR2004
    return isinstance(end, OutcomeUnknown)


def make_refusal_error(
    answer: ProviderResponse, *, code: str | None = None, permanent: bool | None = None, **extra: Any
) -> ProviderError:
    """The error for an answer that is not a success, ready to raise.

    A 5xx to a write is OutcomeUnknown: it may have been carried out before the failure. 408, 425, 429 and a 5xx to
    a read are ProviderTransient, the rest ProviderPermanent; `permanent` overrules that for a provider's code that
    says more than its status. `code` is the provider's, and must hold nothing personal.
    """
    return _kind(answer, permanent)(
        answer.call.provider,
        f"{answer.call.operation} was answered {answer.status}{f' ({code})' if code else ''}.",
        provider_code=code,
        provider_status=answer.status,
        retry_after=answer.retry_after,
        **extra,
    )


def _kind(answer: ProviderResponse, permanent: bool | None) -> type[ProviderError]:
    if answer.status >= 500 and answer.status not in NEVER_RETRIED_STATUSES:  # noqa: PLR2004
        return ProviderTransient if answer.call.is_read else OutcomeUnknown
    if permanent is None:
        permanent = answer.status not in TRANSIENT_STATUSES
    return ProviderPermanent if permanent else ProviderTransient


def make_unreadable_error(answer: ProviderResponse) -> ProviderError:
    """The error for a success that makes no sense: a write has very likely happened."""
    kind = ProviderTransient if answer.call.is_read else OutcomeUnknown
    return kind(
        answer.call.provider,
        f"{answer.call.operation} was answered with something that could not be read.",
        provider_status=answer.status,
    )


def make_unanswered_error(call: ProviderCall, error: Exception, *, sent: bool) -> ProviderError:
    """The error for no answer, or half of one. `sent` is whether any of the question may have reached them.

    Of what happened only the kind is kept, as `cause`.
    """
    timed_out, cause = isinstance(error, TimeoutError), type(error).__name__
    if sent and not call.is_read:
        why = "was not answered in time" if timed_out else "was cut off"
        return OutcomeUnknown(call.provider, f"{call.operation} {why}: it may have happened.", cause=cause)
    if timed_out:
        return ProviderTimeout(call.provider, f"{call.operation} was not answered in time.", cause=cause)
    why = "was cut off" if sent else "could not be asked"
    return ProviderTransient(call.provider, f"{call.operation} {why}.", cause=cause)


def name_outcome(end: ProviderResponse | BaseException, *, sent: bool) -> str:
    """The word for an attempt's end in records and metrics (see ProviderCallRecord)."""
    if isinstance(end, ProviderResponse):
        return _name_of_status(end.status)
    if isinstance(end, OutcomeUnknown):
        return "unknown"
    if isinstance(end, ProviderError):
        return ("timeout" if isinstance(end, ProviderTimeout) else "broken") if sent else "unreachable"
    return "cancelled" if isinstance(end, CancelledError) else "error"


def _name_of_status(status: int) -> str:
    if status == 429:  # noqa: PLR2004
        return "rate_limited"
    if status >= 500:  # noqa: PLR2004
        return "failed"
    return "refused" if status >= 400 else "answered"  # noqa: PLR2004
