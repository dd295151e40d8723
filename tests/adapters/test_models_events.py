"""Events out of bytes, however these are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.openai import server_sent_events
from adapters.openai.server_sent_events import EventParser, ServerSentEvent


def read(*pieces: bytes) -> list[ServerSentEvent]:
    reader = EventParser()
    found = [event for piece in pieces for event in reader.feed_bytes(piece)]
    return found + reader.finish_stream()


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[one:other] for one, other in pairwise(places)]


LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)


@given(
    st.lists(st.tuples(LINE, st.lists(LINE, min_size=1, max_size=3)), max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 1000)),
)
def test_where_the_line_is_cut_changes_nothing(sent: list[tuple[str, list[str]]], newline: str, cuts: list[int]):
    text = "".join(
        f": a comment{newline}event: {name}{newline}id: 7{newline}"
        + "".join(f"data: {line}{newline}" for line in data)
        + newline
        for name, data in sent
    )
    found = read(*pieces_of(text.encode(), cuts))
    assert found == [ServerSentEvent(name, "\n".join(data).encode()) for name, data in sent]


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_are_read_the_same_in_one_piece(pieces: list[bytes]):
    assert read(*pieces) == read(b"".join(pieces))


def test_an_event_is_there_as_soon_as_it_ends():
    reader = EventParser()
    assert reader.feed_bytes(b"data: 1\n") == []
    assert reader.feed_bytes(b"\ndata: 2") == [ServerSentEvent("", b"1")]
    assert reader.feed_bytes(b"\r") == []
    assert reader.feed_bytes(b"\r") == [ServerSentEvent("", b"2")]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_the_last_event_needs_no_empty_line(end: bytes):
    assert read(b"data: [DONE]" + end) == [ServerSentEvent("", b"[DONE]")]


def test_half_a_character_waits_for_the_other_half():
    data = "data: 東京\n\n".encode()
    assert read(data[:8], data[8:]) == [ServerSentEvent("", "東京".encode())]


def test_an_event_without_an_end_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server_sent_events, "MAX_EVENT_BYTES", 1000)
    for piece in (b"x" * 300, b"data: " + b"x" * 300 + b"\n"):
        reader = EventParser()
        with pytest.raises(ValueError, match="without an end"):
            for _ in range(10):
                reader.feed_bytes(piece)
    many = EventParser()
    for _ in range(10):
        many.feed_bytes(b"data: " + b"x" * 300 + b"\n\n")


def test_a_huge_line_costs_no_more_than_its_length():
    reader, line = EventParser(), b"x" * 1_000_000
    found = [event for start in range(0, len(line), 1000) for event in reader.feed_bytes(line[start : start + 1000])]
    assert found == []
    assert read(b"data: " + line + b"\n\n")[0].data == line
