"""The names of people: one line, NFC, letters of any script; no markup, digits, emoji, nor invisible characters."""

import re
import unicodedata

MAX_PERSON_NAME_LENGTH = 80
_APOSTROPHES = re.compile(r"[\u2018\u2019\u02bc\u00b4`]")
_SPACES = re.compile("[ \u00a0\u2000-\u200a\u202f\u3000]+")
_MARKS = " -'.·"
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks by their category that show nothing: fillers and variation selectors."""


def normalize_person_name(text: str) -> str:
    """NFC, with one kind of space and of apostrophe."""
    return _SPACES.sub(" ", _APOSTROPHES.sub("'", unicodedata.normalize("NFC", text))).strip()


def check_person_name(name: str) -> str:
    """The name itself. Raises ValueError for characters that a name does not have, and for a name without letters."""
    if not all(_is_of_name(character) for character in name):
        raise ValueError("a name in one line of letters, spaces, hyphens and apostrophes")
    if not any(unicodedata.category(character)[0] == "L" for character in name):
        raise ValueError("a name has letters")
    return name


def clean_person_name(text: str) -> str:
    """What is left of a name from elsewhere by the same rules; empty where it has no letters."""
    spaced = "".join(character if _is_of_name(character) else " " for character in normalize_person_name(text))
    name = normalize_person_name(spaced)[:MAX_PERSON_NAME_LENGTH].strip()
    return name if any(unicodedata.category(character)[0] == "L" for character in name) else ""


def _is_of_name(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Me" or _INVISIBLE.match(character):  # Me: around another character, as in emoji of keys
        return False
    return category[0] in "LM" or character in _MARKS
