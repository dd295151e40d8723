import random
from datetime import UTC, datetime

from hub.core.clock import REFERENCE_ALPHABET, IdGenerator, SystemClock


class At:
    def __init__(self, *moments: datetime) -> None:
        self.moments = list(moments)

    def now(self) -> datetime:
        return self.moments.pop(0)


def test_identifiers_are_version_7_and_sort_by_time():
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    ids = IdGenerator(At(early, late))  # type: ignore[arg-type]
    first, second = ids.new_uuid(), ids.new_uuid()
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert first < second
    assert first.int >> 80 == int(early.timestamp() * 1000)


def test_a_seeded_source_plays_the_same_story():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    one, two = (IdGenerator(At(moment), random.Random(7)) for _ in range(2))  # type: ignore[arg-type]
    assert [one.new_uuid(), one.new_token(), one.new_reference()] == [
        two.new_uuid(),
        two.new_token(),
        two.new_reference(),
    ]


def test_a_reference_is_six_letters_that_nobody_mishears():
    reference = IdGenerator(SystemClock()).new_reference()
    assert len(reference) == 6
    assert set(reference) <= set(REFERENCE_ALPHABET)
    assert not set(REFERENCE_ALPHABET) & set("0O1IL2Z5S8B")
