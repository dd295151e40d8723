"""GET /v2/booking/check_flights: is it still there, and at what price."""

from typing import Any

from aiohttp import web

from sandbox.kiwi.baggage import build_offered_baggage
from sandbox.kiwi.carriers import list_carriers
from sandbox.kiwi.fares import EXCHANGE_RATES, Party, convert_cents, to_euros
from sandbox.kiwi.places import load_directory
from sandbox.kiwi.search_query import read_party, read_whole_number
from sandbox.kiwi.seeded_random import hash_parts
from sandbox.kiwi.state import DEFAULT_POLLS, CheckSession, KiwiState, get_kiwi_state
from sandbox.kiwi.tokens import OfferedItinerary, OfferedLeg, decode_token
from sandbox.kiwi.wire import api_handler, format_time, json_response, make_bad_request, make_invalid_param
from sandbox.state import KiwiRules, SandboxState

CHILD_FROM, ADULT_FROM = 2, 12  # years


class PriceCheckHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    def list_routes(self) -> list[web.RouteDef]:
        return [web.get("/kiwi/v2/booking/check_flights", api_handler(self.check_flights))]

    async def check_flights(self, request: web.Request) -> web.StreamResponse:
        """Each poll of a session brings it nearer to `flights_checked`; a call without a session begins another."""
        params, world = request.query, self._world
        if "booking_token" not in params:
            raise make_invalid_param("booking_token", "Missing data for required field.")
        offered = decode_token(world.config.seed, params["booking_token"], world.now())
        _same_party(offered.party, read_party(params))
        currency = params.get("currency", "EUR")
        if currency not in EXCHANGE_RATES:
            raise make_invalid_param("currency", "Not a valid choice.")
        bags = read_whole_number(params, "bnum", 0)
        if bags > len(offered.fare.bags):
            raise make_invalid_param("bnum", "Not a valid choice.")
        check = self._session(params["booking_token"], params.get("session_id", ""))
        check.bag_count = bags
        answer = build_check_fields(world, check, offered, currency)
        check.polls_left -= 1
        return json_response(answer)

    def _session(self, token: str, session_id: str) -> CheckSession:
        kiwi = get_kiwi_state(self._world)
        check = kiwi.checks.get(session_id)
        if check is None:
            check = _begin(self._world, kiwi, token, session_id)
        if check.token != token:
            raise make_bad_request("the session belongs to another booking token")
        return check


def _begin(world: SandboxState, kiwi: KiwiState, token: str, session_id: str) -> CheckSession:
    """The script is read here: what it says holds for the whole session."""
    told: dict[str, Any] = kiwi.take_outcome("check") or {}
    ident = hash_parts(world.config.seed, "session", kiwi.next_id(), world.now())
    session_id = session_id or f"{ident[:8]}-{ident[8:12]}-{ident[12:16]}-{ident[16:20]}-{ident[20:]}"
    check = CheckSession(
        session_id=session_id,
        token=token,
        polls_left=told.get("not_ready_polls", DEFAULT_POLLS),
        factor=told.get("price_change", {}).get("factor", 1.0),
        is_invalid=told.get("flights_invalid", False),
        document_need=told.get("document_need"),
        adult_threshold=told.get("adult_threshold"),
    )
    kiwi.checks[session_id] = check
    return check


def _same_party(offered: Party, asked: Party) -> None:
    for name in ("adults", "children", "infants"):
        if getattr(offered, name) != getattr(asked, name):
            raise make_invalid_param(name, "Does not match the search that the booking token comes from.")


def effective_document_need(check: CheckSession, rules: KiwiRules) -> int:
    return rules.document_need if check.document_need is None else check.document_need


def effective_adult_threshold(check: CheckSession, rules: KiwiRules) -> int:
    return rules.adult_threshold if check.adult_threshold is None else check.adult_threshold


def sum_prices(check: CheckSession, offered: OfferedItinerary) -> dict[str, int]:
    """Euro cents: for all adults, all children, all infants, the bags, and together."""
    fare, who = offered.fare, offered.party
    parts = {
        "adults_price": round(fare.adult * check.factor) * who.adults,
        "children_price": round(fare.child * check.factor) * who.children,
        "infants_price": round(fare.infant * check.factor) * who.infants,
        "bags_fee": fare.bags[check.bag_count - 1] if check.bag_count else 0,
    }
    return parts | {"total": sum(parts.values())}


def build_check_fields(
    world: SandboxState, check: CheckSession, offered: OfferedItinerary, currency: str
) -> dict[str, Any]:
    """The check fields. Prices are in euros whatever the currency; `conversion` is in the asked one."""
    cents, rules = sum_prices(check, offered), world.config.kiwi_rules
    changed = check.is_ready and check.factor != 1.0
    converted = {name: convert_cents(amount, currency) for name, amount in cents.items() if name != "total"}
    return {
        "session_id": check.session_id,
        "server_time": int(world.now().timestamp()),
        "pnum": offered.party.traveler_count,
        "flights_checked": check.is_ready and not check.is_invalid,
        "flights_to_check": not check.is_ready,
        "flights_real_checked": check.is_ready and not check.is_invalid,
        "flights_invalid": check.is_ready and check.is_invalid,
        "price_change": changed,
        **{name: to_euros(amount) for name, amount in cents.items()},
        "orig_price": to_euros(offered.fare.total_for(offered.party)),
        "tickets_price": to_euros(cents["total"] - cents["bags_fee"]),
        "eur_payment_price": to_euros(cents["total"]),
        "currency": "EUR",
        "conversion": {"currency": currency, "amount": convert_cents(cents["total"], currency)} | converted,
        "max_passengers": 9,
        "document_options": {
            "document_need": effective_document_need(check, rules),
            "checkin_date": offered.legs[0].departure_timestamp - 86_400,
        },
        "adult_threshold": effective_adult_threshold(check, rules),
        "age_category_thresholds": {"child": CHILD_FROM, "adult": ADULT_FROM},
        "route": [offered.legs[0].origin, *(one.destination for one in offered.legs)],
        "transfers": [],
        "flights": [_flight(offered, one) for one in offered.legs],
        "baggage": build_offered_baggage(offered),
    }


def _flight(offered: OfferedItinerary, one: OfferedLeg) -> dict[str, Any]:
    airports, carrier = load_directory().airports, list_carriers()[one.airline]
    src, dst = airports[one.origin], airports[one.destination]
    return {
        "id": one.id,
        "src": src.code,
        "dst": dst.code,
        "src_name": src.city,
        "dst_name": dst.city,
        "src_station": src.name,
        "dst_station": dst.name,
        "src_country": src.country,
        "dst_country": dst.country,
        "airline": {"iata": carrier.code, "code": carrier.code, "name": carrier.name},
        "flight_no": str(one.number),
        "fare_category": offered.cabin,
        "return": one.is_return,
        "is_self_transfer": one.needs_recheck,
        "bags_recheck_required": one.needs_recheck,
        "invalid": 0,
        **format_leg_times(one),
    }


def format_leg_times(one: OfferedLeg) -> dict[str, str]:
    """The four times of a stretch, each with its Z."""
    airports = load_directory().airports
    departs, arrives = one.departs_at, one.arrives_at
    return {
        "local_departure": format_time(departs.astimezone(airports[one.origin].zone)),
        "utc_departure": format_time(departs),
        "local_arrival": format_time(arrives.astimezone(airports[one.destination].zone)),
        "utc_arrival": format_time(arrives),
    }
