"""One merchant's account at PayPal: its objects by kind, what is remembered, and what happens a little later."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.sandbox.paypal import authority
from adapters.sandbox.paypal.authority import Signer
from adapters.sandbox.paypal.errors import not_found
from adapters.sandbox.world import Callback, World

Object = dict[str, Any]

UNAPPROVED = timedelta(hours=3)
"""How long an order waits, for its buyer and then for its merchant."""
TOKEN_LIFE = 32400
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PAYEE = {"email_address": "merchant@travel-hub.example", "merchant_id": "SANDBXSH2P234"}
FUNDINGS = ("good", "declined", "denied", "review", "echeck", "bounced", "slow_refund", "failed_refund")
"""How the buyer's money behaves: see Account.fundings."""


@dataclass(slots=True)
class Remembered:
    """What a request made, or how it was refused, kept under its PayPal-Request-Id."""

    fingerprint: tuple[str, str]
    thing: Object
    refusal: tuple[int, str, str, str, str] | None = None
    """What `Refused` is made of."""


@dataclass(slots=True)
class Account:
    """`thinking` is how long a write is in flight, `settling` how long what comes by itself takes; both seconds."""

    world: World
    thinking: float = 0.005
    settling: float = 0.3
    tables: defaultdict[str, dict[str, Object]] = field(default_factory=lambda: defaultdict(dict))
    fundings: dict[str, str] = field(default_factory=dict)
    """By order: `good`, `declined` at the authorisation, `denied` after it, `review` before it; captures that are an
    `echeck` or a `bounced` one; refunds that are slow or fail."""
    contexts: dict[str, Object] = field(default_factory=dict)
    """By order: its experience_context, which PayPal never shows again."""
    tokens: dict[str, datetime] = field(default_factory=dict)
    remembered: dict[str, Remembered] = field(default_factory=dict)
    in_flight: set[str] = field(default_factory=set)
    bodies: dict[str, bytes] = field(default_factory=dict)
    undelivered: set[str] = field(default_factory=set)
    signers: dict[str, Signer] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"{self.world.config.public_base.rstrip('/')}/paypal"

    def now(self) -> str:
        return stamp(self.world.now())

    def new_id(self, length: int = 17) -> str:
        return "".join(self.world.random.choices(_LETTERS, k=length))

    def payer_id(self) -> str:
        """As the ids of accounts look: no 0, 1, I or O."""
        return "".join(self.world.random.choices("23456789ABCDEFGHJKLMNPQRSTUVWXYZ", k=13))

    def uuid(self) -> str:
        return str(UUID(int=self.world.random.getrandbits(128), version=4))

    def save(self, kind: str, thing: Object) -> Object:
        self.tables[kind][thing["id"]] = thing
        return thing

    def find(self, kind: str, ident: str) -> Object:
        """Raises Refused; an order that nobody has taken further in time is gone."""
        found = self.tables[kind].get(ident)
        if found is None or (kind == "order" and self._lapsed(found)):
            raise not_found()
        return found

    def _lapsed(self, order: Object) -> bool:
        made = datetime.fromisoformat(order["create_time"])
        return order["status"] not in {"COMPLETED", "VOIDED"} and self.world.now() - made > UNAPPROVED

    def order_of(self, thing: Object) -> Object:
        return self.tables["order"][thing["supplementary_data"]["related_ids"]["order_id"]]

    def funding(self, thing: Object) -> str:
        return self.fundings.get(self.order_of(thing)["id"], "good")

    def later(self, act: Callable[[], None]) -> None:
        """Runs `act` when it is settled, unless the sandbox was reset meanwhile."""

        def run() -> None:
            if self.world.providers.get("paypal") is self:
                act()

        asyncio.get_running_loop().call_later(self.settling, run)

    def signer(self) -> Signer:
        """The newest certificate; a new one in its last month."""
        now = self.world.now()
        newest = max(self.signers.values(), key=lambda one: one.expires, default=None)
        if newest is None or newest.expires - now < timedelta(days=30):
            newest = authority.signer(self.world.config.paypal_authority, now)
            self.signers[newest.id] = newest
        return newest

    def emit(self, kind: str, resource_type: str, resource: Object, summary: str) -> None:
        """Notes an event with the resource as it is now, and sends it."""
        ident, at = f"WH-{self.new_id()}-{self.new_id()}", self.world.now()
        event: Object = {
            "id": ident,
            "event_version": "1.0",
            "create_time": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z",
            "resource_type": resource_type,
            "resource_version": "2.0",
            "event_type": kind,
            "summary": summary,
            "resource": json.loads(json.dumps(resource)),
            "links": [
                link(f"{self.base}/v1/notifications/webhooks-events/{ident}", "self"),
                link(f"{self.base}/v1/notifications/webhooks-events/{ident}/resend", "resend", "POST"),
            ],
        }
        self.save("event", event)
        self.bodies[ident] = json.dumps(event).encode()
        self.undelivered.add(ident)
        self.send(ident)

    def send(self, event_id: str) -> None:
        """Hands the event's very bytes to the deliverer. The transmission keeps its id through all attempts."""
        body, config, transmission = self.bodies[event_id], self.world.config, self.uuid()

        def headers(now: datetime) -> dict[str, str]:
            with_key, at = self.signer(), stamp(now)
            text = authority.message(transmission, at, config.paypal_webhook_id, body)
            return {
                "PAYPAL-TRANSMISSION-ID": transmission,
                "PAYPAL-TRANSMISSION-TIME": at,
                "PAYPAL-TRANSMISSION-SIG": authority.sign(with_key.key, text),
                "PAYPAL-CERT-URL": f"{self.base}/v1/notifications/certs/{with_key.id}",
                "PAYPAL-AUTH-ALGO": "SHA256withRSA",
                "PAYPAL-AUTH-VERSION": "v2",
                "User-Agent": "PayPal/AUHD-214.0",
            }

        url = f"{config.callback_base}/webhooks/paypal"
        taken = lambda: self.undelivered.discard(event_id)  # noqa: E731 (a name for what is passed on)
        self.world.send(Callback("paypal", url, body, headers, event_id, taken))


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def link(href: str, rel: str, method: str = "GET") -> Object:
    return {"href": href, "rel": rel, "method": method}


def account_of(world: World) -> Account:
    """The account's state; made anew after a reset."""
    found = world.providers.get("paypal")
    if not isinstance(found, Account):
        found = world.providers["paypal"] = Account(world)
    return found
