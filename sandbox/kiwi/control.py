"""What the world outside may do to this emulator: script outcomes, look at bookings, let the airline act."""

from typing import Any

from aiohttp import web

from sandbox.kiwi.fares import euros
from sandbox.kiwi.state import Booking, Scripted, state
from sandbox.kiwi.ticketing import CALLBACK_STATUSES, move, status_of
from sandbox.kiwi.wire import Handler, Refusal, json_object, reply
from sandbox.world import World

_ENDS = frozenset({"technical_issue", "sold_out", "security_issue", "never"})
_OUTCOMES = {
    "confirm": frozenset({"timeout", "timeout_but_done", "fail"}),
    "save": frozenset({"invalid", "price_change"}),
    "ticketing": _ENDS,
}
_CHECKS = frozenset({"price_change", "flights_invalid", "not_ready_polls", "document_need", "adult_threshold"})


class Control:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_/kiwi/next", _answered(self.script)),
            web.get("/_/kiwi/next", _answered(self.scripted)),
            web.get("/_/kiwi/bookings", _answered(self.bookings)),
            web.post("/_/kiwi/bookings/{booking_id}/status", _answered(self.act)),
        ]

    async def script(self, request: web.Request) -> web.StreamResponse:
        """Adds outcomes for coming sessions (check), saves, confirmations and tickets; 201, or 422 with the field."""
        body = await json_object(request)
        entries = read_script(body)
        state(self._world).script.extend(entries)
        return reply([_shown(entry) for entry in entries], 201)

    async def scripted(self, _request: web.Request) -> web.StreamResponse:
        return reply([_shown(entry) for entry in state(self._world).script])

    async def bookings(self, _request: web.Request) -> web.StreamResponse:
        return reply([_listed(self._world, one) for one in state(self._world).bookings.values()])

    async def act(self, request: web.Request) -> web.StreamResponse:
        """The airline cancels, delays, refunds: {"status"}; the hub is told as usual."""
        body, ident = await json_object(request), request.match_info["booking_id"]
        booking = state(self._world).bookings.get(int(ident)) if ident.isascii() and ident.isdigit() else None
        if booking is None:
            raise Refusal(404, {"error": "booking not found"})
        status = body.get("status")
        if not isinstance(status, str) or status not in CALLBACK_STATUSES:
            raise _wrong("status", f"one of {', '.join(sorted(CALLBACK_STATUSES))}")
        move(self._world, booking, status)
        return reply(_listed(self._world, booking))


def _answered(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return reply(refusal.body, refusal.status)

    return answer


def read_script(body: dict[str, Any]) -> list[Scripted]:
    """One entry for what is said of the check, and one each for save, confirm and ticketing. Raises Refusal 422."""
    known = _CHECKS | _OUTCOMES.keys() | {"times", "refusal"}
    for name in body:
        if name not in known:
            raise _wrong(name, f"is not one of {', '.join(sorted(known))}")
    times = body.get("times", 1)
    if not _whole(times) or times < 1:
        raise _wrong("times", "a whole number from 1")
    found = [Scripted(name, _outcome(name, body[name]), times) for name in _OUTCOMES if name in body]
    if "refusal" in body:
        found.append(Scripted("refusal", _refusal(body["refusal"]), times))
    told = {name: body[name] for name in _CHECKS if name in body}
    if told:
        _validate_check(told)
        found.append(Scripted("check", told, times))
    if not found:
        raise _wrong("", "says nothing")
    return found


def _outcome(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in _OUTCOMES[name]:
        raise _wrong(name, f"one of {', '.join(sorted(_OUTCOMES[name]))}")
    return value


def _refusal(rows: Any) -> list[dict[str, Any]]:
    """The field list of a 422 to save_booking."""
    if not isinstance(rows, list) or not rows or not all(_is_refused_field(row) for row in rows):
        raise _wrong("refusal", 'a list such as [{"param": "passengers.0.phone", "errors": ["No."]}]')
    return rows


def _is_refused_field(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("param"), str) and isinstance(row.get("errors"), list)


def _validate_check(told: dict[str, Any]) -> None:
    change = told.get("price_change", {"factor": 1})
    factor = change.get("factor") if isinstance(change, dict) else None
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor <= 100:
        raise _wrong("price_change", 'as {"factor": 1.1}, above 0 and at most 100')
    if not isinstance(told.get("flights_invalid", True), bool):
        raise _wrong("flights_invalid", "true or false")
    for name, most in (("not_ready_polls", 100_000), ("document_need", 2), ("adult_threshold", 120)):
        if not _whole(told.get(name, 0)) or not 0 <= told.get(name, 0) <= most:
            raise _wrong(name, f"a whole number from 0 to {most}")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(field: str, why: str) -> Refusal:
    return Refusal(422, {"error": "invalid", "field": field, "detail": why})


def _shown(entry: Scripted) -> dict[str, Any]:
    return {"outcome": entry.outcome, "value": entry.value, "times": entry.times}


def _listed(world: World, booking: Booking) -> dict[str, Any]:
    return {
        "id": booking.id,
        "status": status_of(world, booking),
        "confirmed": booking.confirms_done,
        "confirms_asked": booking.confirms_asked,
        "total": euros(booking.cents),
        "currency": "EUR",
        "passengers": len(booking.passengers),
        "hold_bags": [one.get("hold_bags", 0) for one in booking.passengers],
        "hand_bags": [one.get("hand_bags", 0) for one in booking.passengers],
        "documents": [one.get("cardno") for one in booking.passengers],
        "pnrs": booking.pnrs,
        "pnr": booking.pnrs[0] if booking.pnrs else None,
        "created_at": booking.created_at.isoformat(),
    }
