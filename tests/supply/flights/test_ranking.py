from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hub.supply.flights.ranking import merge_offers, rank_offers
from tests.supply.conftest import flight, make_offer, segment


def amounts(offers):
    return [one.total.amount for one in offers]


def test_the_cheapest_supplier_of_a_product_wins_and_names_the_others(build):
    dear = build.offer(11000, provider="duffel", provider_ref="d")
    [one] = merge_offers([dear, build.offer(10000), build.offer(12000, provider="amadeus")])
    assert (one.provider, one.total.amount, one.alternates) == ("kiwi", 10000, ("amadeus", "duffel"))


def test_what_is_not_the_same_to_buy_stays_apart(build):
    plain = build.offer()
    other = [
        replace(plain, bags_included=1),
        replace(plain, self_transfer=True),
        build.offer(currency="USD"),
        build.offer(segments=(build.segment(cabin="business"),)),
        build.offer(segments=(build.segment(fare_brand="FLEX"),)),
        build.offer(segments=(build.segment(destination="LGW"),)),
        build.offer(segments=(build.segment("101"),)),
    ]
    assert len(merge_offers([plain, *other])) == 1 + len(other)


def test_flight_numbers_are_the_same_with_and_without_zeros(build):
    one, other = (build.offer(segments=(build.segment(number),)) for number in ("0100", "100"))
    assert len(merge_offers([one, other])) == 1


def test_hidden_city_and_throwaway_are_sold_by_policy_only(build, query):
    offers = [
        build.offer(1, hidden_city=True, segments=(build.segment("1"),)),
        build.offer(2, throwaway=True, segments=(build.segment("2"),)),
        build.offer(3),
    ]
    assert amounts(rank_offers(offers, query)) == [3]
    assert amounts(rank_offers(offers, query, includes_hidden_city=True)) == [1, 2, 3]


def test_stops_are_counted_in_each_direction(build, query):
    change = (build.segment("1", destination="FRA"), build.segment("2", leaves=12, origin="FRA"))
    offers = [build.offer(1, segments=change), build.offer(2)]
    assert amounts(rank_offers(offers, replace(query, max_stops=0))) == [2]
    assert amounts(rank_offers(offers, replace(query, max_stops=1))) == [1, 2]


def test_the_orders(build, query):
    offers = [
        build.offer(30000, segments=(build.segment("1", leaves=10, hours=2),)),
        build.offer(10000, segments=(build.segment("2", leaves=9, hours=9),)),
        build.offer(12000, segments=(build.segment("3", leaves=11, hours=3),)),
    ]
    order = {
        sort: amounts(rank_offers(offers, replace(query, sort=sort))) for sort in ("price", "duration", "departure")
    }
    assert order["price"] == [10000, 12000, 30000]
    assert order["duration"] == [30000, 12000, 10000]
    assert order["departure"] == [10000, 30000, 12000]
    assert amounts(rank_offers(offers, replace(query, sort="best")))[0] == 12000


offers = st.lists(
    st.builds(
        lambda amount, number, provider: make_offer(amount, provider=provider, segments=(segment(str(number)),)),
        st.integers(1, 10**7),
        st.integers(1, 4),
        st.sampled_from(["kiwi", "duffel", "amadeus"]),
    ),
    max_size=12,
)


@given(offers)
def test_merging_keeps_every_product_at_its_lowest_price(every):
    found = merge_offers(every)
    for number in {one.slices[0].segments[0].flight_number for one in every}:
        same = [one for one in every if one.slices == (flight(segment(number)),)]
        [kept] = [one for one in found if one.slices == same[0].slices]
        assert kept.total.amount == min(amounts(same))
        assert {kept.provider, *kept.alternates} == {one.provider for one in same}
