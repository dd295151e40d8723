"""Names of countries in the traveler's language, from CLDR by Babel."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(language.partition("-")[0]) if "-" in language else Locale.parse("en")


def get_country_name(code: str, language: str = "en") -> str:
    """By ISO 3166 alpha-2; the code itself where nobody knows it, English where the language is unknown."""
    try:
        locale = _locale(language)
    except (UnknownLocaleError, ValueError):
        locale = _locale("en")
    return str(locale.territories.get(code, code))
