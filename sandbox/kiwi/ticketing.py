"""From a paid booking to tickets, and what the hub is told on the way."""

from datetime import timedelta

import orjson

from sandbox.kiwi.seeded_random import seeded_random
from sandbox.kiwi.state import EMULATOR_NAME, KiwiBooking, get_kiwi_state
from sandbox.kiwi.tokens import OfferedLeg
from sandbox.kiwi.wire import format_time
from sandbox.state import Callback, SandboxState

RELEASE_DELAY = timedelta(minutes=90)
CALLBACK_STATUSES = frozenset(
    "received confirmed technical_issue sold_out security_issue cancelled delayed refund".split()
)
TRANSIENT_STATUSES = frozenset({"delayed"})
"""Told to the hub, but the booking stays what it is."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def get_status(world: SandboxState, booking: KiwiBooking) -> str:
    """Saved and not paid for 90 minutes: the funds are released, and the booking is gone."""
    if booking.status == "open" and world.now() - booking.created_at >= RELEASE_DELAY:
        booking.status = "cancelled"
    return booking.status


def pay_booking(world: SandboxState, booking: KiwiBooking) -> None:
    """Takes the money once, and orders the tickets, which are not there at once."""
    booking.confirmations += 1
    change_status(world, booking, "received")
    outcome = get_kiwi_state(world).take_outcome("ticketing") or "confirmed"
    if outcome != "never":
        world.schedule_action(world.config.callback_delay, EMULATOR_NAME, "settle", booking.id, outcome)


def settle_ticketing(world: SandboxState, booking_id: int, outcome: str) -> None:
    """Not when the booking has meanwhile been cancelled."""
    booking = get_kiwi_state(world).bookings[booking_id]
    if booking.status == "received":
        change_status(world, booking, outcome)


def change_status(world: SandboxState, booking: KiwiBooking, status: str) -> None:
    """Changes the status, and tells the hub."""
    if status not in TRANSIENT_STATUSES:
        booking.status = status
    if status == "confirmed" and not booking.pnrs:
        _ticket(world, booking)
    world.send_callback(
        Callback(
            provider=EMULATOR_NAME,
            url=f"{world.config.callback_base}/webhooks/kiwi/{world.config.kiwi_webhook_token}",
            body=_told(world, booking, status),
            label=f"{status} {booking.id}",
        )
    )


def _ticket(world: SandboxState, booking: KiwiBooking) -> None:
    roll = seeded_random(world.config.seed, "tickets", booking.id)
    booking.pnrs = ["".join(roll.choices(_LETTERS, k=6)) for _ in range(booking.offered.ticket_count)]
    booking.e_tickets = [f"{roll.randint(1, 999):03}-{roll.randrange(10**9, 10**10)}" for _ in booking.passengers]


def find_reservation_number(booking: KiwiBooking, stretch: OfferedLeg) -> str | None:
    """The airline's reference of the ticket that this flight is on; None until it has been issued."""
    tickets = list(dict.fromkeys(one.ticket_id for one in booking.offered.legs))
    place = tickets.index(stretch.ticket_id)
    return booking.pnrs[place] if place < len(booking.pnrs) else None


def _told(world: SandboxState, booking: KiwiBooking, status: str) -> bytes:
    return orjson.dumps(
        {
            "booking_id": booking.id,
            "bid": booking.id,
            "status": status,
            "trigger": f"booking_{status}",
            "timestamp": format_time(world.now()),
            "pnr": booking.pnrs[0] if booking.pnrs else None,
            "pnrs": booking.pnrs,
            "e_tickets": booking.e_tickets,
        }
    )
