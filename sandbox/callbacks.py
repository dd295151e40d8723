"""Delivers webhooks as the providers do: signed anew for each attempt, repeated until they are taken, in any order."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp

from sandbox.codec import TRANSIENT
from sandbox.tables import Table
from sandbox.world import Callback, World

KEPT = 2000
"""Deliveries remembered."""
AT_ONCE = 32
"""Attempts in flight; the rest wait, so that a hub that hangs does not use up the sandbox's sockets."""
LONGEST = 15.0
"""Seconds that one attempt may take."""


@dataclass(slots=True)
class Delivery:
    """`status` is what the hub said last, None when it said nothing."""

    number: int
    callback: Callback
    created: datetime
    attempts: int = 0
    status: int | None = None
    done: bool = False
    held: bool = False
    lost: bool = False

    @property
    def provider(self) -> str:
        return self.callback.provider

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.number,
            "time": self.created.isoformat(),
            "provider": self.provider,
            "label": self.callback.label,
            "path": urlsplit(self.callback.url).path,
            "attempts": self.attempts,
            "status": self.status,
            "done": self.done,
            "held": self.held,
            "lost": self.lost,
        }


@dataclass(slots=True)
class Deliverer:
    """`post` sends from now on; what is held waits for `release`, what is dropped is sent by `again` alone."""

    types: ClassVar[tuple[type, ...]] = (Delivery,)

    world: World = field(metadata=TRANSIENT)
    delay: float = field(metadata=TRANSIENT)
    retry: tuple[float, ...] = field(metadata=TRANSIENT)
    deliveries: Table[int, Delivery] = field(default_factory=Table)
    holding: set[str] = field(default_factory=set)
    dropping: set[str] = field(default_factory=set)
    count: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, metadata=TRANSIENT)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), metadata=TRANSIENT)
    _session: aiohttp.ClientSession | None = field(default=None, metadata=TRANSIENT)

    async def start(self) -> None:
        """Goes on with what an earlier process has not delivered."""
        timeout = aiohttp.ClientTimeout(total=LONGEST)
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        for delivery in self.listed():
            if not delivery.done and not self._kept_back(delivery):
                self._begin(delivery, self.delay)

    def listed(self) -> list[Delivery]:
        """The latest last."""
        return list(self.deliveries.values())

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def post(self, callback: Callback) -> None:
        self.count += 1
        delivery = self.deliveries[self.count] = Delivery(self.count, callback, self.world.now())
        while len(self.deliveries) > KEPT:
            del self.deliveries[next(iter(self.deliveries))]
        if not self._kept_back(delivery):
            self._begin(delivery, self.delay)

    def again(self, number: int) -> bool:
        """Delivers one once more, taken, held or lost. False when there is no such delivery."""
        delivery = self.deliveries.get(number)
        if delivery is None:
            return False
        delivery.held = delivery.lost = False
        self._begin(delivery, 0.0, forced=True)
        return True

    def release(self, provider: str | None, *, backwards: bool = False) -> int:
        """Sends what was held, the latest first if asked to, and holds no longer. How many were waiting."""
        self.holding -= {provider} if provider else set(self.holding)
        waiting = [one for one in self.listed() if one.held and provider in {None, one.provider}]
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
        self.count = 0

    def _begin(self, delivery: Delivery, delay: float, *, forced: bool = False) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery, delay, forced=forced))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery, delay: float, *, forced: bool) -> None:
        for pause in (delay, *self.retry):
            await asyncio.sleep(pause)
            if not forced and (delivery.done or self._kept_back(delivery)):
                return
            forced = False
            if await self._attempt(delivery):
                return

    def _kept_back(self, delivery: Delivery) -> bool:
        delivery.lost = delivery.provider in self.dropping
        delivery.held = not delivery.lost and delivery.provider in self.holding
        return delivery.lost or delivery.held

    async def _attempt(self, delivery: Delivery) -> bool:
        """Whether the hub took it. A hub that is down is a hub that did not."""
        async with self._slots:
            delivery.attempts += 1
            status = None
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                status = await self._send(delivery.callback)
        taken = status is not None and 200 <= status < 300
        delivery.status = status
        if taken and not delivery.done:
            delivery.done = True
            self.world.acknowledge(delivery.callback)
        self._note(delivery)
        return taken

    def _note(self, delivery: Delivery) -> None:
        """Saves it, unless it has been forgotten."""
        if self.deliveries.get(delivery.number) is delivery:
            self.world.save()

    async def _send(self, callback: Callback) -> int:
        if self._session is None:
            raise RuntimeError("the deliverer has not been started")
        headers = {"Content-Type": "application/json", **self.world.sign(callback, self.world.now())}
        asking = self._session.post(callback.url, data=callback.body, headers=headers, allow_redirects=False)
        async with asking as answer:
            await answer.read()
            return answer.status
