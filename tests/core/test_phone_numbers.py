import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.phone_numbers import normalize_phone


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+447700900123", "+447700900123"),
        (" +44 7700 900123 ", "+447700900123"),
        ("0044 7700 900123", "+447700900123"),
        ("+44 (0)7700 900123", "+447700900123"),
        ("+4407700900123", "+447700900123"),
        ("+49 (0) 30 / 901820", "+4930901820"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+1 (212) 555-0100", "+12125550100"),
        ("+84 90\u2011123\u20114567", "+84901234567"),
        ("\uff0b44 7700 900123", "+447700900123"),
        ("+\u0664\u0664 7700 900123", "+447700900123"),
    ],
)
def test_a_number_is_read_as_people_write_it(typed, number):
    assert normalize_phone(typed) == number


@pytest.mark.parametrize(
    "typed",
    [
        "", "+", "00", "07700 900999", "7700900999", "+44", "+44 77", "+99912345678", "+1 555 0100", "+1-800-FLOWERS",
        "+447700900123 ext. 5", "tel:+447700900123", "+447700900123,+447700900124", "+44770090012345678",
    ],
)  # fmt: skip
def test_what_cannot_be_called_is_refused_without_repeating_it(typed):
    with pytest.raises(ValueError, match="with its country code") as refused:
        normalize_phone(typed)
    assert len(typed) < 5 or typed not in str(refused.value)


@given(st.text(max_size=30) | st.from_regex(r"\+[0-9 ()-]{5,18}", fullmatch=True))
def test_a_number_that_was_read_is_read_again_as_itself(text):
    try:
        number = normalize_phone(text)
    except ValueError:
        return
    assert normalize_phone(number) == number
    assert number.isascii()
    assert 7 <= len(number.removeprefix("+")) <= 15
