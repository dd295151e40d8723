"""A hub in front of the sandbox's models, asked by OpenAI's own client."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

from tests.support.running import Running

KEY = "service-key-" + "k" * 32


@dataclass
class Desk:
    hub: Running
    client: openai.AsyncOpenAI

    async def ask(self, model: str, *fallbacks: str, text: str = "Where to?", **more: Any) -> Any:
        """A completion as the SDK reads it; its headers as `hub_attempts`."""
        body = {"fallbacks": list(fallbacks)} if fallbacks else {}
        messages = [{"role": "user", "content": text}]
        given = {"model": model, "messages": messages, "extra_body": body} | more
        raw = await self.client.chat.completions.with_raw_response.create(**given)
        found = raw.parse()
        object.__setattr__(found, "hub_attempts", attempts(raw.headers))
        return found

    async def stream(
        self, model: str, *fallbacks: str, text: str = "Where to?", rescue: str | None = None, **more: Any
    ) -> "Streamed":
        """Every chunk, to the end."""
        body = {"fallbacks": list(fallbacks)} if fallbacks else {}
        body |= {"rescue": rescue} if rescue else {}
        messages = [{"role": "user", "content": text}]
        given = {"model": model, "messages": messages, "extra_body": body, "stream": True} | more
        return Streamed([one async for one in await self.client.chat.completions.create(**given)])

    async def calls(self, model: str | None = None) -> list[dict[str, Any]]:
        """What the sandbox's models were asked."""
        found = await self.hub.control("GET", "openai/calls")
        return [one for one in found if model in {None, one["model"]}]

    async def fault(self, model: str, fault: str, **more: Any) -> None:
        await self.hub.control("POST", "openai/fault", {"model": model, "fault": fault, **more})

    async def spending(self) -> list[dict[str, Any]]:
        async with self.hub.db.connection() as tx:
            return [dict(row) for row in await tx.fetch("select * from ai_spending order by at, id")]

    async def reserved(self) -> int:
        async with self.hub.db.connection() as tx:
            return int(await tx.fetchval("select coalesce(sum(reserved), 0) from ai_budgets"))


@dataclass
class Streamed:
    chunks: list[Any]

    @property
    def text(self) -> str:
        return "".join(one.choices[0].delta.content or "" for one in self.chunks if one.choices)

    @property
    def model(self) -> str:
        return str(self.chunks[-1].model)

    @property
    def finish(self) -> str | None:
        return next((one.choices[0].finish_reason for one in reversed(self.chunks) if one.choices), None)


def attempts(headers: Any) -> list[str]:
    """`model outcome`, in order."""
    told = [one.split(";") for one in (headers.get("X-Hub-Attempts") or "").split(", ") if one]
    return [f"{model} {outcome}" for model, outcome, _ in told]


def sdk(url: str, key: str = KEY) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=key, base_url=f"{url}/api/ai", max_retries=0, http_client=httpx2.AsyncClient(trust_env=False)
    )


def told(error: openai.APIStatusError) -> dict[str, Any]:
    return dict(json.loads(error.response.text)["error"])
