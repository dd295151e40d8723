import copy
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kiwi import wire
from hub.core.money import Money
from hub.supply.flights import DocumentRules, FlightQuery, OrderRequest, PriceCheck, Requirements, Traveler
from hub.supply.locations import Locations
from sandbox.kiwi.offers import OfferContext, build_offer
from sandbox.kiwi.places import load_directory
from sandbox.kiwi.search import find_itineraries
from sandbox.kiwi.search_query import parse_query

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUERY = FlightQuery("SGN", "BCN", date(2026, 7, 1), return_date=date(2026, 7, 10), adults=2, infants=1)
PLACES = Locations()
CHECK = PriceCheck(available=True, total=None, session="s-1")


def leg(origin, destination, flight, local, utc, **fields):
    """As Kiwi writes it: all four times with a Z, though two of them are local."""
    carrier, number = flight.split()
    names = ("local_departure", "local_arrival", "utc_departure", "utc_arrival")
    times = {name: f"2026-07-{one}:00.000Z" for name, one in zip(names, (*local, *utc), strict=True)}
    return {
        "flyFrom": origin, "flyTo": destination, "airline": carrier, "flight_no": int(number), "operating_carrier": "",
        "fare_category": "M", "fare_family": "", "return": 0, "bags_recheck_required": False, "vi_connection": False,
        "following_technical_stop": False, "vehicle_type": "aircraft",
    } | times | fields  # fmt: skip


def document():
    """There with a transfer of one's own in Doha, back with a technical stop in Mumbai."""
    there = [
        leg("SGN", "DOH", "QR 971", ("01T10:00", "01T13:30"), ("01T03:00", "01T10:30"), operating_carrier="QR"),
        leg(
            "DOH", "BCN", "VY 8401", ("01T16:00", "01T21:15"), ("01T13:00", "01T19:15"),
            vi_connection=True, bags_recheck_required=True,
        ),
    ]  # fmt: skip
    back = [
        leg(
            "BCN", "BOM", "AI 12", ("10T09:00", "10T21:00"), ("10T07:00", "10T15:30"),
            following_technical_stop=True, **{"return": 1},
        ),
        leg("BOM", "SGN", "AI 12", ("10T22:00", "11T05:00"), ("10T16:30", "10T22:00"), **{"return": 1}),
    ]  # fmt: skip
    one = {
        "id": "a|b", "price": Decimal("1234.5"), "fare": {"adults": 600, "children": 0, "infants": 34},
        "booking_token": "token-1", "bags_price": {"1": 61.2}, "availability": {"seats": None},
        "virtual_interlining": True, "hidden_city_ticketing": False, "throw_away_ticketing": False,
        "route": [*there, *back], "something_new": {"ignored": True},
    }  # fmt: skip
    return {"search_id": "s", "currency": "EUR", "fx_rate": 1, "data": [one], "_results": 1}


def convert(**changes):
    found = document()
    found["data"][0] |= changes
    return wire.to_offers(found, QUERY, NOW, PLACES.find_time_zone)


def test_local_times_lose_their_false_z_and_get_the_airports_zone():
    [offer] = convert()
    first = offer.slices[0].segments[0]
    assert first.departs_at == datetime(2026, 7, 1, 10, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    assert first.departs_at.isoformat() == "2026-07-01T10:00:00+07:00"
    assert first.arrives_at.isoformat() == "2026-07-01T13:30:00+03:00"


def test_the_flat_route_becomes_two_directions():
    [offer] = convert()
    out, back = offer.slices
    assert [(one.origin, one.destination) for one in offer.slices] == [("SGN", "BCN"), ("BCN", "SGN")]
    assert (out.duration_s, back.duration_s) == (16 * 3600 + 900, 15 * 3600)


def test_a_technical_stop_is_no_change():
    [offer] = convert()
    [flight] = offer.slices[1].segments
    assert (flight.origin, flight.destination, flight.technical_stops) == ("BCN", "SGN", ("BOM",))
    assert (flight.carrier, flight.flight_number) == ("AI", "12")


@pytest.mark.parametrize("change", [{"vi_connection": True}, {"flyFrom": "DEL"}, {"flight_no": 13}, {"airline": "UK"}])
def test_what_only_looks_like_a_technical_stop_is_a_change(change):
    route = document()["data"][0]["route"]
    route[3] |= change
    [offer] = convert(route=route)
    assert len(offer.slices[1].segments) == 2


def test_a_transfer_of_ones_own_is_always_told():
    [offer] = convert(virtual_interlining=False)
    assert offer.self_transfer is True
    assert [one.self_transfer_before for one in offer.slices[0].segments] == [False, True]


def test_the_price_is_the_price_and_not_the_sum_of_the_fares():
    [offer] = convert()
    assert offer.total == Money(123450, "EUR")


def test_what_is_not_known_is_none():
    [offer] = convert()
    unknown = (offer.bags_included, offer.refundable, offer.changeable, offer.seats_left)
    assert unknown == (None, None, None, None)
    assert offer.slices[0].segments[1].operating_carrier is None


@pytest.mark.parametrize(
    ("prices", "bags"), [({"1": 0, "2": 30}, 1), ({"1": Decimal("0.0")}, 1), ({}, None), (None, None)]
)
def test_a_bag_is_included_only_when_it_costs_nothing(prices, bags):
    [offer] = convert(bags_price=prices)
    assert offer.bags_included == bags


def test_the_expiry_is_assumed_from_the_receipt():
    [offer] = convert()
    assert (offer.expires_at, offer.expiry_assumed) == (NOW + timedelta(minutes=30), True)


def test_tricks_are_flagged():
    [offer] = convert(hidden_city_ticketing=True, throw_away_ticketing=1)
    assert (offer.hidden_city, offer.throwaway) == (True, True)


def test_where_the_airport_is_unknown_the_offset_comes_from_the_two_times():
    [offer] = wire.to_offers(document(), QUERY, NOW, lambda _: None)
    assert offer.slices[0].segments[0].departs_at.isoformat() == "2026-07-01T10:00:00+07:00"


def test_what_kiwi_shows_on_the_clock_is_believed_before_our_time_zones():
    """Countries change their clocks faster than machines learn of it."""
    [offer] = wire.to_offers(document(), QUERY, NOW, lambda _: ZoneInfo("America/New_York"))
    assert offer.slices[0].segments[0].departs_at.isoformat() == "2026-07-01T10:00:00+07:00"


@pytest.mark.parametrize(
    "changes",
    [
        {"price": None}, {"price": 0}, {"price": -5}, {"price": "many"}, {"booking_token": ""}, {"booking_token": None},
        {"booking_token": 7}, {"route": []}, {"route": None}, {"route": ["SGN"]}, {"route": [{}]},
        {"route": document()["data"][0]["route"][:2]},
        {"route": document()["data"][0]["route"][::-1]},
        {"availability": ["?"], "route": [[]]},
    ],
)  # fmt: skip
def test_an_offer_that_makes_no_sense_is_left_out_and_the_rest_stays(changes):
    answer = document()
    answer["data"].append(copy.deepcopy(answer["data"][0]) | changes)
    assert len(wire.to_offers(answer, QUERY, NOW, PLACES.find_time_zone)) == 1


@pytest.mark.parametrize("field", ["utc_departure", "local_arrival", "flyTo", "airline", "flight_no"])
@pytest.mark.parametrize("value", [None, 7, "x", "2026-07-01T10:00:00.000Z"])
def test_a_leg_that_makes_no_sense_never_breaks_the_answer(field, value):
    answer = document()
    answer["data"][0]["route"][0][field] = value
    assert len(wire.to_offers(answer, QUERY, NOW, PLACES.find_time_zone)) in {0, 1}


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {}}])
def test_what_is_no_answer_is_told(answer):
    with pytest.raises(ValueError, match="not a search answer"):
        wire.to_offers(answer, QUERY, NOW, PLACES.find_time_zone)


def test_the_question():
    params = wire.build_search_params(QUERY, 60)
    assert (params["date_from"], params["date_to"], params["return_to"]) == ("01/07/2026", "01/07/2026", "10/07/2026")
    assert (params["adults"], params["infants"], params["selected_cabins"], params["curr"]) == ("2", "1", "M", "EUR")
    assert "max_sector_stopovers" not in params


OFFERED = Money(10000, "EUR")


@pytest.mark.parametrize(
    ("said", "offered", "total"),
    [
        ({"total": Decimal("100.00"), "price_change": False}, OFFERED, OFFERED),
        ({"total": Decimal("100.4"), "price_change": False}, OFFERED, OFFERED),
        ({"total": Decimal("100.4"), "price_change": True}, OFFERED, Money(10040, "EUR")),
        ({"total": 120, "price_change": False}, OFFERED, Money(12000, "EUR")),
        (
            {"total": 1, "price_change": True, "conversion": {"currency": "JPY", "amount": 17000}},
            Money(16000, "JPY"),
            Money(17000, "JPY"),
        ),
    ],
)
def test_the_total_of_a_check(said, offered, total):
    assert wire.read_checked_total(said, offered) == total


@pytest.mark.parametrize(
    "said", [{}, {"total": None}, {"total": 100}, {"conversion": {"currency": "EUR", "amount": 9}}]
)
def test_a_check_without_a_total_in_the_currency_is_no_check(said):
    with pytest.raises(ValueError, match="total"):
        wire.read_checked_total(said, Money(10000, "USD"))


def test_the_passengers_of_an_order():
    traveller = Traveler(
        "mrs", "f", "Ánh", "Nguyễn", date(1990, 2, 3), "VN", None, "+84901234567", "C123", date(2030, 1, 1)
    )
    infant = Traveler("mr", "m", "Bảo", "Nguyễn", date(2025, 2, 3), "VN")
    [offer] = convert()
    order = OrderRequest(offer, QUERY, CHECK, (traveller, infant), "a@example.com", "+84900000000")
    body = wire.build_save_body(order, wire.KiwiContact())
    first, second = body["passengers"]
    assert (body["booking_token"], body["session_id"], body["baggage"]) == ("token-1", "s-1", [])
    assert (first["name"], first["title"], first["birthday"], first["category"]) == ("Ánh", "Ms", "1990-02-03", "adult")
    assert (first["email"], first["phone"], first["cardno"]) == ("a@example.com", "+84901234567", "C123")
    assert (second["category"], second["phone"], second["expiration"]) == ("infant", "+84900000000", None)
    agency = wire.build_save_body(order, wire.KiwiContact("deposit@example.com", "+442079460018"))["passengers"]
    assert {(one["email"], one["phone"]) for one in agency} == {("deposit@example.com", "+442079460018")}


def test_ages_count_on_the_local_day_of_the_last_landing():
    [offer] = convert()
    assert offer.last_landing_date == date(2026, 7, 11), "SGN, the day after the flight back took off"
    twelve = Traveler("ms", "f", "Anh", "Nguyen", date(2014, 7, 11), "VN")
    body = wire.build_save_body(OrderRequest(offer, QUERY, CHECK, (twelve,), "a@example.com"), wire.KiwiContact())
    assert body["passengers"][0]["category"] == "adult"


def test_a_document_that_is_not_needed_is_not_sent():
    [offer] = convert()
    check = replace(CHECK, requirements=Requirements(document=DocumentRules(need="none")))
    person = Traveler("ms", "f", "Anh", "Nguyen", date(1990, 7, 11), "VN", None, None, "C123", date(2030, 1, 1))
    body = wire.build_save_body(OrderRequest(offer, QUERY, check, (person,), "a@example.com"), wire.KiwiContact())
    assert (body["passengers"][0]["cardno"], body["passengers"][0]["expiration"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "self_transfer", "separate"),
    [
        ({"pnr_count": 1}, False, False),
        ({"pnr_count": 2}, False, True),
        ({"pnr_count": 3}, True, True),
        ({}, False, False),
        ({"pnr_count": "many"}, False, False),
        ({"virtual_interlining": True}, True, True),
    ],
)
def test_separate_tickets_are_told_also_without_the_flag_of_virtual_interlining(changes, self_transfer, separate):
    """Two tickets for two directions need no transfer; three certainly do."""
    answer = document()
    answer["data"][0]["route"][1] |= {"vi_connection": False, "bags_recheck_required": False}
    del answer["data"][0]["virtual_interlining"]
    answer["data"][0] |= changes
    [offer] = wire.to_offers(answer, QUERY, NOW, PLACES.find_time_zone)
    assert (offer.self_transfer, offer.has_separate_tickets) == (self_transfer, separate)


def test_a_bag_that_costs_nothing_is_asked_for_in_the_check():
    [free], [unknown] = convert(bags_price={"1": 0}), convert()
    assert [wire.build_check_params(one, QUERY)["bnum"] for one in (free, unknown)] == ["1", "0"]


@pytest.mark.parametrize(
    ("said", "references"),
    [
        ({"pnrs": ["ABC", "DEF"]}, [("ABC", ()), ("DEF", ())]),
        ({"pnr": "ABC"}, [("ABC", ())]),
        ({}, []),
        ({"pnrs": [None, 7], "flights": [5, {"reservation_number": None}]}, []),
        (
            {
                "pnrs": ["ABC"],
                "flights": [
                    {"airline": "BA", "flight_no": 1, "reservation_number": "ABC"},
                    {"airline": "BA", "flight_no": 2, "reservation_number": "ABC"},
                    {"airline": "VY", "flight_no": 3, "reservation_number": "XYZ"},
                ],
            },
            [("ABC", ("BA1", "BA2")), ("XYZ", ("VY3",))],
        ),
    ],
)
def test_the_references_of_an_order(said, references):
    state = wire.to_order_state({"status": "confirmed"} | said)
    assert [(one.reference, one.flights) for one in state.references] == references


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("open", "placed"),
        ("received", "confirmed"),
        ("confirmed", "confirmed"),
        ("cancelled", "cancelled"),
        ("refund", "cancelled"),
        ("sold_out", "refused"),
        ("a word of tomorrow", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_states_of_an_order(word, status):
    assert wire.to_order_state({"status": word, "pnr": "ABC"}).status == status


airports = st.sampled_from(sorted(load_directory().airports)) | st.sampled_from(
    [one.code for one in load_directory().major]
)
questions = st.builds(
    FlightQuery,
    origin=airports,
    destination=airports,
    departure_date=st.dates(date(2026, 6, 2), date(2027, 3, 1)),
    return_date=st.none() | st.dates(date(2027, 3, 2), date(2027, 5, 1)),
    adults=st.integers(2, 4),
    children=st.integers(0, 3),
    infants=st.integers(0, 2),
    cabin=st.sampled_from(["economy", "premium_economy", "business"]),
    currency=st.sampled_from(["EUR", "USD", "JPY", "KWD", "VND"]),
)


@settings(max_examples=40, deadline=None)
@given(questions)
def test_whatever_the_emulator_sells_converts(query):
    asked_for = parse_query(wire.build_search_params(query, 60))
    asked = OfferContext(1, asked_for.party, asked_for.filters.cabin, query.currency, NOW)
    data = [build_offer(asked, one) for one in find_itineraries(asked, asked_for)]
    answer = json.loads(json.dumps({"currency": query.currency, "data": data}), parse_float=Decimal)
    offers = wire.to_offers(answer, query, NOW, PLACES.find_time_zone)
    assert len(offers) == len(data)
    for one, raw in zip(offers, data, strict=True):
        assert_sound(one, raw, query)


def assert_sound(one, raw, query):
    assert one.total.amount > 0
    assert one.total == Money.from_major(Decimal(str(raw["price"])), query.currency)
    assert len(one.slices) == (1 if query.return_date is None else 2)
    assert one.slices[0].duration_s == raw["duration"]["departure"]
    assert sum(each.duration_s for each in one.slices) == raw["duration"]["total"]
    segments = [segment for each in one.slices for segment in each.segments]
    times = [moment for segment in segments for moment in (segment.departs_at, segment.arrives_at)]
    assert times == sorted(times)
    stops = sum(len(segment.technical_stops) for segment in segments)
    assert stops == sum(entry["following_technical_stop"] for entry in raw["route"])
    assert len(segments) + stops == len(raw["route"])
    assert times[0].isoformat()[:19] + ".000Z" == raw["local_departure"]
    assert times[0].astimezone(UTC).isoformat()[:19] + ".000Z" == raw["utc_departure"]
