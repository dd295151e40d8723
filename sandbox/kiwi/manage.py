"""The manage API: an authorization token, and a read of a booking."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox.kiwi.check import clock
from sandbox.kiwi.dice import digest
from sandbox.kiwi.fares import convert, euros
from sandbox.kiwi.state import Booking, state
from sandbox.kiwi.ticketing import reservation_number, status_of
from sandbox.kiwi.wire import Refusal, reply, spoken, stamp
from sandbox.world import World

GRANT_LIFE = timedelta(minutes=30)


class Manage:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/kiwi/manage/create_auth_token", spoken(self.grant)),
            web.get("/kiwi/manage/bookings/{booking_id}", spoken(self.read)),
            web.get("/kiwi/manage/bookings/{booking_id}/passengers", spoken(self.passengers)),
        ]

    async def grant(self, _request: web.Request) -> web.StreamResponse:
        kiwi, now = state(self._world), self._world.now()
        token = digest(self._world.config.seed, "grant", kiwi.next_id(), now)
        kiwi.grants[token] = now
        return reply({"authorization_token": token})

    async def read(self, request: web.Request) -> web.StreamResponse:
        return reply(_booking(self._world, self._allowed(request)))

    async def passengers(self, request: web.Request) -> web.StreamResponse:
        booking = self._allowed(request)
        return reply([one | {"id": one["pk"], "booking_id": booking.id} for one in booking.passengers])

    def _allowed(self, request: web.Request) -> Booking:
        """`KW-Auth-Token` is either a grant not older than 30 minutes, or the booking's own `auth_token`."""
        token, ident = request.headers.get("KW-Auth-Token", ""), request.match_info["booking_id"]
        kiwi = state(self._world)
        booking = kiwi.bookings.get(int(ident)) if ident.isascii() and ident.isdigit() else None
        granted = kiwi.grants.get(token)
        fresh = granted is not None and self._world.now() - granted <= GRANT_LIFE
        if not fresh and (booking is None or token != booking.auth_token):
            raise Refusal(401, {"status": "Unauthorized", "error": "KW-Auth-Token is missing, wrong or expired"})
        if booking is None:
            raise Refusal(404, {"status": "Not Found", "error": "booking not found"})
        return booking


def _booking(world: World, booking: Booking) -> dict[str, Any]:
    total = {"amount": convert(booking.cents, booking.currency), "currency": booking.currency}
    return {
        "booking_id": booking.id,
        "bid": booking.id,
        "status": status_of(world, booking),
        "created_at": stamp(booking.created_at),
        "total": euros(booking.cents),
        "currency": "EUR",
        "price": total,
        "pnr": booking.pnrs[0] if booking.pnrs else None,
        "pnrs": booking.pnrs,
        "e_tickets": booking.e_tickets,
        "passengers": [{"id": one["pk"], "category": one["category"]} for one in booking.passengers],
        "flights": [
            {"id": one.id, "src": one.origin, "dst": one.destination}
            | {"airline": one.airline, "flight_no": one.number, "return": one.returning}
            | {"reservation_number": reservation_number(booking, one)}
            | clock(one)
            for one in booking.offered.stretches
        ],
    }
