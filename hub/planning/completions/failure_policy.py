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

PATIENCE = 2.0
"""Seconds of Retry-After that are waited for while somebody else could be asked."""
ALONE_PATIENCE = 10.0
"""The same where there is nobody else."""
LIMITED = Backoff(attempts=3, first=0.25, cap=2.0)
"""After a 429 that does not say for how long."""
FAILED = Backoff(attempts=2, first=0.2, cap=1.0)

_TOO_MANY, _FAILED = 429, 500
_ROUTE = frozenset({401, 403, 404, 429})
"""Permanent refusals that tell of the route (its key, its model, its credit), whatever is asked."""
_QUESTION = frozenset({400, 413, 415, 422})
_WORDS = {
    "first_token_timeout": "timeout", "total_timeout": "timeout", "provider_timeout": "timeout",
    "stream_stalled": "stalled", "stream_cut": "cut", "stream_malformed": "malformed", "stream_failed": "failed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judgement:
    """`again`: the same model may be asked once more, after `pause` seconds, or jittered by `backoff` when None.

    `rest`: seconds for which it wants to be left alone. `blames_question`: it would refuse this from anybody.
    """

    outcome: str
    healthy: bool
    backoff: Backoff | None = None
    after: float | None = None
    rest: float | None = None
    blames_question: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """`begun`: a piece of the answer was out. `alone`: nobody else could be asked."""

    begun: bool
    alone: bool


Bad = Literal["truncated", "unreadable"]


def judge(error: HubError, now: Situation) -> Judgement:
    if isinstance(error, ContextTooLong):
        return Judgement("refused:context_length", healthy=True)
    if isinstance(error, ContentFiltered):
        return Judgement("refused:content_filter", healthy=True)
    if isinstance(error, ProviderTimeout):
        return Judgement(_WORDS.get(error.code, "timeout"), healthy=False)
    if isinstance(error, ProviderTransient):
        return _transient(error, now)
    return _permanent(error)


def _transient(error: ProviderTransient, now: Situation) -> Judgement:
    if error.provider_status == _TOO_MANY:
        return _limited(error.retry_after, now)
    if error.code == "provider_busy":  # our own bulkhead: nothing was asked
        return Judgement("busy", healthy=True)
    outcome = _WORDS.get(error.code) or ("failed" if error.provider_status else "reset")
    passing = error.provider_status in {None, _FAILED} and not now.begun
    return Judgement(outcome, healthy=False, backoff=FAILED if passing or now.alone else None)


def _limited(after: float | None, now: Situation) -> Judgement:
    if after is None:
        return Judgement("rate_limited", healthy=True, backoff=LIMITED, rest=LIMITED.cap)
    soon = after <= (ALONE_PATIENCE if now.alone else PATIENCE)
    return Judgement("rate_limited", healthy=True, backoff=FAILED if soon else None, after=after, rest=after)


def _permanent(error: HubError) -> Judgement:
    status = error.provider_status if isinstance(error, ProviderError) else None
    code = (error.provider_code if isinstance(error, ProviderError) else None) or status or error.code
    return Judgement(
        f"refused:{code}", healthy=status not in _ROUTE, blames_question=status in _QUESTION or status is None
    )
