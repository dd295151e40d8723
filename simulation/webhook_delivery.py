"""Webhooks on their way: as each provider repeats them until they are taken, and as they get lost, late and doubled."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from multidict import CIMultiDict

from hub.core.context import about
from hub.core.errors import HubError
from hub.core.inbox import RawWebhook
from sandbox.world import Callback
from simulation.hub_process import Down
from simulation.plan import Event, Plan

LATENCY = 0.05
AGAIN = (10.0, 60.0, 300.0, 1800.0, 7200.0, 6 * 3600.0, 12 * 3600.0, 24 * 3600.0)
"""Seconds between two attempts at a delivery that was not taken."""

Serve = Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]


@dataclass
class Post:
    """`serve` asks whichever process of the hub is there."""

    plan: Plan
    serve: Serve
    now: Callable[[], datetime]
    spawn: Callable[[Any], Any]
    sign: Callable[[Callback, datetime], dict[str, str]]
    acknowledge: Callable[[Callback], None]
    count: int = 0
    underway: int = 0
    delivered: int = 0
    done: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    """The providers of which something never arrives."""
    held: dict[str, list[Callback]] = field(default_factory=dict)

    def send(self, callback: Callback) -> None:
        number, self.count = self.count, self.count + 1
        if any(one.facts["provider"] == callback.provider for one in self.plan.of("mute")):
            self._note("mute")
            self.lost.add(callback.provider)
        elif callback.provider in self.held:
            self._note("hold")
            self.held[callback.provider].append(callback)
        else:
            self._fated(callback, number)

    def _note(self, fate: str) -> None:
        self.done[fate] = self.done.get(fate, 0) + 1

    def _fated(self, callback: Callback, number: int) -> None:
        event = next((one for one in self.plan.of("webhook") if one.facts["number"] == number), None)
        fate = event.facts["fate"] if event else "sent"
        seconds = event.facts["seconds"] if event else 0.0
        self._note(fate)
        if fate == "lost":
            self.lost.add(callback.provider)
            return
        self._begin(callback, LATENCY + (seconds if fate == "late" else 0.0))
        if fate in {"twice", "together"}:
            self._begin(callback, LATENCY + seconds)

    def hold(self, event: Event) -> None:
        self.held.setdefault(event.facts["provider"], [])

    def release(self, event: Event) -> None:
        waiting = self.held.pop(event.facts["provider"], [])
        for place, callback in enumerate(reversed(waiting) if event.facts["backwards"] else waiting):
            self._begin(callback, 0.01 * place)

    def _begin(self, callback: Callback, delay: float) -> None:
        self.underway += 1
        self.spawn(self._deliver(callback, delay))

    async def _deliver(self, callback: Callback, delay: float) -> None:
        try:
            for pause in (delay, *AGAIN):
                await asyncio.sleep(pause)
                with suppress(Down, HubError):
                    await self.serve(lambda services: self._receive(services, callback))
                    self.delivered += 1
                    self.acknowledge(callback)
                    return
        finally:
            self.underway -= 1

    async def _receive(self, services: Any, callback: Callback) -> None:
        path = urlsplit(callback.url).path.split("/")
        headers = CIMultiDict({"Content-Type": "application/json", **self.sign(callback, self.now())})
        token = path[3] if len(path) > 3 else None  # noqa: PLR2004 (/webhooks/kiwi/<token>)
        source = services.sources[callback.provider]
        with about(actor=f"provider:{callback.provider}"):
            await services.inbox.receive(source, RawWebhook(headers, callback.body, callback.url, token))
