"""What a failed attempt means: for the model's health, and for who is asked next.

429 with Retry-After     asked again after it when that is soon, else the next; left alone until it has passed
429 without              asked again a few times with growing, jittered pauses, then the next
500, reset, cut, broken  asked again once, where no word of the answer was out yet or there is nobody else
502, 503, 529            the next; once more where there is nobody else
silent, slow, stalled    the next: a silent server is not asked twice
refused                  the next: this model will not answer this, however often it is asked
"""

from dataclasses import dataclass
from typing import Literal

from hub.core.errors import HubError, ProviderError, ProviderTimeout, ProviderTransient
from hub.planning.completions.errors import ContentFiltered, ContextTooLong
from hub.resilience.retry import Backoff

MAX_RETRY_WAIT = 2.0
"""Seconds of Retry-After that are waited for while somebody else could be asked."""
MAX_RETRY_WAIT_LAST_MODEL = 10.0
"""The same where there is nobody else."""
RATE_LIMIT_BACKOFF = Backoff(max_attempts=3, initial_delay=0.25, max_delay=2.0)
"""After a 429 that does not say for how long."""
FAILURE_BACKOFF = Backoff(max_attempts=2, initial_delay=0.2, max_delay=1.0)

_TOO_MANY, _FAILED = 429, 500
_ROUTE = frozenset({401, 403, 404, 429})
"""Permanent refusals that tell of the route (its key, its model, its credit), whatever is asked."""
_QUESTION = frozenset({400, 413, 415, 422})
_WORDS = {
    "first_token_timeout": "timeout", "total_timeout": "timeout", "provider_timeout": "timeout",
    "stream_stalled": "stalled", "stream_cut": "cut", "stream_malformed": "malformed", "stream_failed": "failed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FailureDecision:
    """`again`: the same model may be asked once more, after `pause` seconds, or jittered by `backoff` when None.

    `cooldown`: seconds for which it wants to be left alone. `blames_request`: it would refuse this from anybody.
    """

    outcome: str
    healthy: bool
    backoff: Backoff | None = None
    retry_after: float | None = None
    cooldown: float | None = None
    blames_request: bool = False


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """`has_started`: a piece of the answer was out. `is_last_model`: nobody else could be asked."""

    has_started: bool
    is_last_model: bool


AnswerDefect = Literal["truncated", "unreadable"]


def classify_failure(error: HubError, now: AttemptContext) -> FailureDecision:
    if isinstance(error, ContextTooLong):
        return FailureDecision("refused:context_length", healthy=True)
    if isinstance(error, ContentFiltered):
        return FailureDecision("refused:content_filter", healthy=True)
    if isinstance(error, ProviderTimeout):
        return FailureDecision(_WORDS.get(error.code, "timeout"), healthy=False)
    if isinstance(error, ProviderTransient):
        return _transient(error, now)
    return _permanent(error)


def _transient(error: ProviderTransient, now: AttemptContext) -> FailureDecision:
    if error.provider_status == _TOO_MANY:
        return _limited(error.retry_after, now)
    if error.code == "provider_busy":  # our own bulkhead: nothing was asked
        return FailureDecision("busy", healthy=True)
    outcome = _WORDS.get(error.code) or ("failed" if error.provider_status else "reset")
    passing = error.provider_status in {None, _FAILED} and not now.has_started
    return FailureDecision(outcome, healthy=False, backoff=FAILURE_BACKOFF if passing or now.is_last_model else None)


def _limited(after: float | None, now: AttemptContext) -> FailureDecision:
    if after is None:
        return FailureDecision(
            "rate_limited", healthy=True, backoff=RATE_LIMIT_BACKOFF, cooldown=RATE_LIMIT_BACKOFF.max_delay
        )
    soon = after <= (MAX_RETRY_WAIT_LAST_MODEL if now.is_last_model else MAX_RETRY_WAIT)
    return FailureDecision(
        "rate_limited", healthy=True, backoff=FAILURE_BACKOFF if soon else None, retry_after=after, cooldown=after
    )


def _permanent(error: HubError) -> FailureDecision:
    status = error.provider_status if isinstance(error, ProviderError) else None
    code = (error.provider_code if isinstance(error, ProviderError) else None) or status or error.code
    return FailureDecision(
        f"refused:{code}", healthy=status not in _ROUTE, blames_request=status in _QUESTION or status is None
    )
