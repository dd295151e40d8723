"""Models that play a script, on a clock that stands still until something waits."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hub.core.errors import ProviderPermanent, ProviderTimeout, ProviderTransient
from hub.planning.completions import (
    AnswerEnd,
    AnswerRestarted,
    ChatMessage,
    Completion,
    CompletionRequest,
    FinishReason,
    ModelChain,
    ModelHealth,
    OutputSchema,
    Route,
    TextDelta,
    TokenPrice,
    TokenUsage,
)
from hub.planning.completions.chain import ChainRun

Line = str | float | BaseException | AnswerEnd | TextDelta


class Time:
    """Sleeping moves it."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(seconds=self.at - 1000)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


USAGE = TokenUsage(100, 20)


def done(reason: FinishReason = "stop", usage: TokenUsage | None = USAGE, note: str | None = None) -> AnswerEnd:
    return AnswerEnd(reason, usage, "served", note)


def transient(status: int | None = None, *, code: str | None = None, after: float | None = None) -> ProviderTransient:
    return ProviderTransient("openai", provider_status=status, code=code, retry_after=after)


def timeout(code: str = "first_token_timeout") -> ProviderTimeout:
    return ProviderTimeout("openai", code=code)


def permanent(status: int, code: str | None = None) -> ProviderPermanent:
    return ProviderPermanent("openai", provider_status=status, provider_code=code)


GOOD: tuple[Line, ...] = ("Hello", " there", done())


@dataclass
class Scripted:
    """By model its answers, in order; the last one is given for ever. A number is a wait, in seconds."""

    time: Time
    scripts: dict[str, Sequence[Sequence[Line]]]
    asked: list[Route] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [one.model for one in self.asked]

    async def stream_answer(self, route: Route, question: CompletionRequest) -> AsyncIterator[TextDelta | AnswerEnd]:
        played = self.scripts[route.model]
        lines = played[min(self.names.count(route.model), len(played) - 1)]
        self.asked.append(route)
        complete = False
        try:
            for line in lines:
                if isinstance(line, BaseException):
                    complete = True
                    raise line
                if isinstance(line, float):
                    await self.time.sleep(line)
                    continue
                complete = isinstance(line, AnswerEnd)
                yield TextDelta(line) if isinstance(line, str) else line
        finally:
            if not complete:
                self.hung_up.append(route.model)

    async def fetch_answer(self, route: Route, question: CompletionRequest) -> tuple[TextDelta, AnswerEnd]:
        raise NotImplementedError


PRICE = TokenPrice(1000, 4000)


def route(model: str, **more: Any) -> Route:
    return Route(model, "http://localhost/v1", "sk", "chat", PRICE, **{"first": 20.0, **more})


def question(text: str = "Where to?", *, schema: Mapping[str, Any] | None = None, most: int = 500) -> CompletionRequest:
    asked = OutputSchema("answer", schema) if schema is not None else None
    return CompletionRequest((ChatMessage("user", text),), most, asked)


@dataclass
class Table:
    """A chain over a script."""

    time: Time
    models: Scripted
    health: ModelHealth
    total: float = 60.0

    async def ask(self, *names: str, about: CompletionRequest | None = None) -> list[Any]:
        """Every event of the chain, deltas as their text."""
        names = names or tuple(self.models.scripts)
        chain = ModelChain(self.models, self.health, self.time, random.Random(1))
        ends_at = self.time.monotonic() + self.total
        course = ChainRun(UUID(int=1), about or question(), [route(one) for one in names], ends_at)
        events = [one async for one in chain.run(course)]
        return [one.text if isinstance(one, TextDelta) else one for one in events]

    async def answer(self, *names: str, about: CompletionRequest | None = None) -> Completion:
        found = (await self.ask(*names, about=about))[-1]
        assert isinstance(found, Completion)
        return found


def table(**scripts: Sequence[Sequence[Line]]) -> Table:
    time = Time()
    return Table(time, Scripted(time, dict(scripts)), ModelHealth(time, scripts))


def outcomes(answer: Any) -> list[str]:
    return [f"{one.model} {one.outcome}" for one in answer.attempts]


def restarts(events: list[Any]) -> list[str]:
    return [one.because for one in events if isinstance(one, AnswerRestarted)]
