from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from hub.core.errors import InvalidRequest
from hub.supply.flights import FlightQuery
from hub.supply.flights.query_validation import validate_query

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GOOD = FlightQuery("HAM", "LON", date(2026, 7, 1), return_date=date(2026, 7, 8), adults=2, children=1, infants=2)


@pytest.fixture
def wrong(locations):
    """The fields and codes that a query is refused for."""

    def check(now=NOW, where="", **changes):
        with pytest.raises(InvalidRequest) as refused:
            validate_query(replace(GOOD, **changes), locations, now, where)
        return [(one.pointer, one.code) for one in refused.value.errors]

    return check


def test_a_sound_query_passes(locations):
    validate_query(GOOD, locations, NOW)


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"origin": "ZZZ"}, "/origin", "unknown_location"),
        ({"destination": "QQQ"}, "/destination", "unknown_location"),
        ({"destination": "HAM"}, "/destination", "same_place"),
        ({"origin": "LGW"}, "/destination", "same_city"),
        ({"origin": "LHR", "destination": "LCY"}, "/destination", "same_city"),
        ({"destination": "TXL"}, "/destination", "airport_closed"),
        ({"departure_date": date(2026, 5, 31)}, "/departure_date", "in_the_past"),
        ({"return_date": date(2026, 6, 30)}, "/return_date", "before_departure"),
        ({"return_date": date(2027, 6, 1)}, "/return_date", "too_far"),
        ({"departure_date": date(2027, 6, 1), "return_date": None}, "/departure_date", "too_far"),
        ({"adults": 7}, "/adults", "too_many"),
        ({"adults": 1}, "/infants", "too_many_infants"),
        ({"adults": 0, "infants": 0}, "/adults", "no_adult"),
        ({"currency": "XXX"}, "/currency", "unknown_currency"),
    ],
)
def test_each_fault_names_its_field(wrong, changes, pointer, code):
    assert wrong(**changes) == [(pointer, code)]


def test_all_faults_are_told_at_once(wrong):
    found = wrong(where="/query", origin="ZZZ", currency="???", adults=0)
    assert {pointer for pointer, _ in found} == {"/query/origin", "/query/currency", "/query/adults", "/query/infants"}


def test_the_last_day_that_airlines_sell(locations):
    validate_query(replace(GOOD, departure_date=date(2027, 5, 28), return_date=None), locations, NOW)


def test_today_is_the_date_at_the_place_of_departure(locations, wrong):
    late = datetime(2026, 6, 1, 23, tzinfo=UTC)
    leaves = {"departure_date": date(2026, 6, 1), "return_date": None}
    validate_query(replace(GOOD, origin="LAX", **leaves), locations, late)
    assert wrong(now=late, origin="SYD", **leaves) == [("/departure_date", "in_the_past")]
