"""POST /v2/booking/save_booking and /v2/booking/confirm_payment."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox.kiwi.baggage import count_chosen_bags
from sandbox.kiwi.fares import EXCHANGE_RATES
from sandbox.kiwi.passengers import PassengerRules, validate_passengers
from sandbox.kiwi.price_check import build_check_fields, effective_adult_threshold, effective_document_need, sum_prices
from sandbox.kiwi.seeded_random import draw_number, hash_parts
from sandbox.kiwi.state import CheckSession, KiwiBooking, get_kiwi_state
from sandbox.kiwi.ticketing import get_status, pay_booking
from sandbox.kiwi.tokens import OfferedItinerary, decode_token
from sandbox.kiwi.wire import (
    KiwiApiError,
    api_handler,
    format_time,
    json_response,
    make_bad_request,
    make_invalid_param,
    read_json_object,
)
from sandbox.state import SandboxState

PAYMENT_WINDOW = timedelta(minutes=30)
_SURCHARGE = 1.1  # of a price that changes while saving
_TIMEOUT = {"status": -1, "msg": "confirm payment timeout"}


class BookingHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def list_routes(self) -> list[web.RouteDef]:
        return [
            web.post("/kiwi/v2/booking/save_booking", api_handler(self.save_booking)),
            web.post("/kiwi/v2/booking/confirm_payment", api_handler(self.confirm_payment)),
        ]

    async def save_booking(self, request: web.Request) -> web.StreamResponse:
        """Opens a booking. Whoever calls twice has two: nothing here is idempotent, as with the provider."""
        body, world = await read_json_object(request), self._world
        token = _text(body, "booking_token")
        offered = decode_token(world.config.seed, token, world.now())
        check = self._checked_session(_text(body, "session_id"), token)
        passengers = validate_passengers(body.get("passengers"), offered, self._rules(check))
        bags = count_chosen_bags(
            body.get("baggage", []), passengers, offered, check.bag_count,
            requires_every_passenger=world.config.kiwi_rules.bags_for_everybody,
        )  # fmt: skip
        if (refused := get_kiwi_state(world).take_outcome("refusal")) is not None:
            raise KiwiApiError(422, {"message": refused})
        currency = str(body.get("currency", "EUR")).upper()
        if currency not in EXCHANGE_RATES:
            raise make_invalid_param("currency", "Not a valid choice.")
        self._apply_script(check)
        answer = build_check_fields(world, check, offered, currency)
        if check.is_invalid:
            return json_response(answer | {"status": "error", "status_code": 200})
        named = [
            one | {"hold_bags": bag.get("hold_bag", 0), "hand_bags": bag.get("hand_bag", 0)}
            for one, bag in zip(passengers, bags, strict=True)
        ]
        booking = self._open(check, offered, named, currency)
        return json_response(answer | _saved(booking))

    def _rules(self, check: CheckSession) -> PassengerRules:
        rules = self._world.config.kiwi_rules
        return PassengerRules(
            requires_latin_names=rules.latin_names,
            document_need=effective_document_need(check, rules),
            adult_threshold=effective_adult_threshold(check, rules),
            contact_email=rules.contact_email,
            today=self._world.now().date(),
        )

    def _checked_session(self, session_id: str, token: str) -> CheckSession:
        check = get_kiwi_state(self._world).checks.get(session_id)
        if check is None or check.token != token:
            raise make_invalid_param("session_id", "Unknown session, call check_flights first.")
        if not check.is_ready:
            raise make_bad_request("the flights of this session are not checked yet")
        return check

    def _apply_script(self, check: CheckSession) -> None:
        told = get_kiwi_state(self._world).take_outcome("save")
        if told == "invalid":
            check.is_invalid = True
        elif told == "price_change":
            check.factor *= _SURCHARGE

    def _open(
        self, check: CheckSession, offered: OfferedItinerary, passengers: list[dict[str, Any]], currency: str
    ) -> KiwiBooking:
        """Numbers depend on the time as well, so that a sandbox that was restarted does not give them out again."""
        world, kiwi = self._world, get_kiwi_state(self._world)
        now, nth, seed = world.now(), kiwi.next_id(), world.config.seed
        ident = 100_000_000 + draw_number(seed, "booking", nth, now) % 900_000_000
        secret = hash_parts(seed, "auth", nth, now)
        first = passengers[0]
        tried = (first["name"].lower(), first["surname"].lower()) == ("test", "test")
        booking = KiwiBooking(
            id=ident,
            transaction_id=f"sandbox_{ident}" if tried else hash_parts(seed, "transaction", nth, now)[:20],
            auth_token=f"{secret[:8]}-{secret[8:12]}-{secret[12:16]}-{secret[16:20]}-{secret[20:]}",
            offered=offered,
            session_id=check.session_id,
            cents=sum_prices(check, offered)["total"],
            passengers=[one | {"pk": ident % 10**8 + place} for place, one in enumerate(passengers)],
            created_at=now,
            currency=currency,
        )
        kiwi.bookings[ident] = booking
        return booking

    async def confirm_payment(self, request: web.Request) -> web.StreamResponse:
        """Pays and asks for the tickets: 0 done, 1 refused, -1 too late.

        A second call for a paid booking is answered 1 and changes nothing (assumed). A refusal leaves the booking open.
        """
        body, kiwi = await read_json_object(request), get_kiwi_state(self._world)
        ident = str(body.get("booking_id", ""))
        booking = kiwi.bookings.get(int(ident)) if ident.isascii() and ident.isdigit() else None
        if booking is None or body.get("transaction_id") != booking.transaction_id:
            return json_response({"status": 1, "msg": "booking not found"})
        booking.confirm_requests += 1
        if booking.confirmations:
            return json_response({"status": 1, "msg": "payment already confirmed"})
        return json_response(self._pay(booking))

    def _pay(self, booking: KiwiBooking) -> dict[str, Any]:
        world = self._world
        if get_status(world, booking) != "open" or world.now() - booking.created_at > PAYMENT_WINDOW:
            return _TIMEOUT
        told = get_kiwi_state(world).take_outcome("confirm")
        if told == "timeout":
            return _TIMEOUT
        if told == "fail":
            return {"status": 1, "msg": "payment failed"}
        pay_booking(world, booking)
        return _TIMEOUT if told == "timeout_but_done" else {"status": 0}


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise make_invalid_param(name, "Missing data for required field.")
    return value


def _saved(booking: KiwiBooking) -> dict[str, Any]:
    made = {
        "bid": booking.id,
        "created_at": format_time(booking.created_at),
        "updated_at": format_time(booking.created_at),
    }
    return {
        "booking_id": booking.id,
        "transaction_id": booking.transaction_id,
        "auth_token": booking.auth_token,
        "status": "success",
        "status_code": 200,
        "sandbox": booking.transaction_id.startswith("sandbox_"),
        "passengers": [one | made for one in booking.passengers],
        "promocode": {"used": False, "discount": 0},
        "zooz_token": None,
    }
