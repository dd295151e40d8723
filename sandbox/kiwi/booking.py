"""POST /v2/booking/save_booking and /v2/booking/confirm_payment."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from sandbox.kiwi.baggage import chosen_bags
from sandbox.kiwi.check import adult_threshold, checked, document_need, sums
from sandbox.kiwi.dice import digest, number
from sandbox.kiwi.fares import RATES
from sandbox.kiwi.passengers import Rules, validate
from sandbox.kiwi.state import Booking, Check, state
from sandbox.kiwi.ticketing import pay, status_of
from sandbox.kiwi.tokens import Offered, unseal
from sandbox.kiwi.wire import Refusal, bad_request, invalid, json_object, reply, spoken, stamp
from sandbox.world import World

PAY_WITHIN = timedelta(minutes=30)
_SURCHARGE = 1.1  # of a price that changes while saving
_TIMEOUT = {"status": -1, "msg": "confirm payment timeout"}


class Bookings:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/kiwi/v2/booking/save_booking", spoken(self.save)),
            web.post("/kiwi/v2/booking/confirm_payment", spoken(self.confirm)),
        ]

    async def save(self, request: web.Request) -> web.StreamResponse:
        """Opens a booking. Whoever calls twice has two: nothing here is idempotent, as with the provider."""
        body, world = await json_object(request), self._world
        token = _text(body, "booking_token")
        offered = unseal(world.config.seed, token, world.now())
        check = self._checked_session(_text(body, "session_id"), token)
        passengers = validate(body.get("passengers"), offered, self._rules(check))
        bags = chosen_bags(
            body.get("baggage", []), passengers, offered, check.bags,
            for_everybody=world.config.kiwi_rules.bags_for_everybody,
        )  # fmt: skip
        if (refused := state(world).take("refusal")) is not None:
            raise Refusal(422, {"message": refused})
        currency = str(body.get("currency", "EUR")).upper()
        if currency not in RATES:
            raise invalid("currency", "Not a valid choice.")
        self._apply_script(check)
        answer = checked(world, check, offered, currency)
        if check.invalid:
            return reply(answer | {"status": "error", "status_code": 200})
        named = [
            one | {"hold_bags": bag.get("hold_bag", 0), "hand_bags": bag.get("hand_bag", 0)}
            for one, bag in zip(passengers, bags, strict=True)
        ]
        booking = self._open(check, offered, named, currency)
        return reply(answer | _saved(booking))

    def _rules(self, check: Check) -> Rules:
        rules = self._world.config.kiwi_rules
        return Rules(
            latin_names=rules.latin_names,
            document_need=document_need(check, rules),
            adult_threshold=adult_threshold(check, rules),
            contact_email=rules.contact_email,
            today=self._world.now().date(),
        )

    def _checked_session(self, session_id: str, token: str) -> Check:
        check = state(self._world).checks.get(session_id)
        if check is None or check.token != token:
            raise invalid("session_id", "Unknown session, call check_flights first.")
        if not check.ready:
            raise bad_request("the flights of this session are not checked yet")
        return check

    def _apply_script(self, check: Check) -> None:
        told = state(self._world).take("save")
        if told == "invalid":
            check.invalid = True
        elif told == "price_change":
            check.factor *= _SURCHARGE

    def _open(self, check: Check, offered: Offered, passengers: list[dict[str, Any]], currency: str) -> Booking:
        """Numbers depend on the time as well, so that a sandbox that was restarted does not give them out again."""
        world, kiwi = self._world, state(self._world)
        now, nth, seed = world.now(), kiwi.next_id(), world.config.seed
        ident = 100_000_000 + number(seed, "booking", nth, now) % 900_000_000
        secret = digest(seed, "auth", nth, now)
        first = passengers[0]
        tried = (first["name"].lower(), first["surname"].lower()) == ("test", "test")
        booking = Booking(
            id=ident,
            transaction_id=f"sandbox_{ident}" if tried else digest(seed, "transaction", nth, now)[:20],
            auth_token=f"{secret[:8]}-{secret[8:12]}-{secret[12:16]}-{secret[16:20]}-{secret[20:]}",
            offered=offered,
            session_id=check.session_id,
            cents=sums(check, offered)["total"],
            passengers=[one | {"pk": ident % 10**8 + place} for place, one in enumerate(passengers)],
            created_at=now,
            currency=currency,
        )
        kiwi.bookings[ident] = booking
        return booking

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """Pays and asks for the tickets: 0 done, 1 refused, -1 too late.

        A second call for a paid booking is answered 1 and changes nothing (assumed). A refusal leaves the booking open.
        """
        body, kiwi = await json_object(request), state(self._world)
        ident = str(body.get("booking_id", ""))
        booking = kiwi.bookings.get(int(ident)) if ident.isascii() and ident.isdigit() else None
        if booking is None or body.get("transaction_id") != booking.transaction_id:
            return reply({"status": 1, "msg": "booking not found"})
        booking.confirms_asked += 1
        if booking.confirms_done:
            return reply({"status": 1, "msg": "payment already confirmed"})
        return reply(self._pay(booking))

    def _pay(self, booking: Booking) -> dict[str, Any]:
        world = self._world
        if status_of(world, booking) != "open" or world.now() - booking.created_at > PAY_WITHIN:
            return _TIMEOUT
        told = state(world).take("confirm")
        if told == "timeout":
            return _TIMEOUT
        if told == "fail":
            return {"status": 1, "msg": "payment failed"}
        pay(world, booking)
        return _TIMEOUT if told == "timeout_but_done" else {"status": 0}


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, "Missing data for required field.")
    return value


def _saved(booking: Booking) -> dict[str, Any]:
    made = {"bid": booking.id, "created_at": stamp(booking.created_at), "updated_at": stamp(booking.created_at)}
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
