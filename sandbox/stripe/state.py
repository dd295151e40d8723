"""One sandbox account: its objects by kind, the remembered answers, and what happens a little later."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from sandbox.codec import TRANSIENT
from sandbox.state import Callback, SandboxState
from sandbox.stripe import webhook_signature
from sandbox.stripe.cards import TestCard
from sandbox.stripe.errors import make_no_such
from sandbox.tables import TablesByKind, TrackedTable

API_VERSION = "2026-10-28.endive"
Object = dict[str, Any]


def dump(value: Object) -> bytes:
    """Indented, as Stripe answers."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:  # an integer of more than 64 bits, or half a surrogate pair
        return json.dumps(value, indent=2).encode()


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
class RememberedResponse:
    """An answer kept under an idempotency key."""

    fingerprint: tuple[str, str, str]
    status: int
    body: bytes
    remembered_at: float


@dataclass(slots=True)
class StripeAccount:
    """`thinking` is how long a write is in flight, `settling` how long what comes by itself takes; both seconds."""

    world: SandboxState = field(metadata=TRANSIENT)
    thinking: float = 0.005
    settling: float = 0.3
    tables: TablesByKind[Object] = field(default_factory=TablesByKind)
    cards: TrackedTable[str, TestCard] = field(default_factory=TrackedTable)
    """How each payment method behaves, by its id."""
    line_items: TrackedTable[str, list[Object]] = field(default_factory=TrackedTable)
    wanted: TrackedTable[str, Object] = field(default_factory=TrackedTable)
    """What the intent of a checkout session will be made with, by the session's id."""
    authenticated_intents: set[tuple[str, str]] = field(default_factory=set)
    """Intents whose customer has passed 3-D Secure, with the payment method that it was passed for."""
    return_urls: TrackedTable[str, str] = field(default_factory=TrackedTable)
    """Where an intent's customer comes back to, by the intent's id."""
    awaiting_sessions: TrackedTable[str, str] = field(default_factory=TrackedTable)
    """Sessions that wait for the bank's answer about an intent in hand, by the intent's id."""
    remembered_responses: TrackedTable[str, RememberedResponse] = field(default_factory=TrackedTable)
    in_flight: set[str] = field(default_factory=set, metadata=TRANSIENT)
    event_bodies: TrackedTable[str, bytes] = field(default_factory=TrackedTable)
    undelivered_events: set[str] = field(default_factory=set)
    current_request: Object = field(default_factory=lambda: {"id": None, "idempotency_key": None}, metadata=TRANSIENT)
    """The request being executed (executing never awaits), as events name their cause."""

    def timestamp(self) -> int:
        return int(self.world.now().timestamp())

    def new_id(self, prefix: str, length: int = 24) -> str:
        return f"{prefix}_{''.join(self.world.random.choices(_LETTERS, k=length))}"

    def save_object(self, thing: Object) -> Object:
        self.tables[thing["object"]][thing["id"]] = thing
        return thing

    def find_object(self, kind: str, name: str, param: str = "id", status: int = 404) -> Object:
        """Raises Refused with resource_missing."""
        found = self.tables[kind].get(name)
        if found is None:
            raise make_no_such(kind, name, param, status)
        return found

    def find_by_id(self, name: str) -> Object | None:
        """Whatever the id names, by its prefix."""
        kind = _PREFIX.get(name.split("_", 1)[0])
        return self.tables[kind].get(name) if kind else None

    def schedule_action(self, action: str, *arguments: str, seconds: float | None = None) -> None:
        """Calls an action (see __init__.py) with ids when its time has come."""
        self.world.schedule_action(self.settling if seconds is None else seconds, "stripe", action, *arguments)

    def emit_event(self, kind: str, thing: Object, previous: Object | None = None) -> None:
        """Notes an event with the object as it is now, and sends it."""
        data: Object = {"object": json.loads(json.dumps(thing))}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Object = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.timestamp(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": dict(self.current_request),
            "type": kind,
        }
        self.save_object(event)
        self.event_bodies[event["id"]] = dump(event)
        self.undelivered_events.add(event["id"])
        self.send_event(event["id"])

    def send_event(self, event_id: str) -> None:
        """Hands the event's very bytes to the deliverer, to be signed anew for each attempt."""
        url = f"{self.world.config.callback_base}/webhooks/stripe"
        headers = {"User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}
        self.world.send_callback(Callback("stripe", url, self.event_bodies[event_id], event_id, event_id, headers))

    def mark_delivered(self, event_id: str) -> None:
        self.undelivered_events.discard(event_id)
        event = self.tables["event"].get(event_id)
        if event is not None:
            event["pending_webhooks"] = 0

    def timestamp_day_ago(self) -> float:
        return (self.world.now() - timedelta(hours=24)).timestamp()


def get_stripe_account(world: SandboxState) -> StripeAccount:
    """The account's state; made anew after a reset."""
    return world.get_state("stripe", StripeAccount)


def sign_callback(world: SandboxState, callback: Callback, at: datetime) -> dict[str, str]:
    return {"Stripe-Signature": webhook_signature.build_header(callback.body, world.config.stripe_webhook_secret, at)}
