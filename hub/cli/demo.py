"""The whole journey against a running hub, step by step, as a frontend would go through it."""

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import aiohttp
import typer
from rich.console import Console
from rich.table import Table

from hub.core.clock import SystemClock
from hub.core.errors import Conflict, HubError, Unavailable
from hub.settings import Settings

console = Console()
CONFIRMATION_TIMEOUT = 60.0
"""Seconds for the booking to be confirmed."""


def register_commands(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    origin: Annotated[str, typer.Option(help="from where")] = "LON",
    destination: Annotated[str, typer.Option(help="to where")] = "BCN",
    card: Annotated[str, typer.Option(help="a test card of Stripe's")] = "pm_card_visa",
) -> None:
    """Play the journey against a running hub and tell its story."""
    settings = Settings.from_environment()
    asyncio.run(_play(settings, origin, destination, card))


async def _play(settings: Settings, origin: str, destination: str, card: str) -> None:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        journey = DemoClient(session, settings.own_url, settings.sandbox_base_url)
        await journey.register_account()
        offer = await journey.search_flights(origin, destination)
        booking = await journey.book_flight(offer)
        await journey.pay_booking(booking, card)
        await journey.wait_for_booking(booking["id"])
        await journey.print_timeline(booking["id"])


@dataclass(slots=True)
class DemoClient:
    """One traveller's way through the API. Amounts are minor units, as everywhere."""

    session: aiohttp.ClientSession
    hub_url: str
    sandbox_url: str
    token: str = ""
    email: str = ""
    quiet: bool = False

    async def register_account(self) -> None:
        self.email = f"ada.{uuid4().hex[:8]}@example.com"
        body = {"email": self.email, "password": uuid4().hex, "name": "Ada Lovelace", "phone": "+447700900123"}
        done = await self.call_api("POST", "/api/auth/register", body)
        if done["requires_verification"]:
            self._say("registered", f"{self.email}, a letter is on its way")
            done = await self.call_api("POST", "/api/auth/verify-email", {"token": await self._letter()})
        self.token = done["token"]
        self._say("signed in", "the address is confirmed")

    async def _letter(self) -> str:
        """The token of the link in the letter, once it has come."""
        clock = SystemClock()
        end = clock.monotonic() + CONFIRMATION_TIMEOUT
        while clock.monotonic() < end:
            async with self.session.get(f"{self.sandbox_url}/_/mailbox") as answer:
                letters = [one["text"] or one["html"] for one in await answer.json() if self.email in one["to"]]
            if letters and (found := re.search(r"[?&]token=([\w.~-]+)", letters[-1])):
                return found[1]
            await clock.sleep(0.1)
        raise Unavailable("The letter that confirms the address has not come.")

    async def search_flights(self, origin: str, destination: str) -> dict[str, Any]:
        day = SystemClock().now().date() + timedelta(days=45)
        query = f"origin={origin}&destination={destination}&departure_date={day}&adults=1&currency=EUR"
        found = await self.call_api("GET", f"/api/flights/search?{query}")
        if not found["offers"]:
            raise Unavailable(f"No flights from {origin} to {destination} on {day}.")
        offer: dict[str, Any] = found["offers"][0]
        direction = offer["slices"][0]
        flights = ", ".join(f"{one['carrier']} {one['flight_number']}" for one in direction["segments"])
        self._say("searched", f"{len(found['offers'])} offers, the best: {flights}, {offer['total']['display']}")
        return offer

    async def book_flight(self, offer: dict[str, Any]) -> dict[str, Any]:
        traveler = {
            "title": "ms", "gender": "f", "given_name": "Ada", "family_name": "Lovelace",
            "born_on": "1990-12-10", "nationality": "GB", "email": self.email, "phone": "+447700900123",
        }  # fmt: skip
        contact = {"email": self.email, "phone": "+447700900123"}
        body = {"offer_id": offer["id"], "travelers": [traveler], "contact": contact}
        booking: dict[str, Any] = await self.call_api("POST", "/api/bookings", body)
        self._say("booked", f"reference {booking['reference']}, {booking['status']}, {booking['total']['display']}")
        return booking

    async def pay_booking(self, booking: dict[str, Any], card: str) -> str:
        """What Stripe's own script does in the browser: confirms with the publishable key and the client secret.

        Returns the id of the intent.
        """
        intent = await self.call_api("POST", "/api/payments/create-payment-intent", {"booking_id": booking["id"]})
        url = f"{self.sandbox_url}/stripe/v1/payment_intents/{intent['payment_intent_id']}/confirm"
        form = {"client_secret": intent["client_secret"], "payment_method": card, "key": intent["publishable_key"]}
        headers = {"Authorization": f"Bearer {intent['publishable_key']}"}
        async with self.session.post(url, data=form, headers=headers) as answer:
            paid = await answer.json()
        if answer.status != 200:  # noqa: PLR2004
            raise Conflict(f"The card was declined: {paid['error'].get('code')}.")
        self._say("paid", f"{paid['status']} ({intent['payment_intent_id']})")
        return str(intent["payment_intent_id"])

    async def wait_for_booking(self, booking_id: str) -> dict[str, Any]:
        """Until the booking has come to an end, good or bad."""
        clock = SystemClock()
        end = clock.monotonic() + CONFIRMATION_TIMEOUT
        while True:
            booking: dict[str, Any] = await self.call_api("GET", f"/api/bookings/{booking_id}")
            if booking["status"] in {"confirmed", "failed", "cancelled", "expired"}:
                break
            if clock.monotonic() > end:
                raise Unavailable(f"The booking is still {booking['status']} after {CONFIRMATION_TIMEOUT:.0f} seconds.")
            await clock.sleep(0.2)
        self._say(booking["status"], f"payment {booking['payment_status']}, ticket {booking['supplier_reference']}")
        return booking

    async def print_timeline(self, booking_id: str) -> None:
        """The story as the hub tells it, and what has landed in the mailbox and on the telephone."""
        await SystemClock().sleep(1.5)
        story = await self.call_api("GET", f"/api/bookings/{booking_id}/story")
        table = Table(
            "time", "kind", "what", "detail", title="The story of the booking", title_justify="left", box=None
        )
        for one in story["chapters"]:
            table.add_row(one["at"][11:23], one["kind"], one["title"], _detail(one["data"]))
        console.print(table)
        await self._mail()

    async def _mail(self) -> None:
        async with self.session.get(f"{self.sandbox_url}/_/mailbox") as answer:
            mails = [one for one in await answer.json() if self.email in one["to"]]
        async with self.session.get(f"{self.sandbox_url}/_/messages") as answer:
            texts = (await answer.json())[-1:]
        table = Table("to", "subject", title="The mailbox", title_justify="left", box=None)
        for one in mails:
            table.add_row(", ".join(one["to"]), one["subject"])
        console.print(table)
        for one in texts:
            console.print(f"[bold]{one['channel']}[/bold] to {one['to']}: {one['body']}")
        console.print(f"Look at them: {self.sandbox_url}/_/mailbox")

    async def call_api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if method == "POST":
            headers["Idempotency-Key"] = uuid4().hex
        try:
            async with self.session.request(method, self.hub_url + path, json=body, headers=headers) as answer:
                found = await answer.json(content_type=None)
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(f"No hub answers at {self.hub_url}; start it with `make run`.") from error
        if answer.status >= 400:  # noqa: PLR2004
            raise HubError(f"{method} {path}: {answer.status} {found.get('detail')} {found.get('errors', '')}")
        return found

    def _say(self, what: str, detail: str) -> None:
        if not self.quiet:
            console.print(f"[green]{what:>11}[/green]  {detail}", highlight=False)


def _detail(data: dict[str, Any]) -> str:
    quiet = {"idempotency_key", "provider_request_id", "event_id", "attempt", "duration_ms"}
    return ", ".join(f"{name} {value}" for name, value in data.items() if name not in quiet and value is not None)
