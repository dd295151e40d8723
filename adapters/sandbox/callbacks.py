"""Delivers webhooks as the providers do: signed anew for each attempt, repeated until they are taken, in any order."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from adapters.sandbox.world import Callback

KEPT = 2000


@dataclass(slots=True)
class Delivery:
    number: int
    callback: Callback
    created: datetime
    attempts: int = 0
    status: int | None = None
    done: bool = False
    held: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.number,
            "time": self.created.isoformat(),
            "provider": self.callback.provider,
            "label": self.callback.label,
            "path": urlsplit(self.callback.url).path,
            "attempts": self.attempts,
            "status": self.status,
            "done": self.done,
            "held": self.held,
        }


@dataclass(slots=True)
class Deliverer:
    """`post` sends from now on; what is held waits for `release`, what is dropped never comes."""

    delay: float
    retry: tuple[float, ...]
    deliveries: list[Delivery] = field(default_factory=list)
    holding: set[str] = field(default_factory=set)
    dropping: set[str] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None
    _count: int = 0

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=15)
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def post(self, callback: Callback) -> None:
        if callback.provider in self.dropping:
            return
        self._count += 1
        delivery = Delivery(self._count, callback, datetime.now(UTC), held=callback.provider in self.holding)
        self.deliveries.append(delivery)
        del self.deliveries[:-KEPT]
        if not delivery.held:
            self._begin(delivery, self.delay)

    def again(self, number: int) -> bool:
        """Delivers one once more, taken or not. False when there is no such delivery."""
        for delivery in self.deliveries:
            if delivery.number == number:
                self._begin(delivery, 0.0)
                return True
        return False

    def release(self, provider: str | None, *, backwards: bool = False) -> int:
        """Sends what was held, the latest first if asked to, and holds no longer."""
        self.holding -= {provider} if provider else set(self.holding)
        waiting = [one for one in self.deliveries if one.held and provider in {None, one.callback.provider}]
        for place, delivery in enumerate(reversed(waiting) if backwards else waiting):
            delivery.held = False
            self._begin(delivery, 0.01 * place)
        return len(waiting)

    def forget(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        self.deliveries.clear()
        self.holding.clear()
        self.dropping.clear()

    def _begin(self, delivery: Delivery, delay: float) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery, delay))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery, delay: float) -> None:
        for pause in (delay, *self.retry):
            await asyncio.sleep(pause)
            delivery.attempts += 1
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                delivery.status = await self._send(delivery.callback)
                if 200 <= delivery.status < 300:
                    delivery.done = True
                    delivery.callback.taken()
                    return

    async def _send(self, callback: Callback) -> int:
        assert self._session is not None  # noqa: S101 (started with the application)
        headers = {"Content-Type": "application/json", **callback.sign(datetime.now(UTC))}
        async with self._session.post(callback.url, data=callback.body, headers=headers) as answer:
            await answer.read()
            return answer.status
