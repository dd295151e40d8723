"""GET /v2/booking/check_flights: is it still there, and at what price."""

from typing import Any

from aiohttp import web

from sandbox.kiwi.baggage import offered_baggage
from sandbox.kiwi.carriers import carriers
from sandbox.kiwi.dice import digest
from sandbox.kiwi.fares import RATES, Party, convert, euros
from sandbox.kiwi.places import directory
from sandbox.kiwi.query import party, whole
from sandbox.kiwi.state import DEFAULT_POLLS, Check, Kiwi, state
from sandbox.kiwi.tokens import Offered, Stretch, unseal
from sandbox.kiwi.wire import bad_request, invalid, reply, spoken, stamp
from sandbox.world import KiwiRules, World

CHILD_FROM, ADULT_FROM = 2, 12  # years


class Checks:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/kiwi/v2/booking/check_flights", spoken(self.check))]

    async def check(self, request: web.Request) -> web.StreamResponse:
        """Each poll of a session brings it nearer to `flights_checked`; a call without a session begins another."""
        params, world = request.query, self._world
        if "booking_token" not in params:
            raise invalid("booking_token", "Missing data for required field.")
        offered = unseal(world.config.seed, params["booking_token"], world.now())
        _same_party(offered.party, party(params))
        currency = params.get("currency", "EUR")
        if currency not in RATES:
            raise invalid("currency", "Not a valid choice.")
        bags = whole(params, "bnum", 0)
        if bags > len(offered.fare.bags):
            raise invalid("bnum", "Not a valid choice.")
        check = self._session(params["booking_token"], params.get("session_id", ""))
        check.bags = bags
        answer = checked(world, check, offered, currency)
        check.polls_left -= 1
        return reply(answer)

    def _session(self, token: str, session_id: str) -> Check:
        kiwi = state(self._world)
        check = kiwi.checks.get(session_id)
        if check is None:
            check = _begin(self._world, kiwi, token, session_id)
        if check.token != token:
            raise bad_request("the session belongs to another booking token")
        return check


def _begin(world: World, kiwi: Kiwi, token: str, session_id: str) -> Check:
    """The script is read here: what it says holds for the whole session."""
    told: dict[str, Any] = kiwi.take("check") or {}
    ident = digest(world.config.seed, "session", kiwi.next_id(), world.now())
    session_id = session_id or f"{ident[:8]}-{ident[8:12]}-{ident[12:16]}-{ident[16:20]}-{ident[20:]}"
    check = Check(
        session_id=session_id,
        token=token,
        polls_left=told.get("not_ready_polls", DEFAULT_POLLS),
        factor=told.get("price_change", {}).get("factor", 1.0),
        invalid=told.get("flights_invalid", False),
        document_need=told.get("document_need"),
        adult_threshold=told.get("adult_threshold"),
    )
    kiwi.checks[session_id] = check
    return check


def _same_party(offered: Party, asked: Party) -> None:
    for name in ("adults", "children", "infants"):
        if getattr(offered, name) != getattr(asked, name):
            raise invalid(name, "Does not match the search that the booking token comes from.")


def document_need(check: Check, rules: KiwiRules) -> int:
    return rules.document_need if check.document_need is None else check.document_need


def adult_threshold(check: Check, rules: KiwiRules) -> int:
    return rules.adult_threshold if check.adult_threshold is None else check.adult_threshold


def sums(check: Check, offered: Offered) -> dict[str, int]:
    """Euro cents: for all adults, all children, all infants, the bags, and together."""
    fare, who = offered.fare, offered.party
    parts = {
        "adults_price": round(fare.adult * check.factor) * who.adults,
        "children_price": round(fare.child * check.factor) * who.children,
        "infants_price": round(fare.infant * check.factor) * who.infants,
        "bags_fee": fare.bags[check.bags - 1] if check.bags else 0,
    }
    return parts | {"total": sum(parts.values())}


def checked(world: World, check: Check, offered: Offered, currency: str) -> dict[str, Any]:
    """The check fields. Prices are in euros whatever the currency; `conversion` is in the asked one."""
    cents, rules = sums(check, offered), world.config.kiwi_rules
    changed = check.ready and check.factor != 1.0
    converted = {name: convert(amount, currency) for name, amount in cents.items() if name != "total"}
    return {
        "session_id": check.session_id,
        "server_time": int(world.now().timestamp()),
        "pnum": offered.party.total,
        "flights_checked": check.ready and not check.invalid,
        "flights_to_check": not check.ready,
        "flights_real_checked": check.ready and not check.invalid,
        "flights_invalid": check.ready and check.invalid,
        "price_change": changed,
        **{name: euros(amount) for name, amount in cents.items()},
        "orig_price": euros(offered.fare.total(offered.party)),
        "tickets_price": euros(cents["total"] - cents["bags_fee"]),
        "eur_payment_price": euros(cents["total"]),
        "currency": "EUR",
        "conversion": {"currency": currency, "amount": convert(cents["total"], currency)} | converted,
        "max_passengers": 9,
        "document_options": {
            "document_need": document_need(check, rules),
            "checkin_date": offered.stretches[0].departs - 86_400,
        },
        "adult_threshold": adult_threshold(check, rules),
        "age_category_thresholds": {"child": CHILD_FROM, "adult": ADULT_FROM},
        "route": [offered.stretches[0].origin, *(one.destination for one in offered.stretches)],
        "transfers": [],
        "flights": [_flight(offered, one) for one in offered.stretches],
        "baggage": offered_baggage(offered),
    }


def _flight(offered: Offered, one: Stretch) -> dict[str, Any]:
    airports, carrier = directory().airports, carriers()[one.airline]
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
        "return": one.returning,
        "is_self_transfer": one.recheck,
        "bags_recheck_required": one.recheck,
        "invalid": 0,
        **clock(one),
    }


def clock(one: Stretch) -> dict[str, str]:
    """The four times of a stretch, each with its Z."""
    airports = directory().airports
    departs, arrives = one.takes_off, one.lands
    return {
        "local_departure": stamp(departs.astimezone(airports[one.origin].zone)),
        "utc_departure": stamp(departs),
        "local_arrival": stamp(arrives.astimezone(airports[one.destination].zone)),
        "utc_arrival": stamp(arrives),
    }
