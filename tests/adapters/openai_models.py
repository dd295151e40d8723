"""The adapter for language models, and a question for it."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from adapters.openai import OpenAIModelClient
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.core.provider_calls import ProviderCallRecord
from hub.planning.completions.model import (
    AnswerEnd,
    ChatMessage,
    CompletionRequest,
    OutputSchema,
    Route,
    TextDelta,
    TokenPrice,
)

CANARY = "canary@example.com"
HELLO = CompletionRequest((ChatMessage("system", "Be kind."), ChatMessage("user", f"Hello from {CANARY}")), 400)
PERSON = OutputSchema(
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
    models: OpenAIModelClient
    transport: Transport
    base_url: str = ""
    records: list[ProviderCallRecord] = field(default_factory=list)

    def route(self, model: str = "m", **more: Any) -> Route:
        given = {
            "base_url": self.base_url,
            "api_key": "sk-sandbox-canary",
            "wire": "chat",
            "price": TokenPrice(250, 1000),
        }
        return Route(model, **given | {"first": 5.0, "idle": 5.0, "total": 20.0} | more)

    async def said(self, route: Route, question: CompletionRequest = HELLO) -> tuple[str, AnswerEnd]:
        """All of a stream: its text, and its end."""
        pieces = [one async for one in self.models.stream_answer(route, question)]
        assert isinstance(pieces[-1], AnswerEnd)
        return "".join(one.text for one in pieces if isinstance(one, TextDelta)), pieces[-1]


@asynccontextmanager
async def asker(base_url: str = "") -> AsyncIterator[Asker]:
    records: list[ProviderCallRecord] = []
    async with Transport.open_with_session(
        clock=SystemClock(), chance=random.Random(1), record=records.append
    ) as transport:
        yield Asker(OpenAIModelClient(transport), transport, base_url, records)
