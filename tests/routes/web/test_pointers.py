"""The place of an error in what was sent, whatever types it went through."""

from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from hub.core.errors import InvalidRequest
from routes.web.error_pointers import locate_error, suggest_name
from routes.web.parsing import parse_body


class Flight(BaseModel, extra="forbid"):
    kind: Literal["flight"]
    stops: int
    flight: int | None = None


class Hotel(BaseModel, extra="forbid"):
    kind: Literal["hotel"]
    nights: list[int] | int


class Trip(BaseModel, extra="forbid"):
    tagged: Annotated[Flight | Hotel, Field(discriminator="kind")] | None = None
    plain: Flight | Hotel | None = None
    prices: dict[str, int] = {}
    next: "Trip | None" = None
    from_: int | None = Field(default=None, alias="from")


ADAPTER = TypeAdapter(Trip)


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        ('{"tagged": {"kind": "flight", "stops": "x"}}', {"/tagged/stops"}),
        ('{"tagged": {"kind": "flight", "stops": 1, "flight": "x"}}', {"/tagged/flight"}),
        ('{"tagged": {"kind": "ship"}}', {"/tagged"}),
        ('{"plain": {"kind": "hotel", "nights": [1, "x"]}}', {"/plain/kind", "/plain/stops", "/plain/nights",
                                                              "/plain/nights/1"}),
        ('{"prices": {"a/b": "x"}}', {"/prices/a~1b"}),
        ('{"next": {"next": {"tagged": {"kind": "hotel"}}}}', {"/next/next/tagged/nights"}),
        ('{"from": "x"}', {"/from"}),
    ],
)  # fmt: skip
def test_a_pointer_names_no_type_of_ours(raw, pointers):
    with pytest.raises(InvalidRequest) as refused:
        parse_body(ADAPTER, raw.encode())
    assert {error.pointer for error in refused.value.errors} == pointers


@given(st.lists(st.one_of(st.text(max_size=5), st.integers(0, 9)), max_size=6).map(tuple))
def test_a_location_that_fits_nothing_is_kept(location):
    place = locate_error(ADAPTER.core_schema, ("no such field", "at all", *location))
    assert place.parts == ("no such field", "at all", *location)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("departureDate", "departure_date"), ("adult", "adults"), ("ADULTS", "adults"), ("zzz", None), ("", None)],
)
def test_a_suggestion_is_similar(name, meant):
    assert suggest_name(name, ("departure_date", "adults")) == meant
