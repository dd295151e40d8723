"""Names of people: letters of any script, and nothing that is no name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.person_names import MAX_PERSON_NAME_LENGTH, check_person_name, clean_person_name, normalize_person_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Ada\u00a0 Lovelace ", "Ada Lovelace"),
        ("O\u2019Brien", "O'Brien"),
        ("A\u0301nh", "Ánh"),
        ("Suharto", "Suharto"),
        ("李小龍", "李小龍"),
        ("सचिन", "सचिन"),
        ("Gal·la J. Pérez-Llorca", "Gal·la J. Pérez-Llorca"),
    ],
)
def test_a_name_of_any_script_is_stored_in_one_form(text: str, name: str):
    assert check_person_name(normalize_person_name(text)) == name


@pytest.mark.parametrize(
    "text",
    [
        "Ada\nLovelace", "<b>Ada</b>", "Ada 2", "Ada 😀", "A\u200bda", "A\u202eda", "Ada\ufe0f", "\u3164", "1\u20e3",
        "...", "Ada; drop", "a@b.c", "https://evil", "\u0301",
    ],
)  # fmt: skip
def test_markup_digits_emoji_and_what_cannot_be_seen_are_refused(text: str):
    with pytest.raises(ValueError, match="a name"):
        check_person_name(normalize_person_name(text))


@given(st.text(max_size=200))
def test_a_name_from_elsewhere_is_cleaned_to_one_that_is_accepted(text: str):
    name = clean_person_name(text)
    assert len(name) <= MAX_PERSON_NAME_LENGTH
    assert name == normalize_person_name(name) == unicodedata.normalize("NFC", name)
    assert name == "" or check_person_name(name) == name
