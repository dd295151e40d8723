"""The adapter for language models, and a question for it."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from adapters.openai import OpenAIModels
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.core.provider_calls import CallRecord
from hub.planning.completions.model import Delta, Finished, Message, Price, Question, Route, Schema

CANARY = "canary@example.com"
HELLO = Question((Message("system", "Be kind."), Message("user", f"Hello from {CANARY}")), 400)
PERSON = Schema(
    "person",
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
)


@dataclass
class Asker:
    models: OpenAIModels
    transport: Transport
    base_url: str = ""
    records: list[CallRecord] = field(default_factory=list)

    def route(self, model: str = "m", **more: Any) -> Route:
        given = {"base_url": self.base_url, "api_key": "sk-sandbox-canary", "wire": "chat", "price": Price(250, 1000)}
        return Route(model, **given | {"first": 5.0, "idle": 5.0, "total": 20.0} | more)

    async def said(self, route: Route, question: Question = HELLO) -> tuple[str, Finished]:
        """All of a stream: its text, and its end."""
        pieces = [one async for one in self.models.stream(route, question)]
        assert isinstance(pieces[-1], Finished)
        return "".join(one.text for one in pieces if isinstance(one, Delta)), pieces[-1]


@asynccontextmanager
async def asker(base_url: str = "") -> AsyncIterator[Asker]:
    records: list[CallRecord] = []
    async with Transport.opened(clock=SystemClock(), chance=random.Random(1), record=records.append) as transport:
        yield Asker(OpenAIModels(transport), transport, base_url, records)
