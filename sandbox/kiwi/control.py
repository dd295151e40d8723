"""What the world outside may do to this emulator: script outcomes, look at bookings, let the airline act."""

from typing import Any

from aiohttp import web

from sandbox.kiwi.fares import to_euros
from sandbox.kiwi.state import KiwiBooking, ScriptedOutcome, get_kiwi_state
from sandbox.kiwi.ticketing import CALLBACK_STATUSES, change_status, get_status
from sandbox.kiwi.wire import Handler, KiwiApiError, json_response, read_json_object
from sandbox.state import SandboxState

_ENDS = frozenset({"technical_issue", "sold_out", "security_issue", "never"})
_OUTCOMES = {
    "confirm": frozenset({"timeout", "timeout_but_done", "fail"}),
    "save": frozenset({"invalid", "price_change"}),
    "ticketing": _ENDS,
}
_CHECKS = frozenset({"price_change", "flights_invalid", "not_ready_polls", "document_need", "adult_threshold"})


class ControlHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def list_routes(self) -> list[web.RouteDef]:
        return [
            web.post("/_/kiwi/next", _answered(self.add_script)),
            web.get("/_/kiwi/next", _answered(self.list_script)),
            web.get("/_/kiwi/bookings", _answered(self.list_bookings)),
            web.post("/_/kiwi/bookings/{booking_id}/status", _answered(self.change_booking)),
        ]

    async def add_script(self, request: web.Request) -> web.StreamResponse:
        """Adds outcomes for coming sessions (check), saves, confirmations and tickets; 201, or 422 with the field."""
        body = await read_json_object(request)
        entries = read_script(body)
        get_kiwi_state(self._world).scripted_outcomes.extend(entries)
        return json_response([_shown(entry) for entry in entries], 201)

    async def list_script(self, _request: web.Request) -> web.StreamResponse:
        return json_response([_shown(entry) for entry in get_kiwi_state(self._world).scripted_outcomes])

    async def list_bookings(self, _request: web.Request) -> web.StreamResponse:
        return json_response([_listed(self._world, one) for one in get_kiwi_state(self._world).bookings.values()])

    async def change_booking(self, request: web.Request) -> web.StreamResponse:
        """The airline cancels, delays, refunds: {"status"}; the hub is told as usual."""
        body, ident = await read_json_object(request), request.match_info["booking_id"]
        booking = get_kiwi_state(self._world).bookings.get(int(ident)) if ident.isascii() and ident.isdigit() else None
        if booking is None:
            raise KiwiApiError(404, {"error": "booking not found"})
        status = body.get("status")
        if not isinstance(status, str) or status not in CALLBACK_STATUSES:
            raise _wrong("status", f"one of {', '.join(sorted(CALLBACK_STATUSES))}")
        change_status(self._world, booking, status)
        return json_response(_listed(self._world, booking))


def _answered(handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except KiwiApiError as refusal:
            return json_response(refusal.body, refusal.status)

    return answer


def read_script(body: dict[str, Any]) -> list[ScriptedOutcome]:
    """One entry for what is said of the check, and one each for save, confirm and ticketing.

    Raises KiwiApiError 422.
    """
    known = _CHECKS | _OUTCOMES.keys() | {"times", "refusal"}
    for name in body:
        if name not in known:
            raise _wrong(name, f"is not one of {', '.join(sorted(known))}")
    times = body.get("times", 1)
    if not _whole(times) or times < 1:
        raise _wrong("times", "a whole number from 1")
    found = [ScriptedOutcome(name, _outcome(name, body[name]), times) for name in _OUTCOMES if name in body]
    if "refusal" in body:
        found.append(ScriptedOutcome("refusal", _refusal(body["refusal"]), times))
    told = {name: body[name] for name in _CHECKS if name in body}
    if told:
        _validate_check(told)
        found.append(ScriptedOutcome("check", told, times))
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


def _wrong(field: str, why: str) -> KiwiApiError:
    return KiwiApiError(422, {"error": "invalid", "field": field, "detail": why})


def _shown(entry: ScriptedOutcome) -> dict[str, Any]:
    return {"outcome": entry.outcome, "value": entry.value, "times": entry.times}


def _listed(world: SandboxState, booking: KiwiBooking) -> dict[str, Any]:
    return {
        "id": booking.id,
        "status": get_status(world, booking),
        "confirmed": booking.confirmations,
        "confirms_asked": booking.confirm_requests,
        "total": to_euros(booking.cents),
        "currency": "EUR",
        "passengers": len(booking.passengers),
        "hold_bags": [one.get("hold_bags", 0) for one in booking.passengers],
        "hand_bags": [one.get("hand_bags", 0) for one in booking.passengers],
        "documents": [one.get("cardno") for one in booking.passengers],
        "pnrs": booking.pnrs,
        "pnr": booking.pnrs[0] if booking.pnrs else None,
        "created_at": booking.created_at.isoformat(),
    }
