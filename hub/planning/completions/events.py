"""What a stream of the chain gives, in order: Began, Delta*, (Restarted, Began, Delta*)*, Answered."""

from dataclasses import dataclass, field
from uuid import UUID

from hub.planning.completions.model import FinishReason, TextDelta, TokenUsage


@dataclass(frozen=True, slots=True)
class UsageScope:
    """For whom, and what for: `plan`, `refine`, `repair`, `chat`…"""

    user_id: UUID | None
    purpose: str
    plan_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ModelAttempt:
    """`outcome` is `answered`, `rate_limited`, `timeout`, `cut`, `stalled`, `refused:<code>`… `ms` is how long it took.

    A model that was left alone has an attempt too, of no time: `breaker_open`, `resting`, `out_of_time`.
    """

    model: str
    outcome: str
    ms: int


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The first piece of an answer is here. `attempts` is what was tried before, and this one, which has `began`."""

    model: str
    attempts: tuple[ModelAttempt, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerRestarted:
    """All Deltas so far are void: `model` has failed in the middle, and what follows begins anew.

    Who cannot begin anew closes the generator here: nobody else has been asked yet.
    """

    model: str
    because: str


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of an answer. `model` is the one that answered, `cost` in micro-units (millionths of the major unit).

    `reason` is `length` only without a schema, for who has asked for a bound. `id` is the row of the spending.
    """

    text: str = field(repr=False)
    model: str
    reason: FinishReason
    usage: TokenUsage
    cost: int
    currency: str
    attempts: tuple[ModelAttempt, ...]
    id: UUID
    note: str | None = field(default=None, repr=False)
    """What the provider says about a refusal or a filter."""


CompletionEvent = AnswerStarted | TextDelta | AnswerRestarted | Completion
