"""One merchant's account at PayPal: its objects by kind, what is remembered, and what happens a little later."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sandbox.codec import TRANSIENT
from sandbox.paypal import certificate_authority
from sandbox.paypal.certificate_authority import CertificateSigner
from sandbox.paypal.errors import make_not_found
from sandbox.state import Callback, SandboxState
from sandbox.tables import TablesByKind, TrackedTable

Object = dict[str, Any]

APPROVAL_WINDOW = timedelta(hours=3)
"""How long an order waits, for its buyer and then for its merchant."""
TOKEN_LIFE = 32400
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PAYEE = {"email_address": "merchant@travel-hub.example", "merchant_id": "SANDBXSH2P234"}
FUNDINGS = ("good", "declined", "denied", "review", "echeck", "bounced", "slow_refund", "failed_refund")
"""How the buyer's money behaves: see Account.fundings."""


@dataclass(slots=True)
class RememberedRequest:
    """What a request made, or how it was refused, kept under its PayPal-Request-Id."""

    fingerprint: tuple[str, str]
    resource: Object
    refusal: tuple[int, str, str, str, str] | None = None
    """What `Refused` is made of."""


@dataclass(slots=True)
class PayPalAccount:
    """`thinking` is how long a write is in flight, `settling` how long what comes by itself takes; both seconds."""

    world: SandboxState = field(metadata=TRANSIENT)
    thinking: float = 0.005
    settling: float = 0.3
    tables: TablesByKind[Object] = field(default_factory=TablesByKind)
    fundings: TrackedTable[str, str] = field(default_factory=TrackedTable)
    """By order: `good`, `declined` at the authorisation, `denied` after it, `review` before it; captures that are an
    `echeck` or a `bounced` one; refunds that are slow or fail."""
    contexts: TrackedTable[str, Object] = field(default_factory=TrackedTable)
    """By order: its experience_context, which PayPal never shows again."""
    tokens: TrackedTable[str, datetime] = field(default_factory=TrackedTable)
    remembered: TrackedTable[str, RememberedRequest] = field(default_factory=TrackedTable)
    in_flight: set[str] = field(default_factory=set, metadata=TRANSIENT)
    event_bodies: TrackedTable[str, bytes] = field(default_factory=TrackedTable)
    undelivered_events: set[str] = field(default_factory=set)
    signers: TrackedTable[str, CertificateSigner] = field(default_factory=TrackedTable)

    @property
    def base_url(self) -> str:
        return f"{self.world.config.public_base.rstrip('/')}/paypal"

    def timestamp(self) -> str:
        return format_time(self.world.now())

    def new_id(self, length: int = 17) -> str:
        return "".join(self.world.random.choices(_LETTERS, k=length))

    def new_payer_id(self) -> str:
        """As the ids of accounts look: no 0, 1, I or O."""
        return "".join(self.world.random.choices("23456789ABCDEFGHJKLMNPQRSTUVWXYZ", k=13))

    def new_uuid(self) -> str:
        return str(UUID(int=self.world.random.getrandbits(128), version=4))

    def save_object(self, kind: str, thing: Object) -> Object:
        self.tables[kind][thing["id"]] = thing
        return thing

    def find_object(self, kind: str, ident: str) -> Object:
        """Raises Refused; an order that nobody has taken further in time is gone."""
        found = self.tables[kind].get(ident)
        if found is None or (kind == "order" and self._lapsed(found)):
            raise make_not_found()
        return found

    def _lapsed(self, order: Object) -> bool:
        made = datetime.fromisoformat(order["create_time"])
        return order["status"] not in {"COMPLETED", "VOIDED"} and self.world.now() - made > APPROVAL_WINDOW

    def find_order(self, thing: Object) -> Object:
        return self.tables["order"][thing["supplementary_data"]["related_ids"]["order_id"]]

    def get_funding(self, thing: Object) -> str:
        return self.fundings.get(self.find_order(thing)["id"], "good")

    def schedule_action(self, action: str, *arguments: str) -> None:
        """Calls an action (see __init__.py) with ids when the matter is settled."""
        self.world.schedule_action(self.settling, "paypal", action, *arguments)

    def get_signer(self) -> CertificateSigner:
        """The newest certificate; a new one in its last month."""
        now = self.world.now()
        newest = max(self.signers.values(), key=lambda one: one.expires_at, default=None)
        if newest is None or newest.expires_at - now < timedelta(days=30):
            newest = certificate_authority.create_signer(self.world.config.paypal_authority, now)
            self.signers[newest.id] = newest
        return newest

    def emit_event(self, kind: str, resource_type: str, resource: Object, summary: str) -> None:
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
                build_link(f"{self.base_url}/v1/notifications/webhooks-events/{ident}", "self"),
                build_link(f"{self.base_url}/v1/notifications/webhooks-events/{ident}/resend", "resend", "POST"),
            ],
        }
        self.save_object("event", event)
        self.event_bodies[ident] = json.dumps(event).encode()
        self.undelivered_events.add(ident)
        self.send_event(ident)

    def send_event(self, event_id: str) -> None:
        """Hands the event's very bytes to the deliverer. The transmission keeps its id through all attempts."""
        headers = {"PAYPAL-TRANSMISSION-ID": self.new_uuid(), "User-Agent": "PayPal/AUHD-214.0"}
        url = f"{self.world.config.callback_base}/webhooks/paypal"
        self.world.send_callback(Callback("paypal", url, self.event_bodies[event_id], event_id, event_id, headers))


def sign_callback(world: SandboxState, callback: Callback, now: datetime) -> dict[str, str]:
    account = get_paypal_account(world)
    with_key, at = account.get_signer(), format_time(now)
    transmission = callback.headers["PAYPAL-TRANSMISSION-ID"]
    text = certificate_authority.build_signed_message(transmission, at, world.config.paypal_webhook_id, callback.body)
    return {
        "PAYPAL-TRANSMISSION-TIME": at,
        "PAYPAL-TRANSMISSION-SIG": certificate_authority.sign_message(with_key.private_key, text),
        "PAYPAL-CERT-URL": f"{account.base_url}/v1/notifications/certs/{with_key.id}",
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-AUTH-VERSION": "v2",
    }


def acknowledge_callback(world: SandboxState, callback: Callback) -> None:
    get_paypal_account(world).undelivered_events.discard(callback.message_id)


def restore_references(_: SandboxState, account: PayPalAccount) -> None:
    """An order shows the very objects that were made of it, and so does what is remembered under a request's id."""
    by_id = {ident: thing for table in account.tables.values() for ident, thing in table.items()}
    for order in account.tables["order"].values():
        for payments in (unit["payments"] for unit in order["purchase_units"] if "payments" in unit):
            for kind, things in payments.items():
                payments[kind] = [by_id.get(thing["id"], thing) for thing in things]
    for kept in account.remembered.values():
        kept.resource = by_id.get(kept.resource.get("id", ""), kept.resource)


def format_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def build_link(href: str, rel: str, method: str = "GET") -> Object:
    return {"href": href, "rel": rel, "method": method}


def get_paypal_account(world: SandboxState) -> PayPalAccount:
    """The account's state; made anew after a reset."""
    return world.get_state("paypal", PayPalAccount)
