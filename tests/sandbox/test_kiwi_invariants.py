"""What holds in every captured answer of the provider, over airports, days and parties at random."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import airportsdata
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.kiwi import fares, offers, search, search_query
from tests.sandbox.kiwi_desk import START

AIRPORTS = airportsdata.load("IATA")
LARGE = "LHR JFK CDG DXB SIN SYD GRU JNB HND LAX FRA IST DEL AKL".split()
codes = st.one_of(st.sampled_from(sorted(AIRPORTS)), st.sampled_from(LARGE))
days = st.integers(2, 340).map(lambda ahead: START.date() + timedelta(days=ahead))


@dataclass(frozen=True)
class Trip:
    params: dict[str, str]
    answer: list[dict[str, Any]]


def find(params: dict[str, str]) -> list[dict[str, Any]]:
    """The answer's data, without the HTTP around it."""
    asked_for = search_query.parse_query(params)
    asked = offers.OfferContext(1, asked_for.party, asked_for.filters.cabin, asked_for.currency, START)
    return [offers.build_offer(asked, one) for one in search.find_itineraries(asked, asked_for)]


@st.composite
def trips(draw: st.DrawFn) -> Trip:
    origin, destination = draw(st.lists(codes, min_size=2, max_size=2, unique=True))
    day, stay = draw(days), draw(st.one_of(st.none(), st.integers(0, 12)))
    adults, children = draw(st.integers(1, 4)), draw(st.integers(0, 2))
    params = {
        "fly_from": f"airport:{origin}",
        "fly_to": f"airport:{destination}",
        "date_from": f"{day:%d/%m/%Y}",
        "date_to": f"{day:%d/%m/%Y}",
        "adults": str(adults),
        "children": str(children),
        "infants": str(draw(st.integers(0, adults))),
        "curr": draw(st.sampled_from(("EUR", "USD", "JPY", "KWD"))),
    }
    if stay is not None:
        params |= {"return_from": f"{day + timedelta(days=stay):%d/%m/%Y}"}
    if int(params["infants"]) + adults + children > 9:
        params["infants"] = "0"
    return Trip(params, find(params))


def local(text: str) -> datetime:
    assert text.endswith(".000Z")
    return datetime.fromisoformat(text.removesuffix(".000Z"))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(trips())
def test_every_answer_is_sound(trip: Trip):
    if "return_from" not in trip.params:
        assert trip.answer, "there is a way between any two airports"
    prices = [one["price"] for one in trip.answer]
    assert prices == sorted(prices)
    assert len({one["id"] for one in trip.answer}) == len(trip.answer)
    for one in trip.answer:
        sound_whole(trip.params, one)
        sound_durations(one)
        sound_route(one)
        for row in (one, *one["route"]):
            sound_times(row)


def sound_whole(params: dict[str, str], one: dict[str, Any]) -> None:
    assert one["flyFrom"] == params["fly_from"].removeprefix("airport:")
    assert one["flyTo"] == params["fly_to"].removeprefix("airport:")
    assert one["local_departure"][:10] == "-".join(reversed(params["date_from"].split("/")))
    assert one["price"] > 0
    assert one["conversion"][params["curr"]] == one["price"]
    seats = one["availability"]["seats"]
    assert seats is None or int(params["adults"]) + int(params["children"]) <= seats <= 9
    assert set(one["bags_price"]) <= {"1", "2"}
    assert one["pnr_count"] == len({row["combination_id"] for row in one["route"]})


def sound_times(row: dict[str, Any]) -> None:
    """Local time is the wall clock of its own airport at the moment that the UTC time tells."""
    for end, place in (("departure", "flyFrom"), ("arrival", "flyTo")):
        zone = ZoneInfo(AIRPORTS[row[place]]["tz"])
        assert utc(row[f"utc_{end}"]).astimezone(zone).replace(tzinfo=None) == local(row[f"local_{end}"])
    assert utc(row["utc_departure"]) < utc(row["utc_arrival"])


def sound_durations(one: dict[str, Any]) -> None:
    there = [row for row in one["route"] if row["return"] == 0]
    back = [row for row in one["route"] if row["return"] == 1]
    seconds = {"departure": between(there), "return": between(back) if back else 0}
    assert one["duration"] == seconds | {"total": sum(seconds.values())}
    assert one["utc_departure"] == there[0]["utc_departure"]
    assert one["utc_arrival"] == there[-1]["utc_arrival"], "the arrival is at the destination, not home"
    if not back:
        assert one["nightsInDest"] is None
        return
    home, arrived = local(back[0]["local_departure"]).date(), local(there[-1]["local_arrival"]).date()
    assert one["nightsInDest"] == (home - arrived).days
    assert (back[0]["flyFrom"], back[-1]["flyTo"]) == (one["flyTo"], one["flyFrom"])


def between(rows: list[dict[str, Any]]) -> int:
    return int((utc(rows[-1]["utc_arrival"]) - utc(rows[0]["utc_departure"])).total_seconds())


def sound_route(one: dict[str, Any]) -> None:
    route = one["route"]
    assert one["id"] == "|".join(row["id"] for row in route)
    assert all(row["vi_connection"] == row["bags_recheck_required"] for row in route)
    self_transfer = any(row["vi_connection"] for row in route)
    assert one.get("virtual_interlining", self_transfer) == self_transfer
    assert one["pnr_count"] > 1 or not self_transfer, "the count tells it, also without the flag"
    assert one["technical_stops"] == sum(row["following_technical_stop"] for row in route)
    assert set(one["airlines"]) == {row["airline"] for row in route}
    changed = False
    for before, after in pairwise(route):
        assert utc(before["utc_arrival"]) < utc(after["utc_departure"])
        moved = before["flyTo"] != after["flyFrom"]
        changed |= moved
        assert not moved or after["vi_connection"]
        assert before["cityCodeTo"] == after["cityCodeFrom"]
    assert one["has_airport_change"] == changed


@pytest.mark.parametrize("day", ["28/03/2027", "31/10/2027", "14/03/2027", "07/11/2027"])
def test_times_hold_on_the_days_when_clocks_change(day):
    for pair in (("LHR", "JFK"), ("LIS", "YYZ"), ("SCL", "FRA")):
        for one in find({"fly_from": pair[0], "fly_to": pair[1], "date_from": day}):
            for row in one["route"]:
                sound_times(row)


@pytest.mark.parametrize(("cents", "currency", "amount"), [(10050, "EUR", 100.5), (10000, "EUR", 100)])
def test_money_is_whole_where_it_can_be(cents, currency, amount):
    converted = fares.convert_cents(cents, currency)
    assert (converted, type(converted)) == (amount, type(amount))


def test_a_search_far_ahead_ends_at_the_horizon():
    day: date = START.date() + timedelta(days=359)
    found = find({"fly_from": "LHR", "fly_to": "JFK", "date_from": f"{day:%d/%m/%Y}", "date_to": "31/12/2028"})
    assert found
    assert all(utc(one["utc_departure"]) <= START + search.SALES_HORIZON for one in found)
