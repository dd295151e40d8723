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

from hub.core.context import bind_context
from hub.core.errors import HubError
from hub.core.money import Money
from hub.people.identity import Caller
from hub.sales.bookings import Booking, Contact, NewBooking
from hub.supply.flights import Traveler
from sandbox import faults
from sandbox.kiwi.control import read_script
from sandbox.kiwi.state import get_kiwi_state as kiwi_of
from sandbox.kiwi.ticketing import change_status
from sandbox.paypal import disputes as paypal_disputes
from sandbox.paypal import orders, payments
from sandbox.paypal import refunds as paypal_refunds
from sandbox.paypal.errors import PayPalApiError as PayPalRefused
from sandbox.paypal.money import read_value
from sandbox.paypal.state import PayPalAccount, get_paypal_account
from sandbox.stripe import confirmation, disputes, refunds, settlement
from sandbox.stripe.errors import StripeApiError
from sandbox.stripe.state import Object, StripeAccount, get_stripe_account
from simulation.browser_tabs import open_session, refresh_in_tabs
from simulation.environment import Environment
from simulation.hub_process import ProcessDied
from simulation.run_plan import PlannedEvent
from simulation.unrelated_booking import UNRELATED_AMOUNT, insert_unrelated_booking

MAX_ATTEMPTS = 4
"""How often a traveller tries something again that has failed on the hub's side."""
BIRTH_DATE = date(1990, 12, 10)


@dataclass
class SimulatedTraveler:
    """One traveller of the run, and the booking once it is made."""

    index: int
    caller: Caller
    surname: str
    idempotency_key: str
    email: str
    phone: str
    booking: Booking | None = None
    intent: Any = None
    has_canceled: bool = False
    """The hub has said so."""


TRAVELER_SURNAMES = ("Babbage", "Byron")
"""One of their own: the one thing by which the supplier's booking and ours are surely the same."""


def create_traveler(seed: int, who: int) -> SimulatedTraveler:
    number = UUID(int=Random(f"party:{seed}:{who}").getrandbits(128), version=4)  # noqa: S311 (the same each time)
    name = TRAVELER_SURNAMES[who]
    return SimulatedTraveler(who, Caller(number), name, number.hex, f"{name.lower()}@example.com", f"+44770090012{who}")


SendRequest = Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]


PASSPORT_NUMBER = "D25845822"


class Actions:
    """`serve` asks the hub; `log` notes what came of it."""

    def __init__(
        self, stage: Environment, serve: SendRequest, parties: list[SimulatedTraveler], log: Callable[[str], None]
    ) -> None:
        self._stage = stage
        self._serve = serve
        self._parties = parties
        self._log = log
        self._disputes: dict[int, str] = {}
        """The ids of the latest disputes, by whose payment it is."""
        self.poisoned_payment_id: UUID | None = None
        """The payment whose row refuses to be settled."""
        self._claims: dict[int, str] = {}
        """The ids of the latest disputes at PayPal, by whose payment it is."""
        self.browser = aiohttp.ClientSession(connector=stage.create_connector(), headers={"User-Agent": "browser"})

    async def perform_event(self, event: PlannedEvent) -> None:
        act = getattr(self, f"_{event.kind}", None)
        if act is None:
            raise ValueError(f"nobody knows how to {event.kind}")
        try:
            await act(event)
        except (HubError, StripeApiError, PayPalRefused) as error:
            self._log(f"{event.kind}: {getattr(error, 'code', '')} {str(error)[:80]}")
        except ProcessDied:
            self._log(f"{event.kind}: nobody answered")

    @property
    def _paypal(self) -> PayPalAccount:
        return get_paypal_account(self._stage.world)

    @property
    def _stripe(self) -> StripeAccount:
        return get_stripe_account(self._stage.world)

    def _party(self, event: PlannedEvent) -> SimulatedTraveler:
        return self._parties[int(event.params["who"])]

    async def _persist(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        """Travellers try again when the hub is away."""
        for nth in range(MAX_ATTEMPTS):
            try:
                return await self._serve(ask)
            except (ProcessDied, HubError) as error:
                if nth == MAX_ATTEMPTS - 1 or (isinstance(error, HubError) and error.status < 500):  # noqa: PLR2004
                    raise
                await asyncio.sleep(2.0 + 5 * nth)
        raise AssertionError

    async def _book(self, event: PlannedEvent) -> None:
        who = self._party(event)
        offers = self._stage.offers[event.params["currency"]]
        offer_id, _ = offers[who.index]
        traveller = Traveler("ms", "f", "Ada", who.surname, BIRTH_DATE, "GB", who.email, who.phone, PASSPORT_NUMBER)
        wanted = NewBooking(offer_id, (traveller,), Contact(who.email, who.phone), who.idempotency_key)
        who.booking = await self._persist(lambda services: services.bookings.create_booking(who.caller, wanted))

    async def _pay(self, event: PlannedEvent) -> None:
        """As the browser does: the hub makes the intent, and the card goes to Stripe directly."""
        who = self._party(event)
        if who.booking is None:
            return
        number, provider = who.booking.id, event.params.get("provider")
        _, intent = await self._persist(
            lambda services: services.payments.checkout.start_payment(who.caller, number, provider=provider)
        )
        who.intent = intent
        if provider == "paypal":
            await asyncio.sleep(event.params.get("after", 0.0))  # the buyer reads PayPal's page
            self._approve(intent.id, event.params["funding"])
            return
        form = {
            "client_secret": intent.client_secret,
            "payment_method": event.params["card"],
            "return_url": "http://127.0.0.1:9/back",
        }
        url = f"{self._stage.settings.sandbox_base_url}/stripe/v1/payment_intents/{intent.id}/confirm"
        headers = {
            "Authorization": "Bearer pk_test_sandbox",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        with suppress(aiohttp.ClientError):
            async with self.browser.post(url, data=urlencode(form), headers=headers) as answer:
                self._log(f"pay: Stripe says {answer.status}")

    def _approve(self, order_id: str, funding: str) -> None:
        """As the buyer does on PayPal's page; `funding` is how the money behaves that they choose."""
        orders.approve_order(self._paypal, self._paypal.find_object("order", order_id), funding)
        self._log(f"pay: approved at PayPal, {funding}")

    async def _challenge(self, event: PlannedEvent) -> None:
        if (intent := self._intent(self._party(event))) is not None:
            confirmation.answer_challenge(self._stripe, intent, passed=event.params["passed"])

    async def _look(self, event: PlannedEvent) -> None:
        """The traveller is back from the bank's page."""
        who = self._party(event)
        if who.booking is not None:
            number = who.booking.id
            await self._serve(lambda services: services.payments.checkout.list_payments(who.caller, number))

    async def _accept(self, event: PlannedEvent) -> None:
        """Agrees to the new price, where the hub asks, and pays it."""
        who = self._party(event)
        if who.booking is None:
            return
        number = who.booking.id
        now = await self._serve(lambda services: services.bookings.get_booking(who.caller, number))
        if now.new_total is None:
            return
        await self._persist(lambda services: services.payments.checkout.accept_price(who.caller, number, now.new_total))
        await asyncio.sleep(event.params["after"])
        await self._pay(PlannedEvent("pay", None, {"who": who.index, "card": "pm_card_visa"}))

    async def _cancel(self, event: PlannedEvent) -> None:
        who = self._party(event)
        if who.booking is not None:
            number = who.booking.id
            await self._persist(lambda services: services.bookings.cancel_booking(who.caller, number))
            who.has_canceled = True

    async def _airline(self, event: PlannedEvent) -> None:
        for one in self.list_orders(self._party(event)):
            change_status(self._stage.world, one, event.params["status"])

    async def _refund(self, event: PlannedEvent) -> None:
        """A person at the dashboard gives a part back, or all."""
        if (taken := self._at_paypal(self._party(event), "captures")) is not None:
            share = read_value(taken["amount"]) * Decimal(str(event.params["share"]))
            paypal_refunds.refund_capture(self._paypal, taken, Decimal(max(1, round(share))), {})
            return
        intent = self._intent(self._party(event))
        if intent is not None:
            charge = refunds.find_captured_charge(self._stripe, intent)
            amount = max(1, int(charge["amount_captured"] * event.params["share"]))
            refunds.refund_charge(self._stripe, charge, amount, "requested_by_customer", {})

    async def _repay(self, event: PlannedEvent) -> None:
        """A person at the hub gives money back: a share of the price, or whatever is left."""
        who, share = self._party(event), event.params["share"]
        if who.booking is None:
            return
        number = who.booking.id
        payments = await self._serve(lambda services: services.payments.checkout.list_payments(who.caller, number))
        for one in payments[-1:]:
            amount = None if share is None else one.to_money(max(1, int(one.amount.amount * share)))
            with bind_context(actor="staff:torture"):
                await self._serve(partial(_refund, one.id, amount, event.params.get("keyed", True)))

    async def _dispute(self, event: PlannedEvent) -> None:
        intent = self._intent(self._party(event))
        if (taken := self._at_paypal(self._party(event), "captures")) is not None:
            self._claims[event.params["who"]] = paypal_disputes.open_dispute(self._paypal, taken, "UNAUTHORISED")["id"]
        elif intent is not None:
            charge = refunds.find_captured_charge(self._stripe, intent)
            inquiry = event.params.get("inquiry", False)
            opened = disputes.open_dispute(self._stripe, charge, "fraudulent", inquiry=inquiry)
            self._disputes[event.params["who"]] = opened["id"]

    def _dispute_of(self, event: PlannedEvent) -> Object | None:
        ident = self._disputes.get(event.params["who"])
        return None if ident is None else self._stripe.find_object("dispute", ident)

    def _claim_of(self, event: PlannedEvent) -> Object | None:
        ident = self._claims.get(event.params["who"])
        return None if ident is None else self._paypal.find_object("dispute", ident)

    async def _escalate(self, event: PlannedEvent) -> None:
        if (dispute := self._dispute_of(event)) is not None:
            disputes.escalate_dispute(self._stripe, dispute)

    async def _reopen(self, event: PlannedEvent) -> None:
        """The bank decides anew."""
        if (claim := self._claim_of(event)) is not None:
            paypal_disputes.appeal_dispute(self._paypal, claim)
        elif (dispute := self._dispute_of(event)) is not None:
            disputes.reopen_dispute(self._stripe, dispute)

    async def _decide(self, event: PlannedEvent) -> None:
        if (claim := self._claim_of(event)) is not None:
            outcome = {"won": "RESOLVED_SELLER_FAVOUR", "lost": "RESOLVED_BUYER_FAVOUR"}[event.params["outcome"]]
            paypal_disputes.resolve_dispute(self._paypal, claim, outcome)
        elif (dispute := self._dispute_of(event)) is not None:
            disputes.close_dispute(self._stripe, dispute, event.params["outcome"])

    async def _capture(self, event: PlannedEvent) -> None:
        """A person at the dashboard takes a part of what is held."""
        if (hold := self._at_paypal(self._party(event), "authorizations")) is not None:
            part = round(read_value(hold["amount"]) * Decimal(str(event.params["share"])))
            payments.capture_hold(self._paypal, hold, Decimal(max(1, part)), final=event.params.get("final", False))
            return
        intent = self._intent(self._party(event))
        if intent is not None and intent["status"] == "requires_capture":
            settlement.capture_amount(self._stripe, intent, max(1, int(intent["amount"] * event.params["share"])))

    async def _expire(self, event: PlannedEvent) -> None:
        """A hold lapses by itself. PayPal tells nobody."""
        if (hold := self._at_paypal(self._party(event), "authorizations")) is not None:
            hold["expiration_time"] = self._paypal.timestamp()
            return
        intent = self._intent(self._party(event))
        if intent is not None and intent["status"] == "requires_capture":
            settlement.end_intent(self._stripe, intent, "automatic")

    async def _lose_customer(self, event: PlannedEvent) -> None:
        """Somebody deletes the traveler's customer in the dashboard."""
        number = str(self._party(event).caller.id)
        for customer in list(self._stripe.tables["customer"].values()):
            if not customer.get("deleted") and customer["metadata"].get("customer_id") == number:
                self._stripe.save_object({"id": customer["id"], "object": "customer", "deleted": True})

    async def _poison(self, event: PlannedEvent) -> None:
        """A stranger's payment of which Stripe says what no column of the hub's holds."""
        model = self._intent(self._party(event))
        if model is None or self.poisoned_payment_id is not None:
            return
        self.poisoned_payment_id = await insert_unrelated_booking(self._stage, "pi_poison")
        charged = {"amount": UNRELATED_AMOUNT, "amount_received": 2**63, "currency": "eur"}
        marks = {
            "metadata": {"payment_id": str(self.poisoned_payment_id)},
            "status": "succeeded",
            "latest_charge": None,
        }
        self._stripe.save_object({**model, "id": "pi_poison", **charged, **marks})

    async def _tabs(self, event: PlannedEvent) -> None:
        """Several tabs refresh one session at once, twice."""
        who = self._party(event)
        grant = await self._persist(lambda services: open_session(services, who.caller))
        token: str | None = grant.refresh_token
        for _ in range(2):
            if token is not None:
                token = await refresh_in_tabs(self._serve, token, event.params["tabs"])
                await asyncio.sleep(event.params["after"])

    async def _fault(self, event: PlannedEvent) -> None:
        self._stage.world.faults.append(faults.parse_fault(dict(event.params)))

    async def _restart(self, _event: PlannedEvent) -> None:
        self._stage.restart_sandbox()

    async def _script(self, event: PlannedEvent) -> None:
        kiwi_of(self._stage.world).scripted_outcomes.extend(read_script(dict(event.params)))

    def _at_paypal(self, who: SimulatedTraveler, kind: str) -> Object | None:
        """The newest of these `authorizations` or `captures` of the traveler's latest order."""
        order = self._paypal.tables["order"].get(who.intent.id) if who.intent is not None else None
        found = order["purchase_units"][0].get("payments", {}).get(kind) if order is not None else None
        return found[-1] if found else None

    def _intent(self, who: SimulatedTraveler) -> Object | None:
        """The latest of this booking, by Stripe's books."""
        found = self.list_intents(who)
        return found[-1] if found else None

    def list_intents(self, who: SimulatedTraveler) -> list[Object]:
        if who.booking is None:
            return []
        number = str(who.booking.id)
        return [
            one for one in self._stripe.tables["payment_intent"].values() if one["metadata"].get("booking_id") == number
        ]

    def list_orders(self, who: SimulatedTraveler) -> list[Any]:
        """By Kiwi's books."""
        every = kiwi_of(self._stage.world).bookings.values()
        return [one for one in every if one.passengers[0]["surname"] == who.surname]


async def _refund(payment_id: UUID, amount: Money | None, keyed: bool, services: Any) -> None:
    await services.payments.refunds.request_refund(
        payment_id, amount=amount, reason="goodwill", has_idempotency_key=keyed
    )
