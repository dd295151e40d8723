"""The whole sandbox with the real SDK in front of its OpenAI, and the bare wire beside it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx2
from openai import AsyncOpenAI

from tests.sandbox.shell import Shell, open_shell

BEARER = {"Authorization": "Bearer sk-sandbox"}
HELLO = [{"role": "user", "content": "Where shall we go in May, and what is there to see when it rains all week?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "nights": {"type": "integer"}, "why": {"type": ["string", "null"]}},
    "required": ["city", "nights", "why"],
    "additionalProperties": False,
}


@dataclass
class Lab:
    shell: Shell
    sdk: AsyncOpenAI

    @property
    def session(self) -> aiohttp.ClientSession:
        return self.shell.session

    def url(self, path: str) -> str:
        return f"{self.shell.base}/openai/v1/{path}"

    async def post(self, path: str, /, **body: Any) -> tuple[int, Any, Any]:
        """Status, body and headers, off the wire."""
        return await self.shell.call("POST", f"/openai/v1/{path}", json=body, headers=BEARER)

    async def refused(self, path: str, /, **body: Any) -> tuple[int, dict[str, Any]]:
        status, found, _ = await self.post(path, **body)
        assert set(found["error"]) == {"message", "type", "param", "code"}
        return status, found["error"]

    async def chat(self, model: str = "gpt-sandbox", **more: Any) -> tuple[int, Any, Any]:
        return await self.post("chat/completions", **{"model": model, "messages": HELLO} | more)

    async def respond(self, model: str = "gpt-sandbox", **more: Any) -> tuple[int, Any, Any]:
        return await self.post("responses", **{"model": model, "input": HELLO[0]["content"]} | more)

    async def stream(self, path: str, model: str, seconds: float = 5.0, **more: Any) -> list[str]:
        """The data of each event until the line ends. Raises as aiohttp does when it is cut or silent too long."""
        body = {"model": model, "stream": True, ("input" if path == "responses" else "messages"): HELLO} | more
        limit = aiohttp.ClientTimeout(sock_read=seconds)
        async with self.session.post(self.url(path), json=body, headers=BEARER, timeout=limit) as answer:
            assert answer.status == 200, await answer.text()
            self.got: list[str] = []
            async for line in answer.content:
                if line.startswith(b"data: "):
                    self.got.append(line.decode().removeprefix("data: ").rstrip("\n"))
        return self.got

    async def fault(self, model: str, fault: str, **more: Any) -> Any:
        return await self.shell.control("POST", "openai/fault", model=model, fault=fault, **more)

    async def calls(self) -> Any:
        return await self.shell.control("GET", "openai/calls")

    async def last(self) -> Any:
        return (await self.calls())[-1]


def said(events: list[str]) -> str:
    """The text of a stream of either endpoint, with what cannot be read left out."""
    text = ""
    for one in events:
        try:
            found = json.loads(one)
        except ValueError:
            continue
        if found.get("type") == "response.output_text.delta":
            text += found["delta"]
        for choice in found.get("choices", []):
            text += choice["delta"].get("content") or ""
    return text


@asynccontextmanager
async def open_lab() -> AsyncIterator[Lab]:
    # No certificates: there are none on loopback, and reading the world's takes longer than a test.
    http = httpx2.AsyncClient(verify=False)
    async with (
        open_shell() as shell,
        AsyncOpenAI(api_key="sk-sandbox", base_url=f"{shell.base}/openai/v1", max_retries=0, http_client=http) as sdk,
    ):
        yield Lab(shell, sdk)
