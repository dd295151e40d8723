"""One sandbox account: its objects by kind, the remembered answers, and what happens a little later."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from adapters.sandbox.stripe import signature
from adapters.sandbox.stripe.cards import Card
from adapters.sandbox.stripe.errors import no_such
from adapters.sandbox.world import Callback, World

API_VERSION = "2026-10-28.endive"
Object = dict[str, Any]

_PREFIX = {
    "pi": "payment_intent",
    "ch": "charge",
    "py": "charge",
    "cus": "customer",
    "re": "refund",
    "pyr": "refund",
    "txn": "balance_transaction",
    "pm": "payment_method",
    "du": "dispute",
    "evt": "event",
    "cs": "checkout.session",
    "plink": "payment_link",
}
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Remembered:
    """An answer kept under an idempotency key."""

    fingerprint: tuple[str, str, str]
    status: int
    body: bytes
    at: float


@dataclass(slots=True)
class Stripe:
    """`thinking` is how long a write is in flight, `settling` how long what comes by itself takes; both seconds."""

    world: World
    thinking: float = 0.005
    settling: float = 0.3
    tables: defaultdict[str, dict[str, Object]] = field(default_factory=lambda: defaultdict(dict))
    cards: dict[str, Card] = field(default_factory=dict)
    """How each payment method behaves, by its id."""
    line_items: dict[str, list[Object]] = field(default_factory=dict)
    wanted: dict[str, Object] = field(default_factory=dict)
    """What the intent of a checkout session will be made with, by the session's id."""
    authenticated: set[tuple[str, str]] = field(default_factory=set)
    """Intents whose customer has passed 3-D Secure, with the payment method that it was passed for."""
    return_urls: dict[str, str] = field(default_factory=dict)
    """Where an intent's customer comes back to, by the intent's id."""
    afterwards: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What follows when the bank has answered about an intent in hand, by the intent's id."""
    answers: dict[str, Remembered] = field(default_factory=dict)
    in_flight: set[str] = field(default_factory=set)
    bodies: dict[str, bytes] = field(default_factory=dict)
    undelivered: set[str] = field(default_factory=set)
    request: Object = field(default_factory=lambda: {"id": None, "idempotency_key": None})
    """The request being executed (executing never awaits), as events name their cause."""

    def now(self) -> int:
        return int(self.world.now().timestamp())

    def new_id(self, prefix: str, length: int = 24) -> str:
        return f"{prefix}_{''.join(self.world.random.choices(_LETTERS, k=length))}"

    def save(self, thing: Object) -> Object:
        self.tables[thing["object"]][thing["id"]] = thing
        return thing

    def find(self, kind: str, name: str, param: str = "id", status: int = 404) -> Object:
        """Raises Refused with resource_missing."""
        found = self.tables[kind].get(name)
        if found is None:
            raise no_such(kind, name, param, status)
        return found

    def lookup(self, name: str) -> Object | None:
        """Whatever the id names, by its prefix."""
        kind = _PREFIX.get(name.split("_", 1)[0])
        return self.tables[kind].get(name) if kind else None

    def later(self, act: Callable[[], None], seconds: float | None = None) -> None:
        """Runs `act` when its time has come, unless the sandbox was reset meanwhile."""

        def run() -> None:
            if self.world.providers.get("stripe") is self:
                act()

        asyncio.get_running_loop().call_later(self.settling if seconds is None else seconds, run)

    def emit(self, kind: str, thing: Object, previous: Object | None = None) -> None:
        """Notes an event with the object as it is now, and sends it."""
        data: Object = {"object": json.loads(json.dumps(thing))}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Object = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": dict(self.request),
            "type": kind,
        }
        self.save(event)
        self.bodies[event["id"]] = json.dumps(event, indent=2).encode()
        self.undelivered.add(event["id"])
        self.send(event["id"])

    def send(self, event_id: str) -> None:
        """Hands the event's very bytes to the deliverer, to be signed anew for each attempt."""
        body, config = self.bodies[event_id], self.world.config
        self.world.send(
            Callback(
                provider="stripe",
                url=f"{config.callback_base}/webhooks/stripe",
                body=body,
                sign=lambda now: {
                    "Stripe-Signature": signature.header(body, config.stripe_webhook_secret, now),
                    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                },
                label=event_id,
                taken=lambda: self.delivered(event_id),
            )
        )

    def delivered(self, event_id: str) -> None:
        self.undelivered.discard(event_id)
        event = self.tables["event"].get(event_id)
        if event is not None:
            event["pending_webhooks"] = 0

    def day_ago(self) -> float:
        return (self.world.now() - timedelta(hours=24)).timestamp()


def stripe_of(world: World) -> Stripe:
    """The account's state; made anew after a reset."""
    found = world.providers.get("stripe")
    if not isinstance(found, Stripe):
        found = world.providers["stripe"] = Stripe(world)
    return found
