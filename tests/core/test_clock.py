import random
from datetime import UTC, datetime

from hub.core.clock import UNAMBIGUOUS, Ids, SystemClock


class At:
    def __init__(self, *moments: datetime) -> None:
        self.moments = list(moments)

    def now(self) -> datetime:
        return self.moments.pop(0)


def test_identifiers_are_version_7_and_sort_by_time():
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    ids = Ids(At(early, late))  # type: ignore[arg-type]
    first, second = ids.uuid(), ids.uuid()
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert first < second
    assert first.int >> 80 == int(early.timestamp() * 1000)


def test_a_seeded_source_plays_the_same_story():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    one, two = (Ids(At(moment), random.Random(7)) for _ in range(2))  # type: ignore[arg-type]
    assert [one.uuid(), one.token(), one.reference()] == [two.uuid(), two.token(), two.reference()]


def test_a_reference_is_six_letters_that_nobody_mishears():
    reference = Ids(SystemClock()).reference()
    assert len(reference) == 6
    assert set(reference) <= set(UNAMBIGUOUS)
    assert not set(UNAMBIGUOUS) & set("0O1IL2Z5S8B")
