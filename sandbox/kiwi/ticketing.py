"""From a paid booking to tickets, and what the hub is told on the way."""

from datetime import timedelta

import orjson

from sandbox.kiwi.dice import dice
from sandbox.kiwi.state import NAME, Booking, state
from sandbox.kiwi.tokens import Stretch
from sandbox.kiwi.wire import stamp
from sandbox.world import Callback, World

RELEASED_AFTER = timedelta(minutes=90)
CALLBACK_STATUSES = frozenset(
    "received confirmed technical_issue sold_out security_issue cancelled delayed refund".split()
)
PASSING = frozenset({"delayed"})
"""Told to the hub, but the booking stays what it is."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def status_of(world: World, booking: Booking) -> str:
    """Saved and not paid for 90 minutes: the funds are released, and the booking is gone."""
    if booking.status == "open" and world.now() - booking.created_at >= RELEASED_AFTER:
        booking.status = "cancelled"
    return booking.status


def pay(world: World, booking: Booking) -> None:
    """Takes the money once, and orders the tickets, which are not there at once."""
    booking.confirms_done += 1
    move(world, booking, "received")
    outcome = state(world).take("ticketing") or "confirmed"
    if outcome != "never":
        world.schedule(world.config.callback_delay, NAME, "settle", booking.id, outcome)


def settle(world: World, booking_id: int, outcome: str) -> None:
    """Not when the booking has meanwhile been cancelled."""
    booking = state(world).bookings[booking_id]
    if booking.status == "received":
        move(world, booking, outcome)


def move(world: World, booking: Booking, status: str) -> None:
    """Changes the status, and tells the hub."""
    if status not in PASSING:
        booking.status = status
    if status == "confirmed" and not booking.pnrs:
        _ticket(world, booking)
    world.send(
        Callback(
            provider=NAME,
            url=f"{world.config.callback_base}/webhooks/kiwi/{world.config.kiwi_webhook_token}",
            body=_told(world, booking, status),
            label=f"{status} {booking.id}",
        )
    )


def _ticket(world: World, booking: Booking) -> None:
    roll = dice(world.config.seed, "tickets", booking.id)
    booking.pnrs = ["".join(roll.choices(_LETTERS, k=6)) for _ in range(booking.offered.tickets)]
    booking.e_tickets = [f"{roll.randint(1, 999):03}-{roll.randrange(10**9, 10**10)}" for _ in booking.passengers]


def reservation_number(booking: Booking, stretch: Stretch) -> str | None:
    """The airline's reference of the ticket that this flight is on; None until it has been issued."""
    tickets = list(dict.fromkeys(one.ticket for one in booking.offered.stretches))
    place = tickets.index(stretch.ticket)
    return booking.pnrs[place] if place < len(booking.pnrs) else None


def _told(world: World, booking: Booking, status: str) -> bytes:
    return orjson.dumps(
        {
            "booking_id": booking.id,
            "bid": booking.id,
            "status": status,
            "trigger": f"booking_{status}",
            "timestamp": stamp(world.now()),
            "pnr": booking.pnrs[0] if booking.pnrs else None,
            "pnrs": booking.pnrs,
            "e_tickets": booking.e_tickets,
        }
    )
