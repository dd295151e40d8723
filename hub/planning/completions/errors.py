"""How asking a language model can end badly.

NoModel           503  ai_unavailable            every model of the chain was asked, or is left alone
ContextTooLong    422  context_length_exceeded   no model of the chain takes this much
ContentFiltered   422  content_filter            a model will not speak of this; asking elsewhere is no cure
Truncated         502  answer_truncated          the answer was longer than allowed: half a document is none
NotJson           502  answer_unreadable         what was to be a document of a schema is none
BudgetSpent       429  ai_budget_spent           a user's, a plan's or everybody's money for this is used up
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from hub.core.errors import Invalid, ProviderError, ProviderPermanent, ProviderTransient, TooManyRequests
from hub.planning.completions.events import Answered, Attempt

PROVIDER = "ai"
"""Under this name the chain as a whole is in trouble; one model's trouble carries its own provider's."""

Scope = Literal["user", "plan", "global"]


class QuestionRefused(ProviderPermanent):
    """The language model's server refused the question.

    `param` is the part of the question that the provider names, in its own notation: `messages[0].content`.
    """

    def __init__(self, provider: str, detail: str, *, param: str | None = None, **extra: Any) -> None:
        super().__init__(provider, detail, **extra)
        self.param = param


class NoModel(ProviderTransient):
    """No language model could answer.

    `attempts` is what was tried. `refused` when every one of them said that the question itself is wrong. `unknown`
    when the provider knows none of the models that were named.
    """

    code = "ai_unavailable"

    def __init__(
        self,
        attempts: tuple[Attempt, ...] = (),
        *,
        retry_after: float | None = None,
        refused: ProviderError | None = None,
        unknown: str | None = None,
    ) -> None:
        tried = ", ".join(f"{one.model} {one.outcome}" for one in attempts) or "nothing is set up"
        super().__init__(PROVIDER, f"No language model could answer ({tried}).", retry_after=retry_after)
        self.attempts = attempts
        self.refused = refused
        self.unknown = unknown


class ContextTooLong(Invalid):
    """The question is longer than the language model can take."""

    code = "context_length_exceeded"


class ContentFiltered(Invalid):
    """The language model may not speak of this.

    `note` is what the provider says of it; `answer` what there was until then, where the model had begun.
    """

    code = "content_filter"

    def __init__(self, note: str | None = None, *, answer: Answered | None = None) -> None:
        super().__init__(note)
        self.note = note
        self.answer = answer


class Truncated(ProviderError):
    """The language model's answer was cut at the allowed length."""

    status: ClassVar[int] = 502
    code = "answer_truncated"


class NotJson(ProviderError):
    """The language model's answer does not fit what was asked for."""

    status: ClassVar[int] = 502
    code = "answer_unreadable"


class BudgetSpent(TooManyRequests):
    """The budget for language models is used up.

    `scope` says whose; `renews_at` when there is a new one, None for a plan, which has one for good.
    """

    code = "ai_budget_spent"

    def __init__(self, scope: Scope, *, renews_at: datetime | None, retry_after: float | None) -> None:
        whose = {"user": "Your budget", "plan": "The budget of this plan", "global": "The budget of all"}[scope]
        until = f" It is new on {renews_at:%Y-%m-%d} at 00:00 UTC." if renews_at else ""
        super().__init__(f"{whose} for language models is used up.{until}", retry_after=retry_after, scope=scope)
        self.scope = scope
        self.renews_at = renews_at
