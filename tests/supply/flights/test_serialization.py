from datetime import timedelta

import orjson
from hypothesis import given
from hypothesis import strategies as st

from hub.supply.flights.serialization import (
    offer_from_json,
    offer_to_json,
    offer_to_public_json,
    query_from_json,
    query_to_json,
)
from tests.supply.conftest import flight, make_offer, segment

maybe = st.none() | st.booleans()
offers = st.builds(
    lambda amount, bags, refundable, seats, stops, back: make_offer(
        amount,
        bags_included=bags,
        refundable=refundable,
        seats_left=seats,
        slices=(flight(segment(technical_stops=stops)), *([flight(segment("7", leaves=20))] if back else [])),
    ),
    st.integers(1, 10**12),
    st.none() | st.integers(0, 3),
    maybe,
    st.none() | st.integers(1, 9),
    st.tuples() | st.just(("FRA",)),
    st.booleans(),
)


@given(offers)
def test_an_offer_comes_back_from_the_database_as_it_was(offer):
    kept = orjson.loads(orjson.dumps(offer_to_json(offer)))
    found = offer_from_json(kept)
    assert found == offer
    assert offer_to_public_json(found, sandbox=True) == offer_to_public_json(offer, sandbox=True)


@given(offers)
def test_what_people_see_never_holds_the_token(offer):
    assert b"secret-token" not in orjson.dumps(offer_to_public_json(offer, sandbox=False))
    assert "secret-token" not in repr(offer)


def test_a_query_comes_back_as_it_was(query):
    assert query_from_json(orjson.loads(orjson.dumps(query_to_json(query)))) == query


def test_what_is_not_known_is_null(build):
    seen = offer_to_public_json(build.offer(), sandbox=False)
    assert {seen[name] for name in ("bags_included", "refundable", "changeable", "seats_left")} == {None}


def test_an_order_s_expiry_is_a_time_with_an_offset(build):
    seen = offer_to_public_json(build.offer(lives=timedelta(minutes=1)), sandbox=False)
    assert seen["expires_at"] == "2026-06-01T12:01:00+00:00"
