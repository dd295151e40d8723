"""What travellers, the airline, the bank and people at a dashboard do, each as one event says."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import aiohttp

from hub.core.context import about
from hub.core.errors import HubError
from hub.core.money import Money
from hub.people.identity import Caller
from hub.sales.bookings import Booking, Contact, NewBooking
from hub.supply.flights import Traveller
from sandbox import faults
from sandbox.kiwi.control import read_script
from sandbox.kiwi.state import state as kiwi_of
from sandbox.kiwi.ticketing import move
from sandbox.paypal import disputes as paypal_disputes
from sandbox.paypal import orders, payments
from sandbox.paypal import refunds as paypal_refunds
from sandbox.paypal.errors import Refused as PayPalRefused
from sandbox.paypal.money import value
from sandbox.paypal.state import Account, account_of
from sandbox.stripe import confirming, disputes, refunds, settling
from sandbox.stripe.errors import Refused
from sandbox.stripe.state import Object, Stripe, stripe_of
from simulation.environment import Stage
from simulation.hub_process import Down
from simulation.plan import Event
from simulation.tabs import open_session, refresh_in_tabs
from simulation.unrelated_booking import STRANGER_PAYS, insert_stranger

TRIES = 4
"""How often a traveller tries something again that has failed on the hub's side."""
BORN = date(1990, 12, 10)


@dataclass
class Party:
    """One traveller of the run, and the booking once it is made."""

    who: int
    caller: Caller
    surname: str
    key: str
    email: str
    phone: str
    booking: Booking | None = None
    intent: Any = None
    cancelled: bool = False
    """The hub has said so."""


SURNAMES = ("Babbage", "Byron")
"""One of their own: the one thing by which the supplier's booking and ours are surely the same."""


def party(seed: int, who: int) -> Party:
    number = UUID(int=Random(f"party:{seed}:{who}").getrandbits(128), version=4)  # noqa: S311 (the same each time)
    name = SURNAMES[who]
    return Party(who, Caller(number), name, number.hex, f"{name.lower()}@example.com", f"+44770090012{who}")


Serve = Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]


PASSPORT = "D25845822"


class Acts:
    """`serve` asks the hub; `log` notes what came of it."""

    def __init__(self, stage: Stage, serve: Serve, parties: list[Party], log: Callable[[str], None]) -> None:
        self._stage = stage
        self._serve = serve
        self._parties = parties
        self._log = log
        self._disputes: dict[int, str] = {}
        """The ids of the latest disputes, by whose payment it is."""
        self.poisoned: UUID | None = None
        """The payment whose row refuses to be settled."""
        self._claims: dict[int, str] = {}
        """The ids of the latest disputes at PayPal, by whose payment it is."""
        self.browser = aiohttp.ClientSession(connector=stage.line(), headers={"User-Agent": "browser"})

    async def play(self, event: Event) -> None:
        act = getattr(self, f"_{event.kind}", None)
        if act is None:
            raise ValueError(f"nobody knows how to {event.kind}")
        try:
            await act(event)
        except (HubError, Refused, PayPalRefused) as error:
            self._log(f"{event.kind}: {getattr(error, 'code', '')} {str(error)[:80]}")
        except Down:
            self._log(f"{event.kind}: nobody answered")

    @property
    def _paypal(self) -> Account:
        return account_of(self._stage.world)

    @property
    def _stripe(self) -> Stripe:
        return stripe_of(self._stage.world)

    def _party(self, event: Event) -> Party:
        return self._parties[int(event.facts["who"])]

    async def _persist(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        """Travellers try again when the hub is away."""
        for nth in range(TRIES):
            try:
                return await self._serve(ask)
            except (Down, HubError) as error:
                if nth == TRIES - 1 or (isinstance(error, HubError) and error.status < 500):  # noqa: PLR2004
                    raise
                await asyncio.sleep(2.0 + 5 * nth)
        raise AssertionError

    async def _book(self, event: Event) -> None:
        who = self._party(event)
        offers = self._stage.offers[event.facts["currency"]]
        offer_id, _ = offers[who.who]
        traveller = Traveller("ms", "f", "Ada", who.surname, BORN, "GB", who.email, who.phone, PASSPORT)
        wanted = NewBooking(offer_id, (traveller,), Contact(who.email, who.phone), who.key)
        who.booking = await self._persist(lambda services: services.bookings.create(who.caller, wanted))

    async def _pay(self, event: Event) -> None:
        """As the browser does: the hub makes the intent, and the card goes to Stripe directly."""
        who = self._party(event)
        if who.booking is None:
            return
        number, provider = who.booking.id, event.facts.get("provider")
        _, intent = await self._persist(
            lambda services: services.money.cashier.start(who.caller, number, provider=provider)
        )
        who.intent = intent
        if provider == "paypal":
            await asyncio.sleep(event.facts.get("after", 0.0))  # the buyer reads PayPal's page
            self._approve(intent.id, event.facts["funding"])
            return
        form = {
            "client_secret": intent.client_secret,
            "payment_method": event.facts["card"],
            "return_url": "http://127.0.0.1:9/back",
        }
        url = f"{self._stage.settings.sandbox_base}/stripe/v1/payment_intents/{intent.id}/confirm"
        headers = {
            "Authorization": "Bearer pk_test_sandbox",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        with suppress(aiohttp.ClientError):
            async with self.browser.post(url, data=urlencode(form), headers=headers) as answer:
                self._log(f"pay: Stripe says {answer.status}")

    def _approve(self, order_id: str, funding: str) -> None:
        """As the buyer does on PayPal's page; `funding` is how the money behaves that they choose."""
        orders.approve(self._paypal, self._paypal.find("order", order_id), funding)
        self._log(f"pay: approved at PayPal, {funding}")

    async def _challenge(self, event: Event) -> None:
        if (intent := self._intent(self._party(event))) is not None:
            confirming.answer(self._stripe, intent, passed=event.facts["passed"])

    async def _look(self, event: Event) -> None:
        """The traveller is back from the bank's page."""
        who = self._party(event)
        if who.booking is not None:
            number = who.booking.id
            await self._serve(lambda services: services.money.cashier.of_booking(who.caller, number))

    async def _accept(self, event: Event) -> None:
        """Agrees to the new price, where the hub asks, and pays it."""
        who = self._party(event)
        if who.booking is None:
            return
        number = who.booking.id
        now = await self._serve(lambda services: services.bookings.show(who.caller, number))
        if now.new_total is None:
            return
        await self._persist(lambda services: services.money.cashier.accept_price(who.caller, number, now.new_total))
        await asyncio.sleep(event.facts["after"])
        await self._pay(Event("pay", None, {"who": who.who, "card": "pm_card_visa"}))

    async def _cancel(self, event: Event) -> None:
        who = self._party(event)
        if who.booking is not None:
            number = who.booking.id
            await self._persist(lambda services: services.bookings.cancel(who.caller, number))
            who.cancelled = True

    async def _airline(self, event: Event) -> None:
        for one in self.orders(self._party(event)):
            move(self._stage.world, one, event.facts["status"])

    async def _refund(self, event: Event) -> None:
        """A person at the dashboard gives a part back, or all."""
        if (taken := self._at_paypal(self._party(event), "captures")) is not None:
            share = value(taken["amount"]) * Decimal(str(event.facts["share"]))
            paypal_refunds.make(self._paypal, taken, Decimal(max(1, round(share))), {})
            return
        intent = self._intent(self._party(event))
        if intent is not None:
            charge = refunds.charge_of(self._stripe, intent)
            amount = max(1, int(charge["amount_captured"] * event.facts["share"]))
            refunds.make(self._stripe, charge, amount, "requested_by_customer", {})

    async def _repay(self, event: Event) -> None:
        """A person at the hub gives money back: a share of the price, or whatever is left."""
        who, share = self._party(event), event.facts["share"]
        if who.booking is None:
            return
        number = who.booking.id
        payments = await self._serve(lambda services: services.money.cashier.of_booking(who.caller, number))
        for one in payments[-1:]:
            amount = None if share is None else one.money(max(1, int(one.amount.amount * share)))
            with about(actor="staff:torture"):
                await self._serve(partial(_refund, one.id, amount, event.facts.get("keyed", True)))

    async def _dispute(self, event: Event) -> None:
        intent = self._intent(self._party(event))
        if (taken := self._at_paypal(self._party(event), "captures")) is not None:
            self._claims[event.facts["who"]] = paypal_disputes.open_for(self._paypal, taken, "UNAUTHORISED")["id"]
        elif intent is not None:
            charge = refunds.charge_of(self._stripe, intent)
            inquiry = event.facts.get("inquiry", False)
            opened = disputes.open_for(self._stripe, charge, "fraudulent", inquiry=inquiry)
            self._disputes[event.facts["who"]] = opened["id"]

    def _dispute_of(self, event: Event) -> Object | None:
        ident = self._disputes.get(event.facts["who"])
        return None if ident is None else self._stripe.find("dispute", ident)

    def _claim_of(self, event: Event) -> Object | None:
        ident = self._claims.get(event.facts["who"])
        return None if ident is None else self._paypal.find("dispute", ident)

    async def _escalate(self, event: Event) -> None:
        if (dispute := self._dispute_of(event)) is not None:
            disputes.escalate(self._stripe, dispute)

    async def _reopen(self, event: Event) -> None:
        """The bank decides anew."""
        if (claim := self._claim_of(event)) is not None:
            paypal_disputes.appeal(self._paypal, claim)
        elif (dispute := self._dispute_of(event)) is not None:
            disputes.reopen(self._stripe, dispute)

    async def _decide(self, event: Event) -> None:
        if (claim := self._claim_of(event)) is not None:
            outcome = {"won": "RESOLVED_SELLER_FAVOUR", "lost": "RESOLVED_BUYER_FAVOUR"}[event.facts["outcome"]]
            paypal_disputes.resolve(self._paypal, claim, outcome)
        elif (dispute := self._dispute_of(event)) is not None:
            disputes.close(self._stripe, dispute, event.facts["outcome"])

    async def _capture(self, event: Event) -> None:
        """A person at the dashboard takes a part of what is held."""
        if (hold := self._at_paypal(self._party(event), "authorizations")) is not None:
            part = round(value(hold["amount"]) * Decimal(str(event.facts["share"])))
            payments.take_held(self._paypal, hold, Decimal(max(1, part)), final=event.facts.get("final", False))
            return
        intent = self._intent(self._party(event))
        if intent is not None and intent["status"] == "requires_capture":
            settling.take(self._stripe, intent, max(1, int(intent["amount"] * event.facts["share"])))

    async def _expire(self, event: Event) -> None:
        """A hold lapses by itself. PayPal tells nobody."""
        if (hold := self._at_paypal(self._party(event), "authorizations")) is not None:
            hold["expiration_time"] = self._paypal.now()
            return
        intent = self._intent(self._party(event))
        if intent is not None and intent["status"] == "requires_capture":
            settling.end(self._stripe, intent, "automatic")

    async def _lose_customer(self, event: Event) -> None:
        """Somebody deletes the traveler's customer in the dashboard."""
        number = str(self._party(event).caller.id)
        for customer in list(self._stripe.tables["customer"].values()):
            if not customer.get("deleted") and customer["metadata"].get("customer_id") == number:
                self._stripe.save({"id": customer["id"], "object": "customer", "deleted": True})

    async def _poison(self, event: Event) -> None:
        """A stranger's payment of which Stripe says what no column of the hub's holds."""
        model = self._intent(self._party(event))
        if model is None or self.poisoned is not None:
            return
        self.poisoned = await insert_stranger(self._stage, "pi_poison")
        charged = {"amount": STRANGER_PAYS, "amount_received": 2**63, "currency": "eur"}
        marks = {"metadata": {"payment_id": str(self.poisoned)}, "status": "succeeded", "latest_charge": None}
        self._stripe.save({**model, "id": "pi_poison", **charged, **marks})

    async def _tabs(self, event: Event) -> None:
        """Several tabs refresh one session at once, twice."""
        who = self._party(event)
        grant = await self._persist(lambda services: open_session(services, who.caller))
        token: str | None = grant.refresh_token
        for _ in range(2):
            if token is not None:
                token = await refresh_in_tabs(self._serve, token, event.facts["tabs"])
                await asyncio.sleep(event.facts["after"])

    async def _fault(self, event: Event) -> None:
        self._stage.world.faults.append(faults.parse(dict(event.facts)))

    async def _restart(self, _event: Event) -> None:
        self._stage.restart_sandbox()

    async def _script(self, event: Event) -> None:
        kiwi_of(self._stage.world).script.extend(read_script(dict(event.facts)))

    def _at_paypal(self, who: Party, kind: str) -> Object | None:
        """The newest of these `authorizations` or `captures` of the traveler's latest order."""
        order = self._paypal.tables["order"].get(who.intent.id) if who.intent is not None else None
        found = order["purchase_units"][0].get("payments", {}).get(kind) if order is not None else None
        return found[-1] if found else None

    def _intent(self, who: Party) -> Object | None:
        """The latest of this booking, by Stripe's books."""
        found = self.intents(who)
        return found[-1] if found else None

    def intents(self, who: Party) -> list[Object]:
        if who.booking is None:
            return []
        number = str(who.booking.id)
        return [
            one for one in self._stripe.tables["payment_intent"].values() if one["metadata"].get("booking_id") == number
        ]

    def orders(self, who: Party) -> list[Any]:
        """By Kiwi's books."""
        every = kiwi_of(self._stage.world).bookings.values()
        return [one for one in every if one.passengers[0]["surname"] == who.surname]


async def _refund(payment_id: UUID, amount: Money | None, keyed: bool, services: Any) -> None:
    await services.money.refunds.ask(payment_id, amount=amount, reason="goodwill", keyed=keyed)
