"""Text of names reduced to what two spellings of one name have in common."""

import unicodedata

_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "ħ": "h", "ŋ": "n"}
)
"""Letters that Unicode does not decompose into a base letter and an accent."""
_APOSTROPHES = dict.fromkeys(map(ord, "'`\u00b4\u2018\u2019\u02bb\u02bc"))
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


def normalize_place_name(text: str) -> str:
    """Small letters and figures without accents, words parted by one space: `São Paulo, BR` is `sao paulo br`."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_LETTERS)
    return unicodedata.normalize("NFC", " ".join("".join(_letter(letter) for letter in plain).split()))


def list_spellings(name: str) -> set[str]:
    """The folded forms under which a name is looked up: without its apostrophes too, and with umlauts spelled out."""
    return {normalize_place_name(name), normalize_place_name(name.translate(_APOSTROPHES)), _spelled_out(name)} - {""}


def _spelled_out(text: str) -> str:
    """The folded text with umlauts as two letters, as they are typed where the keyboard has none: `muenchen`."""
    return normalize_place_name(unicodedata.normalize("NFC", text).casefold().translate(_UMLAUTS))


def _letter(letter: str) -> str:
    """Accents go; signs that belong to a letter (vowels of Indic scripts and of Thai) stay."""
    if unicodedata.combining(letter):
        return ""
    return letter if letter.isalnum() or unicodedata.category(letter)[0] == "M" else " "
