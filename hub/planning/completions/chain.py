"""One question and several models: who is asked, for how long, how often, and what is made of the answers.

Nothing of an answer is ever put together from two: what fails in the middle is void, and begins anew.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from uuid import UUID

from hub.core.clock import Chance, Clock
from hub.core.errors import BreakerOpen, HubError, ProviderError, ProviderTransient
from hub.planning.completions.errors import PROVIDER, ContentFiltered, ContextTooLong, NoModel, NotJson, Truncated
from hub.planning.completions.events import Answered, Attempt, Began, Event, Restarted
from hub.planning.completions.failure_policy import Judgement, Situation, judge
from hub.planning.completions.health import Health, Permitted, Resting
from hub.planning.completions.model import Finished, Models, Question, Route, Usage
from hub.planning.completions.schema_check import fits
from hub.planning.completions.token_counts import spent_on

SHARE = 2 / 3
"""Of the time that is left an attempt may take so much while somebody else could be asked after it."""
LEAST = 0.05
"""Seconds with which it is still worth asking."""
_NOT_FOUND = 404
REASONS = {"truncated": Truncated, "unreadable": NotJson}


@dataclass(slots=True)
class Course:
    """One question's way through the chain. `id` is that of its spending; `ends_at` on clock.monotonic()."""

    id: UUID
    question: Question
    routes: Sequence[Route]
    ends_at: float
    attempts: list[Attempt] = field(default_factory=list)
    answered: Answered | None = None
    said: "_Answer | None" = None
    """What was said last, by whom: that much is owed when it ends here."""
    errors: list[HubError] = field(default_factory=list)
    advice: list[float] = field(default_factory=list)
    blamed: int = 0
    """Attempts in which the question itself was refused."""

    @property
    def truncated(self) -> int:
        """Answers that were longer than allowed."""
        return sum(isinstance(one, Truncated) for one in self.errors)

    def owed(self) -> tuple[str | None, Usage, int]:
        """Model, tokens and micro-units: of the answer, else of what there was of one. Other attempts cost nothing."""
        if self.answered is not None:
            return self.answered.model, self.answered.usage, self.answered.cost
        if self.said is None:
            return None, Usage(0, 0), 0
        usage = self.said.usage(self.question)
        return self.said.route.model, usage, self.said.route.price.of(usage)


@dataclass(slots=True)
class _Answer:
    """What one attempt has brought so far."""

    route: Route
    started: float
    begun: bool = False
    pieces: list[str] = field(default_factory=list)
    finished: Finished | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def usage(self, question: Question) -> Usage:
        if self.finished is not None and self.finished.usage is not None:
            return self.finished.usage
        return spent_on(question, self.text)


class Chain:
    """Asks models in order. Who opened the generator closes it; closing it hangs up."""

    def __init__(self, models: Models, health: Health, clock: Clock, chance: Chance) -> None:
        self._models = models
        self._health = health
        self._clock = clock
        self._chance = chance

    async def run(self, course: Course) -> AsyncGenerator[Event, None]:
        """Ends with Answered. Raises NoModel, ContextTooLong, ContentFiltered, Truncated, NotJson."""
        for place, route in enumerate(course.routes):
            tries = 0
            while True:
                tries += 1
                later = [one for one in course.routes[place + 1 :] if self._health.available(one.model)]
                pause: float | None = None
                async with aclosing(self._asked(course, route, later, tries)) as events:
                    async for event in events:
                        if isinstance(event, float):
                            pause = event
                        else:
                            yield event
                if course.answered is not None:
                    return
                if course.truncated > 1:  # who cuts it twice will cut it always
                    raise _end(course)
                if pause is None:
                    break
                await self._clock.sleep(pause)
        raise _end(course)

    async def _asked(
        self, course: Course, route: Route, later: Sequence[Route], tries: int
    ) -> AsyncGenerator[Event | float, None]:
        """One attempt. A number at its end: ask the same model again after so many seconds."""
        limited = self._limited(course, route, later)
        permit = self._permitted(course, route) if limited is not None else None
        if limited is None or permit is None:
            return
        before, answer = course.said, _Answer(route, self._clock.monotonic())
        course.said = answer
        with permit:
            try:
                async with aclosing(self._pieces(course, limited, answer, permit)) as pieces:
                    async for piece in pieces:
                        yield piece
            except (ProviderError, ContextTooLong, ContentFiltered) as error:
                course.said = answer if answer.begun else before
                judgement = self._failed(course, answer, error, permit, alone=not later)
            else:
                permit.ended(healthy=True)
                judgement = self._weighed(course, answer, alone=not later)
        if judgement is None:
            if course.answered is not None:
                yield course.answered
            return
        pause = self._pause(course, judgement, tries)
        if answer.begun and (pause is not None or later):
            yield Restarted(route.model, judgement.outcome)
        if pause is not None:
            yield pause

    async def _pieces(
        self, course: Course, route: Route, answer: _Answer, permit: Permitted
    ) -> AsyncGenerator[Event, None]:
        stream = self._models.stream(route, course.question)
        try:
            async for piece in stream:
                if isinstance(piece, Finished):
                    answer.finished = piece
                    break
                if not answer.begun:
                    answer.begun = True
                    permit.began()
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

    def _began(self, course: Course, answer: _Answer) -> Began:
        now = Attempt(answer.route.model, "began", self._ms(answer))
        return Began(answer.route.model, (*course.attempts, now))

    def _limited(self, course: Course, route: Route, later: Sequence[Route]) -> Route | None:
        """The route with no more time than leaves the others theirs; None when there is none left."""
        left = course.ends_at - self._clock.monotonic()
        if left < LEAST:
            self._skipped(course, route, "out_of_time")
            return None
        total = left * SHARE if later else left
        return replace(
            route,
            total=min(route.total, total),
            first=min(route.first, left / (len(later) + 1)),
            idle=min(route.idle, total),
        )

    def _permitted(self, course: Course, route: Route) -> Permitted | None:
        try:
            return self._health.permit(route.model)
        except BreakerOpen as error:
            self._skipped(course, route, "resting" if isinstance(error, Resting) else "breaker_open")
            if error.retry_after is not None:
                course.advice.append(error.retry_after)
            return None

    def _skipped(self, course: Course, route: Route, outcome: str) -> None:
        if not course.attempts or course.attempts[-1].model != route.model:
            course.attempts.append(Attempt(route.model, outcome, 0))

    def _failed(
        self, course: Course, answer: _Answer, error: HubError, permit: Permitted, *, alone: bool
    ) -> Judgement | None:
        """Raises ContentFiltered unless the question lets a filter fail over and another model can be asked."""
        judgement = judge(error, Situation(begun=answer.begun, alone=alone))
        permit.ended(healthy=judgement.healthy)
        self._note(course, answer, judgement.outcome)
        course.errors.append(error)
        course.blamed += judgement.blames_question
        if judgement.rest is not None:
            course.advice.append(judgement.rest)
        if isinstance(error, ContentFiltered) and (alone or not course.question.filter_fails_over):
            raise error
        return judgement

    def _weighed(self, course: Course, answer: _Answer, *, alone: bool) -> Judgement | None:
        """Accepts a whole answer that fits the question. Raises ContentFiltered as `_failed` does."""
        finished, question = answer.finished, course.question
        assert finished is not None  # noqa: S101 (_pieces has seen to it)
        filtered = finished.reason in {"content_filter", "refusal"}
        bad = None if filtered else _unfit(question, finished, answer)
        if bad is not None:
            self._note(course, answer, bad)
            course.errors.append(REASONS[bad](answer.route.model))
            return Judgement(bad, healthy=True)
        self._note(course, answer, f"refused:{finished.reason}" if filtered else "answered")
        if filtered and course.question.filter_fails_over and not alone:
            course.errors.append(ContentFiltered(finished.note))
            return Judgement(f"refused:{finished.reason}", healthy=True)
        course.answered = _answered(course, answer, finished)
        if filtered:
            raise ContentFiltered(finished.note, answer=course.answered)
        return None

    def _note(self, course: Course, answer: _Answer, outcome: str) -> None:
        course.attempts.append(Attempt(answer.route.model, outcome, self._ms(answer)))

    def _ms(self, answer: _Answer) -> int:
        return round((self._clock.monotonic() - answer.started) * 1000)

    def _pause(self, course: Course, judgement: Judgement, tries: int) -> float | None:
        """Seconds until the same model is asked again; None when it is not, and is left alone if it wants to be."""
        model = course.attempts[-1].model
        backoff = judgement.backoff
        if backoff is not None and tries < backoff.attempts:
            pause = backoff.pause(tries, self._chance) + (judgement.after or 0.0)
            if self._clock.monotonic() + pause + LEAST < course.ends_at:
                return pause
        if judgement.rest is not None:
            self._health.rest(model, judgement.rest)
        return None


def _unfit(question: Question, finished: Finished, answer: _Answer) -> str | None:
    if question.schema is None or finished.reason == "tool_calls":
        return None
    if finished.reason == "length":
        return "truncated"
    return None if fits(answer.text, question.schema.document) else "unreadable"


def _answered(course: Course, answer: _Answer, finished: Finished) -> Answered:
    usage = answer.usage(course.question)
    return Answered(
        text=answer.text,
        model=answer.route.model,
        reason=finished.reason,
        usage=usage,
        cost=answer.route.price.of(usage),
        currency=answer.route.price.currency,
        attempts=tuple(course.attempts),
        id=course.id,
        note=finished.note,
    )


def _end(course: Course) -> HubError:
    """Why nobody has answered: what the caller can do something about comes first."""
    for kind in (Truncated, NotJson, ContentFiltered):
        if found := next((one for one in course.errors if isinstance(one, kind)), None):
            return found
    tried, asked = tuple(course.attempts), len(course.errors)
    if asked == len(tried) and all(isinstance(one, ContextTooLong) for one in course.errors) and asked:
        return course.errors[-1]
    last = course.errors[-1] if asked == len(tried) and asked else None
    refused = last if isinstance(last, ProviderError) and asked == course.blamed else None
    unknown = tried[0].model if last is not None and all(_is_unknown_model(error) for error in course.errors) else None
    return NoModel(tried, retry_after=min(course.advice, default=None), refused=refused, unknown=unknown)


def _is_unknown_model(error: HubError) -> bool:
    """By OpenAI's code, else by the status of servers that have none."""
    if not isinstance(error, ProviderError):
        return False
    return error.provider_code == "model_not_found" or (error.provider_status == _NOT_FOUND and not error.provider_code)
