"""How asking a language model can end badly.

NoModelAvailable           503  ai_unavailable            every model of the chain was asked, or is left alone
ContextTooLong    422  context_length_exceeded   no model of the chain takes this much
ContentFiltered   422  content_filter            a model will not speak of this; asking elsewhere is no cure
Truncated         502  answer_truncated          the answer was longer than allowed: half a document is none
AnswerUnreadable           502  answer_unreadable         what was to be a document of a schema is none
BudgetExceeded       429  ai_budget_spent           a user's, a plan's or everybody's money for this is used up
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from hub.core.errors import InvalidRequest, ProviderError, ProviderPermanent, ProviderTransient, TooManyRequests
from hub.planning.completions.events import Completion, ModelAttempt

PROVIDER = "ai"
"""Under this name the chain as a whole is in trouble; one model's trouble carries its own provider's."""

BudgetKind = Literal["user", "plan", "global"]


class RequestRejected(ProviderPermanent):
    """The language model's server refused the question.

    `param` is the part of the question that the provider names, in its own notation: `messages[0].content`.
    """

    def __init__(self, provider: str, detail: str, *, param: str | None = None, **extra: Any) -> None:
        super().__init__(provider, detail, **extra)
        self.param = param


class NoModelAvailable(ProviderTransient):
    """No language model could answer.

    `attempts` is what was tried. `rejection` when every one of them said that the question itself is wrong.
    `unknown_model` when the provider knows none of the models that were named.
    """

    code = "ai_unavailable"

    def __init__(
        self,
        attempts: tuple[ModelAttempt, ...] = (),
        *,
        retry_after: float | None = None,
        rejection: ProviderError | None = None,
        unknown_model: str | None = None,
    ) -> None:
        tried = ", ".join(f"{one.model} {one.outcome}" for one in attempts) or "nothing is set up"
        super().__init__(PROVIDER, f"No language model could answer ({tried}).", retry_after=retry_after)
        self.attempts = attempts
        self.rejection = rejection
        self.unknown_model = unknown_model


class ContextTooLong(InvalidRequest):
    """The question is longer than the language model can take."""

    code = "context_length_exceeded"


class ContentFiltered(InvalidRequest):
    """The language model may not speak of this.

    `note` is what the provider says of it; `answer` what there was until then, where the model had begun.
    """

    code = "content_filter"

    def __init__(self, note: str | None = None, *, answer: Completion | None = None) -> None:
        super().__init__(note)
        self.note = note
        self.answer = answer


class AnswerTruncated(ProviderError):
    """The language model's answer was cut at the allowed length."""

    status: ClassVar[int] = 502
    code = "answer_truncated"


class AnswerUnreadable(ProviderError):
    """The language model's answer does not fit what was asked for."""

    status: ClassVar[int] = 502
    code = "answer_unreadable"


class BudgetExceeded(TooManyRequests):
    """The budget for language models is used up.

    `scope` says whose; `renews_at` when there is a new one, None for a plan, which has one for good.
    """

    code = "ai_budget_spent"

    def __init__(self, scope: BudgetKind, *, renews_at: datetime | None, retry_after: float | None) -> None:
        whose = {"user": "Your budget", "plan": "The budget of this plan", "global": "The budget of all"}[scope]
        until = f" It is new on {renews_at:%Y-%m-%d} at 00:00 UTC." if renews_at else ""
        super().__init__(f"{whose} for language models is used up.{until}", retry_after=retry_after, scope=scope)
        self.scope = scope
        self.renews_at = renews_at
