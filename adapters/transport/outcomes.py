"""What the end of a call means: for the provider's health, for another try, and as one of our errors."""

from asyncio import CancelledError
from typing import Any

from adapters.transport.call import Answer, Call
from hub.core.errors import (
    BreakerOpen,
    OutcomeUnknown,
    ProviderError,
    ProviderPermanent,
    ProviderTimeout,
    ProviderTransient,
)
from hub.resilience.retry import Verdict

BUSY = "provider_busy"
PASSING = frozenset({408, 425, 429})
"""Refusals that say: not now."""
RETRIED = PASSING | {409, 500, 502, 503, 504}
"""409 is a provider still busy with the same key or row."""
UNSETTLING = PASSING | {401, 403, 409}
"""Refusals at the door: they tell nothing about an earlier attempt at the same write."""
HOPELESS = frozenset({501, 505})

_SHOULD_RETRY = ("Stripe-Should-Retry", "X-Should-Retry")


def verdict(outcome: Answer | Exception, *, retry_timeouts: bool = True) -> Verdict:
    """4xx and 429 are no failure of the provider; a breaker's or bulkhead's refusal is not tried again."""
    if isinstance(outcome, Answer):
        return Verdict(healthy=outcome.status < 500, retry=_worth_another(outcome), after=outcome.retry_after)  # noqa: PLR2004
    if isinstance(outcome, BreakerOpen) or not isinstance(outcome, (ProviderTransient, OutcomeUnknown)):
        return Verdict(healthy=True)
    if outcome.code == BUSY:
        return Verdict(healthy=True)
    return Verdict(healthy=False, retry=retry_timeouts or not isinstance(outcome, ProviderTimeout))


def _worth_another(answer: Answer) -> bool:
    if answer.status not in RETRIED or any(answer.headers.get(name) == "false" for name in _SHOULD_RETRY):
        return False
    return answer.call.final is None or not answer.call.final(answer)


def leaves_doubt(call: Call, end: Answer | BaseException) -> bool:
    """Whether this attempt at a write may have been carried out though it did not succeed."""
    if isinstance(end, Answer):
        return not call.read and end.status >= 500 and end.status not in HOPELESS  # noqa: PLR2004
    return isinstance(end, OutcomeUnknown)


def refusal(answer: Answer, *, code: str | None = None, permanent: bool | None = None, **extra: Any) -> ProviderError:
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


def _kind(answer: Answer, permanent: bool | None) -> type[ProviderError]:
    if answer.status >= 500 and answer.status not in HOPELESS:  # noqa: PLR2004
        return ProviderTransient if answer.call.read else OutcomeUnknown
    if permanent is None:
        permanent = answer.status not in PASSING
    return ProviderPermanent if permanent else ProviderTransient


def unreadable(answer: Answer) -> ProviderError:
    """The error for a success that makes no sense: a write has very likely happened."""
    kind = ProviderTransient if answer.call.read else OutcomeUnknown
    return kind(
        answer.call.provider,
        f"{answer.call.operation} was answered with something that could not be read.",
        provider_status=answer.status,
    )


def unanswered(call: Call, error: Exception, *, sent: bool) -> ProviderError:
    """The error for no answer, or half of one. `sent` is whether any of the question may have reached them.

    Of what happened only the kind is kept, as `cause`.
    """
    timed_out, cause = isinstance(error, TimeoutError), type(error).__name__
    if sent and not call.read:
        why = "was not answered in time" if timed_out else "was cut off"
        return OutcomeUnknown(call.provider, f"{call.operation} {why}: it may have happened.", cause=cause)
    if timed_out:
        return ProviderTimeout(call.provider, f"{call.operation} was not answered in time.", cause=cause)
    why = "was cut off" if sent else "could not be asked"
    return ProviderTransient(call.provider, f"{call.operation} {why}.", cause=cause)


def outcome_name(end: Answer | BaseException, *, sent: bool) -> str:
    """The word for an attempt's end in records and metrics (see CallRecord)."""
    if isinstance(end, Answer):
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
