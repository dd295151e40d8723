"""One question and several models: who is asked, for how long, how often, and what is made of the answers.

Nothing of an answer is ever put together from two: what fails in the middle is void, and begins anew.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from uuid import UUID

from hub.core.clock import Clock, RandomSource
from hub.core.errors import BreakerOpen, HubError, ProviderError, ProviderTransient
from hub.planning.completions.errors import (
    PROVIDER,
    AnswerTruncated,
    AnswerUnreadable,
    ContentFiltered,
    ContextTooLong,
    NoModelAvailable,
)
from hub.planning.completions.events import AnswerRestarted, AnswerStarted, Completion, CompletionEvent, ModelAttempt
from hub.planning.completions.failure_policy import AttemptContext, FailureDecision, classify_failure
from hub.planning.completions.health import CoolingDown, ModelHealth, ModelPermit
from hub.planning.completions.model import AnswerEnd, CompletionRequest, ModelClient, Route, TokenUsage
from hub.planning.completions.schema_check import matches_schema
from hub.planning.completions.token_counts import estimate_usage

ATTEMPT_SHARE = 2 / 3
"""Of the time that is left an attempt may take so much while somebody else could be asked after it."""
MIN_ATTEMPT_SECONDS = 0.05
"""Seconds with which it is still worth asking."""
_NOT_FOUND = 404
DEFECT_ERRORS = {"truncated": AnswerTruncated, "unreadable": AnswerUnreadable}


@dataclass(slots=True)
class ChainRun:
    """One question's way through the chain. `id` is that of its spending; `deadline` on clock.monotonic()."""

    id: UUID
    request: CompletionRequest
    routes: Sequence[Route]
    deadline: float
    attempts: list[ModelAttempt] = field(default_factory=list)
    completion: Completion | None = None
    last_answer: "_Answer | None" = None
    """What was said last, by whom: that much is owed when it ends here."""
    errors: list[HubError] = field(default_factory=list)
    retry_hints: list[float] = field(default_factory=list)
    rejected_count: int = 0
    """Attempts in which the question itself was refused."""

    @property
    def truncated_count(self) -> int:
        """Answers that were longer than allowed."""
        return sum(isinstance(one, AnswerTruncated) for one in self.errors)

    def calculate_cost(self) -> tuple[str | None, TokenUsage, int]:
        """Model, tokens and micro-units: of the answer, else of what there was of one. Other attempts cost nothing."""
        if self.completion is not None:
            return self.completion.model, self.completion.usage, self.completion.cost
        if self.last_answer is None:
            return None, TokenUsage(0, 0), 0
        usage = self.last_answer.usage(self.request)
        return self.last_answer.route.model, usage, self.last_answer.route.price.calculate_cost(usage)


@dataclass(slots=True)
class _Answer:
    """What one attempt has brought so far."""

    route: Route
    started: float
    begun: bool = False
    pieces: list[str] = field(default_factory=list)
    finished: AnswerEnd | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def usage(self, question: CompletionRequest) -> TokenUsage:
        if self.finished is not None and self.finished.usage is not None:
            return self.finished.usage
        return estimate_usage(question, self.text)


class ModelChain:
    """Asks models in order. Who opened the generator closes it; closing it hangs up."""

    def __init__(self, models: ModelClient, health: ModelHealth, clock: Clock, chance: RandomSource) -> None:
        self._models = models
        self._health = health
        self._clock = clock
        self._chance = chance

    async def run(self, course: ChainRun) -> AsyncGenerator[CompletionEvent, None]:
        """Ends with Answered.

        Raises NoModelAvailable, ContextTooLong, ContentFiltered, AnswerTruncated, AnswerUnreadable.
        """
        for place, route in enumerate(course.routes):
            tries = 0
            while True:
                tries += 1
                later = [one for one in course.routes[place + 1 :] if self._health.is_available(one.model)]
                pause: float | None = None
                async with aclosing(self._asked(course, route, later, tries)) as events:
                    async for event in events:
                        if isinstance(event, float):
                            pause = event
                        else:
                            yield event
                if course.completion is not None:
                    return
                if course.truncated_count > 1:  # who cuts it twice will cut it always
                    raise _end(course)
                if pause is None:
                    break
                await self._clock.sleep(pause)
        raise _end(course)

    async def _asked(
        self, course: ChainRun, route: Route, later: Sequence[Route], tries: int
    ) -> AsyncGenerator[CompletionEvent | float, None]:
        """One attempt. A number at its end: ask the same model again after so many seconds."""
        limited = self._limited(course, route, later)
        permit = self._permitted(course, route) if limited is not None else None
        if limited is None or permit is None:
            return
        before, answer = course.last_answer, _Answer(route, self._clock.monotonic())
        course.last_answer = answer
        with permit:
            try:
                async with aclosing(self._pieces(course, limited, answer, permit)) as pieces:
                    async for piece in pieces:
                        yield piece
            except (ProviderError, ContextTooLong, ContentFiltered) as error:
                course.last_answer = answer if answer.begun else before
                judgement = self._failed(course, answer, error, permit, alone=not later)
            else:
                permit.record_result(healthy=True)
                judgement = self._weighed(course, answer, alone=not later)
        if judgement is None:
            if course.completion is not None:
                yield course.completion
            return
        pause = self._pause(course, judgement, tries)
        if answer.begun and (pause is not None or later):
            yield AnswerRestarted(route.model, judgement.outcome)
        if pause is not None:
            yield pause

    async def _pieces(
        self, course: ChainRun, route: Route, answer: _Answer, permit: ModelPermit
    ) -> AsyncGenerator[CompletionEvent, None]:
        stream = self._models.stream_answer(route, course.request)
        try:
            async for piece in stream:
                if isinstance(piece, AnswerEnd):
                    answer.finished = piece
                    break
                if not answer.begun:
                    answer.begun = True
                    permit.record_start()
                    yield self._began(course, answer)
                answer.pieces.append(piece.text)
                yield piece
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        if answer.finished is None:
            raise ProviderTransient(PROVIDER, "The answer has no end.", code="stream_cut")
        if not answer.begun:
            yield self._began(course, answer)

    def _began(self, course: ChainRun, answer: _Answer) -> AnswerStarted:
        now = ModelAttempt(answer.route.model, "began", self._ms(answer))
        return AnswerStarted(answer.route.model, (*course.attempts, now))

    def _limited(self, course: ChainRun, route: Route, later: Sequence[Route]) -> Route | None:
        """The route with no more time than leaves the others theirs; None when there is none left."""
        left = course.deadline - self._clock.monotonic()
        if left < MIN_ATTEMPT_SECONDS:
            self._skipped(course, route, "out_of_time")
            return None
        total = left * ATTEMPT_SHARE if later else left
        return replace(
            route,
            total=min(route.total, total),
            first=min(route.first, left / (len(later) + 1)),
            idle=min(route.idle, total),
        )

    def _permitted(self, course: ChainRun, route: Route) -> ModelPermit | None:
        try:
            return self._health.acquire_permit(route.model)
        except BreakerOpen as error:
            self._skipped(course, route, "resting" if isinstance(error, CoolingDown) else "breaker_open")
            if error.retry_after is not None:
                course.retry_hints.append(error.retry_after)
            return None

    def _skipped(self, course: ChainRun, route: Route, outcome: str) -> None:
        if not course.attempts or course.attempts[-1].model != route.model:
            course.attempts.append(ModelAttempt(route.model, outcome, 0))

    def _failed(
        self, course: ChainRun, answer: _Answer, error: HubError, permit: ModelPermit, *, alone: bool
    ) -> FailureDecision | None:
        """Raises ContentFiltered unless the question lets a filter fail over and another model can be asked."""
        judgement = classify_failure(error, AttemptContext(has_started=answer.begun, is_last_model=alone))
        permit.record_result(healthy=judgement.healthy)
        self._note(course, answer, judgement.outcome)
        course.errors.append(error)
        course.rejected_count += judgement.blames_request
        if judgement.cooldown is not None:
            course.retry_hints.append(judgement.cooldown)
        if isinstance(error, ContentFiltered) and (alone or not course.request.failover_on_filter):
            raise error
        return judgement

    def _weighed(self, course: ChainRun, answer: _Answer, *, alone: bool) -> FailureDecision | None:
        """Accepts a whole answer that fits the question. Raises ContentFiltered as `_failed` does."""
        finished, question = answer.finished, course.request
        assert finished is not None  # noqa: S101 (_pieces has seen to it)
        filtered = finished.reason in {"content_filter", "refusal"}
        bad = None if filtered else _unfit(question, finished, answer)
        if bad is not None:
            self._note(course, answer, bad)
            course.errors.append(DEFECT_ERRORS[bad](answer.route.model))
            return FailureDecision(bad, healthy=True)
        self._note(course, answer, f"refused:{finished.reason}" if filtered else "answered")
        if filtered and course.request.failover_on_filter and not alone:
            course.errors.append(ContentFiltered(finished.note))
            return FailureDecision(f"refused:{finished.reason}", healthy=True)
        course.completion = _answered(course, answer, finished)
        if filtered:
            raise ContentFiltered(finished.note, answer=course.completion)
        return None

    def _note(self, course: ChainRun, answer: _Answer, outcome: str) -> None:
        course.attempts.append(ModelAttempt(answer.route.model, outcome, self._ms(answer)))

    def _ms(self, answer: _Answer) -> int:
        return round((self._clock.monotonic() - answer.started) * 1000)

    def _pause(self, course: ChainRun, judgement: FailureDecision, tries: int) -> float | None:
        """Seconds until the same model is asked again; None when it is not, and is left alone if it wants to be."""
        model = course.attempts[-1].model
        backoff = judgement.backoff
        if backoff is not None and tries < backoff.max_attempts:
            pause = backoff.compute_delay(tries, self._chance) + (judgement.retry_after or 0.0)
            if self._clock.monotonic() + pause + MIN_ATTEMPT_SECONDS < course.deadline:
                return pause
        if judgement.cooldown is not None:
            self._health.start_cooldown(model, judgement.cooldown)
        return None


def _unfit(question: CompletionRequest, finished: AnswerEnd, answer: _Answer) -> str | None:
    if question.schema is None or finished.reason == "tool_calls":
        return None
    if finished.reason == "length":
        return "truncated"
    return None if matches_schema(answer.text, question.schema.document) else "unreadable"


def _answered(course: ChainRun, answer: _Answer, finished: AnswerEnd) -> Completion:
    usage = answer.usage(course.request)
    return Completion(
        text=answer.text,
        model=answer.route.model,
        reason=finished.reason,
        usage=usage,
        cost=answer.route.price.calculate_cost(usage),
        currency=answer.route.price.currency,
        attempts=tuple(course.attempts),
        id=course.id,
        note=finished.note,
    )


def _end(course: ChainRun) -> HubError:
    """Why nobody has answered: what the caller can do something about comes first."""
    for kind in (AnswerTruncated, AnswerUnreadable, ContentFiltered):
        if found := next((one for one in course.errors if isinstance(one, kind)), None):
            return found
    tried, asked = tuple(course.attempts), len(course.errors)
    if asked == len(tried) and all(isinstance(one, ContextTooLong) for one in course.errors) and asked:
        return course.errors[-1]
    last = course.errors[-1] if asked == len(tried) and asked else None
    refused = last if isinstance(last, ProviderError) and asked == course.rejected_count else None
    unknown = tried[0].model if last is not None and all(_is_unknown_model(error) for error in course.errors) else None
    return NoModelAvailable(
        tried, retry_after=min(course.retry_hints, default=None), rejection=refused, unknown_model=unknown
    )


def _is_unknown_model(error: HubError) -> bool:
    """By OpenAI's code, else by the status of servers that have none."""
    if not isinstance(error, ProviderError):
        return False
    return error.provider_code == "model_not_found" or (error.provider_status == _NOT_FOUND and not error.provider_code)
