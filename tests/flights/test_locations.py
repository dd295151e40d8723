from timeit import repeat
from zoneinfo import ZoneInfo

import pytest


def codes(found):
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("LHR", "LHR"),
        ("lon", "LON"),
        ("London", "LON"),
        ("heathrow", "LHR"),
        ("new york", "NYC"),
        ("São Paulo", "SAO"),
        ("sao paulo", "SAO"),
        ("ho chi minh", "SGN"),
        ("zurich", "ZRH"),
        ("san fr", "SFO"),
        ("o'hare", "ORD"),
        ("o hare", "ORD"),
        ("  Hanoi ", "HAN"),
    ],
)
def test_what_people_type_finds_what_they_mean(locations, text, first):
    assert codes(locations.search(text))[0] == first


def test_the_best_known_come_first(locations):
    assert codes(locations.search("paris"))[:3] == ["PAR", "CDG", "ORY"]


def test_a_city_has_its_airports_and_a_zone(locations):
    london = locations.find("LON")
    assert london.type == "city"
    assert {"LHR", "LGW"} <= set(london.airports)
    assert locations.zone("LHR") == ZoneInfo(london.timezone)


@pytest.mark.parametrize("text", ["", "   ", "--", "xyzzyx", "\u0301"])
def test_what_names_nothing_finds_nothing(locations, text):
    assert locations.search(text) == []


def test_the_limit_holds(locations):
    assert len(locations.search("a", 3)) == 3


def test_every_airport_has_a_zone_that_exists(locations):
    for code in locations._airports:
        assert locations.zone(code) is not None


def test_unknown_codes(locations):
    assert (locations.find("ZZZ"), locations.airport("LON"), locations.zone("ZZZ")) == (None, None, None)


@pytest.mark.parametrize("text", ["a", "london", "zzzz"])
def test_a_search_takes_less_than_five_milliseconds(locations, text):
    assert min(repeat(lambda: locations.search(text), number=1, repeat=40)) < 0.005
