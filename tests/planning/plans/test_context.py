import asyncio
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest

from hub.core.errors import FieldError, InvalidRequest, ProviderTransient
from hub.core.money import Money
from hub.planning.plans.context import gazetteer
from hub.planning.plans.context.astronomy import compute_sun_times, find_clock_changes
from hub.planning.plans.context.collector import ContextCollector, select_offers
from hub.planning.plans.context.gazetteer import convert_price, parse_opening_hours
from hub.planning.plans.model import Activity, Kind
from hub.supply.flights.serialization import offer_to_public_json
from hub.supply.flights.service import SearchFailed
from hub.supply.locations import Locations
from tests.planning.plans.scenes import Clock, offer, request


class Searched:
    """A flight search that answers, fails or keeps silent."""

    def __init__(self, *offers, error=None, silent=False, sources=()):
        self.error, self.silent = error, silent
        self.queries = []
        told = [{"name": "kiwi", "status": "ok"}, *sources]
        self.answer = orjson.dumps(
            {"sources": told, "offers": [offer_to_public_json(one, sandbox=True) for one in offers]}
        )

    async def search(self, query, *, pointer_prefix=""):
        self.queries.append(query)
        if self.silent:
            await asyncio.sleep(60)
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.fixture(scope="module")
def locations():
    return Locations()


@pytest.fixture
def ground_of(locations):
    async def find(wanted, flights=None, *tours):
        return await ContextCollector(flights or Searched(offer()), locations, Clock(), tours).collect_context(wanted)

    return find


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Lisbon", ("Lisbon", "PT", "LIS")), ("LIS", ("Lisbon", "PT", "LIS")), ("lisboa", ("Lisbon", "PT", "LIS")),
        ("Lisbon, Portugal", ("Lisbon", "PT", "LIS")), ("LHR", ("London", "GB", "LON")),
        ("Wien", ("Vienna", "AT", "VIE")),
        ("Kyoto", ("Kyoto", "JP", "OSA")), ("Venice, Italy", ("Venice", "IT", "VCE")), ("Bali", ("Bali", "ID", "DPS")),
        ("Tromsø", ("Tromsø", "NO", "TOS")), ("san josé, costa rica", ("San José", "CR", "SJO")),
    ],
)  # fmt: skip
def test_a_place_is_found_by_name_or_code(locations, text, found):
    place = ContextCollector(Searched(), locations, Clock()).resolve_place(text)
    assert (place.name, place.country, place.code) == found


@pytest.mark.parametrize("text", ["Xanadu", "Lisb", "", ",", "ZZZ", "Lisbon, Japan", "<script>"])
async def test_a_place_that_nobody_knows_is_refused(ground_of, text):
    with pytest.raises(InvalidRequest) as refused:
        await ground_of(request(destination=text))
    assert [(one.pointer, one.code) for one in refused.value.errors] == [("/destination", "unknown_place")]


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("Malta", "MT"), ("Kos", "GR"), ("Goa", "IN"), ("Naples", "IT"), ("Petra", "JO"), ("Lourdes", "FR"),
        ("Oxford", "GB"), ("Alexandria", "EG"), ("Mailand", "IT"), ("東京", "JP"), ("Москва", "RU"), ("Neapel", "IT"),
        ("Paris, Texas", "US"), ("paris texas", "US"), ("Sicily", "IT"), ("Tuscany", "IT"), ("Cancun", "MX"),
    ],
)  # fmt: skip
async def test_a_destination_by_its_common_name_is_in_the_right_country(ground_of, text, country):
    ground = await ground_of(request(destination=text, origin=None))
    assert ground.country == country
    assert ground.code


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("Georgia", {"GE", "US"}), ("Cordoba", {"AR", "ES"}), ("Valencia", {"ES", "VE"}),
        ("Merida", {"MX", "VE", "ES"}),
        ("France", {"FR"}), ("GOA", {"IN", "IT"}), ("Hyderabad", {"IN", "PK"}),
    ],
)  # fmt: skip
async def test_a_destination_that_may_be_several_places_is_asked_back(ground_of, text, countries):
    with pytest.raises(InvalidRequest) as refused:
        await ground_of(request(destination=text, origin=None))
    (error,) = refused.value.errors
    assert (refused.value.code, error.pointer, error.code) == ("ambiguous_place", "/destination", "ambiguous_place")
    assert {one["country"] for one in error.choices} == countries
    for one in error.choices:
        if one["name"] not in {"Georgia", "Genova / Sestri Cristoforo Colombo Airport"}:
            assert (await ground_of(request(destination=one["destination"], origin=None))).country == one["country"]


async def test_a_misspelled_destination_is_refused_with_what_was_probably_meant(ground_of):
    with pytest.raises(InvalidRequest) as refused:
        await ground_of(request(destination="Barcelna", origin=None))
    (error,) = refused.value.errors
    assert (error.code, error.choices[0]["destination"]) == ("unknown_place", "Barcelona, ES")


async def test_flights_are_asked_for_the_party_and_the_dates(ground_of):
    flights = Searched(offer())
    ground = await ground_of(request(children=1, infants=1, origin="lon"), flights)
    query = flights.queries[0]
    assert (query.origin, query.destination, query.departure_date, query.return_date) == (
        "LON", "LIS", date(2026, 12, 1), date(2026, 12, 3),
    )  # fmt: skip
    assert (query.adults, query.children, query.infants, query.currency) == (2, 1, 1, "EUR")
    assert ground.offers == (offer(),)
    assert ground.missing == ()


async def test_without_an_origin_nobody_is_asked_for_flights(ground_of):
    flights = Searched(error=ProviderTransient("kiwi"))
    ground = await ground_of(request(origin=None), flights)
    assert (flights.queries, ground.offers, ground.missing) == ([], (), ())


@pytest.mark.parametrize("error", [ProviderTransient("kiwi"), SearchFailed("kiwi", "cannot be searched")])
async def test_a_dead_supplier_leaves_the_rest_and_is_told_of(ground_of, error):
    ground = await ground_of(request(), Searched(error=error))
    assert ground.offers == ()
    assert ground.missing[0].startswith("flights: kiwi")
    assert ground.activities


async def test_a_silent_supplier_is_waited_for_a_bounded_time(ground_of, monkeypatch):
    monkeypatch.setattr("hub.planning.plans.context.collector.SUPPLIER_TIMEOUT", 0.01)
    ground = await ground_of(request(), Searched(silent=True))
    assert ground.missing == ("flights: the suppliers did not answer in time",)


async def test_a_supplier_that_is_missing_from_the_answer_is_named(ground_of):
    ground = await ground_of(request(), Searched(offer(), sources=[{"name": "duffel", "status": "timeout"}]))
    assert (len(ground.offers), ground.missing) == (1, ("flights: duffel did not answer",))


async def test_a_wrong_origin_is_the_travellers_and_a_far_date_is_nobodys_fault(ground_of):
    wrong = InvalidRequest(errors=(FieldError("/origin", "unknown_location", "is no code"),))
    with pytest.raises(InvalidRequest):
        await ground_of(request(), Searched(error=wrong))
    far = InvalidRequest(errors=(FieldError("/departure_date", "too_far", "is further ahead than airlines sell"),))
    ground = await ground_of(request(), Searched(error=far))
    assert ground.missing == ("flights: is further ahead than airlines sell",)


def test_the_handful_is_the_best_and_has_the_cheapest():
    offers = [offer(n, 50000 - n) for n in range(20)]
    found = select_offers([offer(99, 1, back="2026-12-02T10:00"), *offers], request())
    assert [one.id for one in found] == ["off_0", "off_1", "off_2", "off_3", "off_4", "off_19"]
    assert select_offers([replace(offers[0], slices=offers[0].slices[:1])], request()) == []


def long_way(number, total, hours):
    """There in so many hours, and back as always."""
    quick = offer(number, total)
    there = replace(quick.slices[0], duration_s=hours * 3600)
    return replace(quick, slices=(there, quick.slices[1]))


def test_a_day_on_the_way_is_not_sold_for_two_euros():
    slow, quick = long_way(1, 10000, 17), offer(2, 10200)
    assert select_offers([slow, quick], request()) == [quick]
    assert select_offers([slow, offer(2, 30000)], request())[0] == slow
    assert select_offers([long_way(1, 10000, 4), quick], request()) == [long_way(1, 10000, 4), quick]


def test_the_slow_way_stays_where_the_budget_holds_nothing_else():
    slow, quick = long_way(1, 10000, 17), offer(2, 10200)
    assert select_offers([slow, quick], request(budget=Money(10100, "EUR"))) == [slow, quick]


class Tours:
    name = "tours"

    def __init__(self, error=None):
        self.error = error

    async def find_activities(self, place, request):
        if self.error is not None:
            raise self.error
        return [Activity("tour_1", f"Round {place.name}", Kind.TOUR, 60)]


async def test_a_supplier_of_tours_can_be_added(ground_of):
    ground = await ground_of(request(), None, Tours(), Tours(ProviderTransient("tours")))
    assert ground.activities[0].id == "tour_1"
    assert ground.missing[0].startswith("tours: tours")


async def test_what_one_has_to_know_is_there(ground_of):
    spring = request(destination="Paris", start=date(2026, 3, 28), end=date(2026, 3, 30), origin=None)
    facts = " ".join((await ground_of(spring)).facts)
    for text in (
        "begins on Saturday, 28 March 2026", "Europe/Paris, UTC+01:00",
        "go forward by 60 minutes on Sunday, 29 March 2026",
        "One pays in EUR", "type C and E", "number is 112", "look before you go", "Lunch: about 17.00 EUR a person",
    ):  # fmt: skip
        assert text in facts


async def test_a_town_of_which_little_is_known_has_what_there_is_everywhere(ground_of):
    ground = await ground_of(request(destination="Tromsø", origin=None))
    assert len(ground.activities) > 8
    assert all(one.cost in (0, None) for one in ground.activities)


@pytest.mark.parametrize("code", sorted(gazetteer.load_cities()))
def test_every_city_of_the_gazetteer_can_be_flown_to_and_priced(locations, code):
    city = gazetteer.load_cities()[code]
    known = gazetteer.list_city_activities(city, "USD")
    assert locations.find_location(city.gateway_code).country == city.country
    assert len({one.id for one in known}) == len(known) >= 10
    assert all(one.cost is not None and 10 <= one.minutes <= 600 and one.name for one in known)
    assert any(one.cost == 0 for one in known)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("", {}), ("09:00-17:00", dict.fromkeys(range(7), ("09:00", "17:00"))),
        ("Sa-Mo 10:00-12:00", dict.fromkeys((0, 5, 6), ("10:00", "12:00"))),
        ("Mo 10:00-12:00; We 11:00-24:00", {0: ("10:00", "12:00"), 2: ("11:00", "24:00")}),
    ],
)  # fmt: skip
def test_opening_hours_are_read(text, days):
    assert parse_opening_hours(text) == days


def test_opening_hours_that_cannot_be_read_are_an_error():
    with pytest.raises(ValueError, match="opening hours"):
        parse_opening_hours("daily from nine")


def test_prices_are_put_into_the_currency_of_the_plan():
    assert convert_price(10, "EUR", "JPY") == 1770
    assert convert_price(1300, "JPY", "JPY") == 1300
    assert convert_price(0, "EUR", "AFN") == 0
    assert convert_price(10, "EUR", "AFN") is None


@pytest.mark.parametrize(
    ("day", "place", "zone", "rises", "sets"),
    [
        (date(2024, 6, 21), (51.4769, 0.0), "Europe/London", "04:43", "21:21"),
        (date(2024, 12, 21), (51.4769, 0.0), "Europe/London", "08:03", "15:53"),
        (date(2024, 3, 20), (0.0, 0.0), "UTC", "06:04", "18:11"),
        (date(2024, 12, 21), (-33.87, 151.21), "Australia/Sydney", "05:41", "20:05"),
        (date(2024, 7, 4), (40.71, -74.01), "America/New_York", "05:29", "20:31"),
    ],
)
def test_the_sun_rises_and_sets_as_almanacs_say(day, place, zone, rises, sets):
    found = [one.astimezone(ZoneInfo(zone)) for one in compute_sun_times(day, *place)]
    for at, said in zip(found, (rises, sets), strict=True):
        hour, minute = map(int, said.split(":"))
        assert at.date() == day
        assert abs(timedelta(hours=at.hour, minutes=at.minute) - timedelta(hours=hour, minutes=minute)) <= timedelta(
            minutes=3
        )


def test_in_the_polar_night_it_does_not_rise():
    assert compute_sun_times(date(2026, 12, 21), 69.65, 18.96) is None


def test_the_days_on_which_clocks_change_are_known():
    year = date(2026, 1, 1), date(2026, 12, 31)
    assert find_clock_changes(ZoneInfo("Europe/Paris"), *year) == [
        (date(2026, 3, 29), timedelta(hours=1)), (date(2026, 10, 25), timedelta(hours=-1)),
    ]  # fmt: skip
    assert find_clock_changes(ZoneInfo("Asia/Tokyo"), *year) == []
