"""Delivers webhooks as the providers do: signed anew for each attempt, repeated until they are taken, in any order."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp

from sandbox.codec import TRANSIENT
from sandbox.state import Callback, SandboxState
from sandbox.tables import TrackedTable

MAX_DELIVERIES = 2000
"""Deliveries remembered."""
MAX_CONCURRENT_DELIVERIES = 32
"""Attempts in flight; the rest wait, so that a hub that hangs does not use up the sandbox's sockets."""
DELIVERY_TIMEOUT = 15.0
"""Seconds that one attempt may take."""


@dataclass(slots=True)
class Delivery:
    """`status` is what the hub said last, None when it said nothing."""

    number: int
    callback: Callback
    created_at: datetime
    attempts: int = 0
    status: int | None = None
    is_delivered: bool = False
    is_held: bool = False
    is_dropped: bool = False

    @property
    def provider(self) -> str:
        return self.callback.provider

    def to_json(self) -> dict[str, Any]:
        return {
            "n": self.number,
            "time": self.created_at.isoformat(),
            "provider": self.provider,
            "label": self.callback.label,
            "path": urlsplit(self.callback.url).path,
            "attempts": self.attempts,
            "status": self.status,
            "done": self.is_delivered,
            "held": self.is_held,
            "lost": self.is_dropped,
        }


@dataclass(slots=True)
class WebhookDeliverer:
    """`send_callback` sends from now on; what is held waits for `release_held`, what is dropped is sent by
    `resend_delivery` alone.
    """

    types: ClassVar[tuple[type, ...]] = (Delivery,)

    world: SandboxState = field(metadata=TRANSIENT)
    delay: float = field(metadata=TRANSIENT)
    retry_delays: tuple[float, ...] = field(metadata=TRANSIENT)
    deliveries: TrackedTable[int, Delivery] = field(default_factory=TrackedTable)
    held_providers: set[str] = field(default_factory=set)
    dropped_providers: set[str] = field(default_factory=set)
    delivery_count: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, metadata=TRANSIENT)
    _slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(MAX_CONCURRENT_DELIVERIES), metadata=TRANSIENT
    )
    _session: aiohttp.ClientSession | None = field(default=None, metadata=TRANSIENT)

    async def start(self) -> None:
        """Goes on with what an earlier process has not delivered."""
        timeout = aiohttp.ClientTimeout(total=DELIVERY_TIMEOUT)
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        for delivery in self.list_deliveries():
            if not delivery.is_delivered and not self._kept_back(delivery):
                self._begin(delivery, self.delay)

    def list_deliveries(self) -> list[Delivery]:
        """The latest last."""
        return list(self.deliveries.values())

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def send_callback(self, callback: Callback) -> None:
        self.delivery_count += 1
        delivery = self.deliveries[self.delivery_count] = Delivery(self.delivery_count, callback, self.world.now())
        while len(self.deliveries) > MAX_DELIVERIES:
            del self.deliveries[next(iter(self.deliveries))]
        if not self._kept_back(delivery):
            self._begin(delivery, self.delay)

    def resend_delivery(self, number: int) -> bool:
        """Delivers one once more, taken, held or lost. False when there is no such delivery."""
        delivery = self.deliveries.get(number)
        if delivery is None:
            return False
        delivery.is_held = delivery.is_dropped = False
        self._begin(delivery, 0.0, forced=True)
        return True

    def release_held(self, provider: str | None, *, backwards: bool = False) -> int:
        """Sends what was held, the latest first if asked to, and holds no longer. How many were waiting."""
        self.held_providers -= {provider} if provider else set(self.held_providers)
        waiting = [one for one in self.list_deliveries() if one.is_held and provider in {None, one.provider}]
        for place, delivery in enumerate(reversed(waiting) if backwards else waiting):
            delivery.is_held = False
            self._begin(delivery, 0.01 * place)
        return len(waiting)

    def forget_all(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        self.deliveries.clear()
        self.held_providers.clear()
        self.dropped_providers.clear()
        self.delivery_count = 0

    def _begin(self, delivery: Delivery, delay: float, *, forced: bool = False) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery, delay, forced=forced))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery, delay: float, *, forced: bool) -> None:
        for pause in (delay, *self.retry_delays):
            await asyncio.sleep(pause)
            if not forced and (delivery.is_delivered or self._kept_back(delivery)):
                return
            forced = False
            if await self._attempt(delivery):
                return

    def _kept_back(self, delivery: Delivery) -> bool:
        delivery.is_dropped = delivery.provider in self.dropped_providers
        delivery.is_held = not delivery.is_dropped and delivery.provider in self.held_providers
        return delivery.is_dropped or delivery.is_held

    async def _attempt(self, delivery: Delivery) -> bool:
        """Whether the hub took it. A hub that is down is a hub that did not."""
        async with self._slots:
            delivery.attempts += 1
            status = None
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                status = await self._send(delivery.callback)
        taken = status is not None and 200 <= status < 300
        delivery.status = status
        if taken and not delivery.is_delivered:
            delivery.is_delivered = True
            self.world.acknowledge_callback(delivery.callback)
        self._note(delivery)
        return taken

    def _note(self, delivery: Delivery) -> None:
        """Saves it, unless it has been forgotten."""
        if self.deliveries.get(delivery.number) is delivery:
            self.world.save_changes()

    async def _send(self, callback: Callback) -> int:
        if self._session is None:
            raise RuntimeError("the deliverer has not been started")
        headers = {"Content-Type": "application/json", **self.world.sign_callback(callback, self.world.now())}
        asking = self._session.post(callback.url, data=callback.body, headers=headers, allow_redirects=False)
        async with asking as answer:
            await answer.read()
            return answer.status
