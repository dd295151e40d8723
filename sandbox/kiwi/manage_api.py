"""The manage API: an authorization token, and a read of a booking."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox.kiwi.fares import convert_cents, to_euros
from sandbox.kiwi.price_check import format_leg_times
from sandbox.kiwi.seeded_random import hash_parts
from sandbox.kiwi.state import KiwiBooking, get_kiwi_state
from sandbox.kiwi.ticketing import find_reservation_number, get_status
from sandbox.kiwi.wire import KiwiApiError, api_handler, format_time, json_response
from sandbox.state import SandboxState

TOKEN_LIFE = timedelta(minutes=30)


class ManageHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def list_routes(self) -> list[web.RouteDef]:
        return [
            web.post("/kiwi/manage/create_auth_token", api_handler(self.create_token)),
            web.get("/kiwi/manage/bookings/{booking_id}", api_handler(self.show_booking)),
            web.get("/kiwi/manage/bookings/{booking_id}/passengers", api_handler(self.list_passengers)),
        ]

    async def create_token(self, _request: web.Request) -> web.StreamResponse:
        kiwi, now = get_kiwi_state(self._world), self._world.now()
        token = hash_parts(self._world.config.seed, "grant", kiwi.next_id(), now)
        kiwi.grants[token] = now
        return json_response({"authorization_token": token})

    async def show_booking(self, request: web.Request) -> web.StreamResponse:
        return json_response(_booking(self._world, self._allowed(request)))

    async def list_passengers(self, request: web.Request) -> web.StreamResponse:
        booking = self._allowed(request)
        return json_response([one | {"id": one["pk"], "booking_id": booking.id} for one in booking.passengers])

    def _allowed(self, request: web.Request) -> KiwiBooking:
        """`KW-Auth-Token` is either a grant not older than 30 minutes, or the booking's own `auth_token`."""
        token, ident = request.headers.get("KW-Auth-Token", ""), request.match_info["booking_id"]
        kiwi = get_kiwi_state(self._world)
        booking = kiwi.bookings.get(int(ident)) if ident.isascii() and ident.isdigit() else None
        granted = kiwi.grants.get(token)
        fresh = granted is not None and self._world.now() - granted <= TOKEN_LIFE
        if not fresh and (booking is None or token != booking.auth_token):
            raise KiwiApiError(401, {"status": "Unauthorized", "error": "KW-Auth-Token is missing, wrong or expired"})
        if booking is None:
            raise KiwiApiError(404, {"status": "Not Found", "error": "booking not found"})
        return booking


def _booking(world: SandboxState, booking: KiwiBooking) -> dict[str, Any]:
    total = {"amount": convert_cents(booking.cents, booking.currency), "currency": booking.currency}
    return {
        "booking_id": booking.id,
        "bid": booking.id,
        "status": get_status(world, booking),
        "created_at": format_time(booking.created_at),
        "total": to_euros(booking.cents),
        "currency": "EUR",
        "price": total,
        "pnr": booking.pnrs[0] if booking.pnrs else None,
        "pnrs": booking.pnrs,
        "e_tickets": booking.e_tickets,
        "passengers": [{"id": one["pk"], "category": one["category"]} for one in booking.passengers],
        "flights": [
            {"id": one.id, "src": one.origin, "dst": one.destination}
            | {"airline": one.airline, "flight_no": one.number, "return": one.is_return}
            | {"reservation_number": find_reservation_number(booking, one)}
            | format_leg_times(one)
            for one in booking.offered.legs
        ],
    }
