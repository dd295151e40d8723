from itertools import pairwise

import orjson
from hypothesis import given
from hypothesis import strategies as st

from hub.planning.plans.drafting.steps import PlanHeading
from hub.planning.plans.drafting.stream_parser import (
    DraftStreamReader,
    JsonStreamReader,
    parse_day,
    parse_days,
    parse_draft,
)
from hub.planning.plans.model import Draft
from tests.planning.plans.scenes import good, text_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CUTS = st.lists(st.integers(0, 400), max_size=30)


def chunks(text, cuts):
    places = sorted({0, len(text), *(min(one, len(text)) for one in cuts)})
    return [text[a:b] for a, b in pairwise(places)]


@given(st.dictionaries(st.text(), VALUES, max_size=5), CUTS, st.booleans())
def test_every_member_is_read_however_the_text_is_cut_up(members, cuts, indented):
    members.pop("days", None)
    text = orjson.dumps(members, option=orjson.OPT_INDENT_2 if indented else 0).decode()
    reader = JsonStreamReader()
    found = [one for chunk in chunks(text, cuts) for one in reader.feed_text(chunk)]
    assert found == list(members.items())
    assert not reader.is_broken


@given(st.text(), st.lists(VALUES, max_size=5), VALUES, CUTS)
def test_each_day_is_there_as_soon_as_it_is_closed(title, days, last, cuts):
    text = orjson.dumps({"title": title, "days": days, "last": last}).decode()
    reader = JsonStreamReader()
    found = [one for chunk in chunks(text, cuts) for one in reader.feed_text(chunk)]
    assert found == [("title", title), *(("days", one) for one in days), ("last", last)]


@given(st.text(alphabet='{}[]",:\\ aé0'), CUTS)
def test_nonsense_gives_nothing_and_raises_nothing(text, cuts):
    reader = DraftStreamReader()
    assert all(one is not None for chunk in chunks(text, cuts) for one in reader.feed_text(chunk))


def test_nothing_comes_after_what_is_no_json():
    reader = JsonStreamReader()
    assert reader.feed_text('{"title": "a", "days": [{"x": 1}, {oops}, {"x": 2}], "more": 1}') == [
        ("title", "a"),
        ("days", {"x": 1}),
    ]
    assert reader.is_broken


def test_what_is_not_whole_is_not_there():
    text = text_of(good())
    reader = DraftStreamReader()
    found = list(reader.feed_text(text[: text.index("2026-12-02")]))
    assert [type(one).__name__ for one in found] == ["PlanHeading", "DraftDay"]


def test_the_title_comes_before_the_first_day():
    title, *days = DraftStreamReader().feed_text(text_of(good()))
    assert title == PlanHeading("Lisbon", "Three days.", ["Shoes"], ["Look up"])
    assert days == good().days


def test_braces_and_quotes_in_text_end_nothing():
    plan = good(title='} ] "quoted" \\ [x', summary="{")
    assert [
        one for one in DraftStreamReader().feed_text(text_of(plan)) if not isinstance(one, PlanHeading)
    ] == good().days


def test_the_whole_answer_is_read_as_it_was_said():
    assert parse_draft(text_of(good())) == Draft.model_validate(good())
    assert parse_draft("no json") is None
    assert parse_draft("[1]") is None
    assert parse_days("{") == []


def test_long_text_is_cut_and_a_line_that_is_none_is_left_out():
    row = good().days[0].items[1].model_dump(mode="json")
    read = parse_day(
        {"date": "2026-12-01", "title": "t" * 900, "items": [row | {"note": "n" * 9000}, {"kind": "war"}, 3]}
    )
    assert len(read.title) == 160
    assert [len(one.note) for one in read.items] == [600]


def test_what_has_no_date_is_no_day():
    assert [parse_day(one) for one in (None, [], {"title": "x"}, {"date": 3})] == [None] * 4
