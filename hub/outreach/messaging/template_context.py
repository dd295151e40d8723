"""What the templates may speak of."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.db import Tx, load_queries
from hub.core.sealing import SecretBox, UnsealError
from hub.outreach.messaging.model import Message
from hub.outreach.messaging.plan_context import PLAN_READY, PlanMessageContexts
from hub.outreach.messaging.unsendable import Unsendable
from hub.outreach.messaging.user_agents import describe_device
from hub.people.identity import AccountTemplate
from hub.sales.bookings import BookingLinks, BookingRepository, ItineraryBuilder, describe_failure
from hub.sales.payments import Payment
from hub.sales.payments.payment_state import SQL as PAYMENTS

SQL = load_queries("messaging")

PRICE_CHANGED_TEMPLATE = "booking_price_changed"
"""Asks for consent; once the traveler has answered, or time has run out, there is nothing left to ask."""
ACCOUNT_TEMPLATES = frozenset(get_args(AccountTemplate))
LINK_TEMPLATES = frozenset({"verify", "reset"})


async def find_account_row(
    tx: Tx, letter: str, ids: tuple[UUID | None, UUID | None, UUID | None], now: datetime
) -> Record:
    """Customer, link and sign-in (`ids`) as they are now. Raises Unsendable for a letter that has been overtaken."""
    row = await tx.fetchrow(SQL.letter_about, *ids)
    if row is None or row["erased_at"] is not None:
        raise Unsendable("account_erased")
    if letter == "verify" and row["verified_at"] is not None:
        raise Unsendable("address_verified")
    if letter in LINK_TEMPLATES:
        _check_link(row, now)
    return row


def _check_link(row: Record, now: datetime) -> None:
    if row["token_id"] is None:
        raise Unsendable("link_unknown")
    if row["used_at"] is not None:
        raise Unsendable("link_used")
    if row["expires_at"] <= now:
        raise Unsendable("link_expired")


@dataclass(frozen=True, slots=True)
class MessageContexts:
    """`link_base` is where people click: the page that asks for a new password is `{link_base}/forgot`."""

    bookings: BookingRepository
    secret_box: SecretBox
    clock: Clock
    link_base: str
    itineraries: ItineraryBuilder
    booking_links: BookingLinks
    plans: PlanMessageContexts | None = None

    async def build_context(self, tx: Tx, message: Message) -> dict[str, Any]:
        """Raises Unsendable when there is nothing left to tell."""
        if message.template in ACCOUNT_TEMPLATES:
            return await self._of_account(tx, message)
        if message.template == PLAN_READY and self.plans is not None:
            return await self.plans.build_context(tx, message)
        facts: dict[str, Any] = {}
        if message.booking_id:
            booking = await self.bookings.find_booking(tx, message.booking_id)
            if message.template == PRICE_CHANGED_TEMPLATE and booking.new_total is None:
                raise Unsendable("price_answered")
            facts |= {
                "booking": booking,
                "itinerary": self.itineraries.build_itinerary(booking),
                "booking_link": self.booking_links.build_link(booking.id),
                "failure_message": describe_failure(booking),
            }
        if message.payment_id:
            # Only looked at, and so not locked: whoever moves money locks the booking before its payment, and a letter
            # that held the payment would stand across their way. What changes after this has a letter of its own.
            payment = Payment.from_row(await tx.fetchrow(PAYMENTS.find, message.payment_id))  # type: ignore[arg-type]
            facts["payment"] = payment
            facts["captured"], facts["refunded"] = (
                payment.to_money(payment.captured),
                payment.to_money(payment.refunded),
            )
            # Messages of before amounts were written down state the total.
            facts["refund"] = payment.to_money(message.amount or payment.refunded)
        return facts

    async def _of_account(self, tx: Tx, message: Message) -> dict[str, Any]:
        ids = (message.customer_id, message.token_id, message.session_id)
        row = await find_account_row(tx, message.template, ids, self.clock.now())
        facts: dict[str, Any] = {
            "customer": {"name": row["name"], "email": row["email"]},
            "session": _session(row),
            "at": message.created_at,
            "forgot_link": f"{self.link_base}/forgot",
        }
        if message.template in LINK_TEMPLATES:
            facts["link"] = self._link(row)
            facts["link_life"] = format_duration(row["expires_at"] - row["token_at"])
        return facts

    def _link(self, row: Record) -> str:
        try:
            return self.secret_box.unseal_text(f"link:{row['token_id']}", row["sealed"])
        except UnsealError as error:
            raise Unsendable("link_unreadable", "failed") from error


def _session(row: Record) -> dict[str, Any] | None:
    if row["session_id"] is None:
        return None
    return {"ip": row["ip"], "device": describe_device(row["user_agent"]), "at": row["session_at"]}


def format_duration(life: timedelta) -> str:
    """24 hours, 1 hour, 10 minutes: rounded down, so that nobody is promised too much."""
    minutes = max(1, int(life.total_seconds()) // 60)
    number, unit = (minutes // 60, "hour") if minutes >= 60 else (minutes, "minute")  # noqa: PLR2004
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
