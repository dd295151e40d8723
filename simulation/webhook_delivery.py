"""Webhooks on their way: as each provider repeats them until they are taken, and as they get lost, late and doubled."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from multidict import CIMultiDict

from hub.core.context import bind_context
from hub.core.errors import HubError
from hub.core.inbox import RawWebhook
from sandbox.state import Callback
from simulation.hub_process import ProcessDied
from simulation.run_plan import PlannedEvent, RunPlan

DELIVERY_LATENCY = 0.05
RETRY_DELAYS = (10.0, 60.0, 300.0, 1800.0, 7200.0, 6 * 3600.0, 12 * 3600.0, 24 * 3600.0)
"""Seconds between two attempts at a delivery that was not taken."""

SendRequest = Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]


@dataclass
class WebhookDelivery:
    """`send_request` asks whichever process of the hub is there."""

    plan: RunPlan
    send_request: SendRequest
    now: Callable[[], datetime]
    spawn_task: Callable[[Any], Any]
    sign: Callable[[Callback, datetime], dict[str, str]]
    acknowledge: Callable[[Callback], None]
    sent_count: int = 0
    in_flight: int = 0
    delivered_count: int = 0
    fate_counts: dict[str, int] = field(default_factory=dict)
    lost_providers: set[str] = field(default_factory=set)
    """The providers of which something never arrives."""
    held_callbacks: dict[str, list[Callback]] = field(default_factory=dict)

    def send_callback(self, callback: Callback) -> None:
        number, self.sent_count = self.sent_count, self.sent_count + 1
        if any(one.params["provider"] == callback.provider for one in self.plan.events_of_kind("mute")):
            self._note("mute")
            self.lost_providers.add(callback.provider)
        elif callback.provider in self.held_callbacks:
            self._note("hold")
            self.held_callbacks[callback.provider].append(callback)
        else:
            self._fated(callback, number)

    def _note(self, fate: str) -> None:
        self.fate_counts[fate] = self.fate_counts.get(fate, 0) + 1

    def _fated(self, callback: Callback, number: int) -> None:
        event = next((one for one in self.plan.events_of_kind("webhook") if one.params["number"] == number), None)
        fate = event.params["fate"] if event else "sent"
        seconds = event.params["seconds"] if event else 0.0
        self._note(fate)
        if fate == "lost":
            self.lost_providers.add(callback.provider)
            return
        self._begin(callback, DELIVERY_LATENCY + (seconds if fate == "late" else 0.0))
        if fate in {"twice", "together"}:
            self._begin(callback, DELIVERY_LATENCY + seconds)

    def hold_provider(self, event: PlannedEvent) -> None:
        self.held_callbacks.setdefault(event.params["provider"], [])

    def release_provider(self, event: PlannedEvent) -> None:
        waiting = self.held_callbacks.pop(event.params["provider"], [])
        for place, callback in enumerate(reversed(waiting) if event.params["backwards"] else waiting):
            self._begin(callback, 0.01 * place)

    def _begin(self, callback: Callback, delay: float) -> None:
        self.in_flight += 1
        self.spawn_task(self._deliver(callback, delay))

    async def _deliver(self, callback: Callback, delay: float) -> None:
        try:
            for pause in (delay, *RETRY_DELAYS):
                await asyncio.sleep(pause)
                with suppress(ProcessDied, HubError):
                    await self.send_request(lambda services: self._receive(services, callback))
                    self.delivered_count += 1
                    self.acknowledge(callback)
                    return
        finally:
            self.in_flight -= 1

    async def _receive(self, services: Any, callback: Callback) -> None:
        path = urlsplit(callback.url).path.split("/")
        headers = CIMultiDict({"Content-Type": "application/json", **self.sign(callback, self.now())})
        token = path[3] if len(path) > 3 else None  # noqa: PLR2004 (/webhooks/kiwi/<token>)
        source = services.webhook_sources[callback.provider]
        with bind_context(actor=f"provider:{callback.provider}"):
            await services.inbox.receive_webhook(source, RawWebhook(headers, callback.body, callback.url, token))
