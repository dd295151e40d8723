"""What save_booking wants to know of each passenger."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from adapters.sandbox.kiwi.check import ADULT_FROM, CHILD_FROM
from adapters.sandbox.kiwi.countries import NAMES
from adapters.sandbox.kiwi.tokens import Offered
from adapters.sandbox.kiwi.wire import Refusal, invalid

_NAME = re.compile(r"[^\W\d_][^\d_<>@]{0,59}")
_PHONE = re.compile(r"(\+|00)[1-9][0-9]{7,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DOCUMENT = re.compile(r"[A-Za-z0-9]{1,20}")
_CATEGORIES = {"adult": "adults", "child": "children", "infant": "infants"}


def validate(passengers: Any, offered: Offered) -> list[dict[str, Any]]:
    """Raises Refusal 422 with an entry for every field that will not do.

    A travel document (cardno, expiration) may be left out or null: `document_need` 1 means that it is wanted at
    check-in. E-mail and telephone must be there for at least one adult.
    """
    if not isinstance(passengers, list) or not all(isinstance(one, dict) for one in passengers):
        raise invalid("passengers", "Not a valid list.")
    last_day = offered.stretches[-1].lands.date()
    wrong = [
        {"param": f"passengers.{nth}.{name}", "errors": [error]}
        for nth, one in enumerate(passengers)
        for name, error in _faults(one, offered.stretches[0].takes_off.date(), last_day)
    ]
    if wrong:
        raise Refusal(422, {"message": wrong})
    _count(passengers, offered)
    _contact(passengers)
    return passengers


def _count(passengers: list[dict[str, Any]], offered: Offered) -> None:
    for category, plural in _CATEGORIES.items():
        if sum(one["category"] == category for one in passengers) != getattr(offered.party, plural):
            raise invalid("passengers", f"The number of {plural} does not match the booking token.")


def _contact(passengers: list[dict[str, Any]]) -> None:
    if not any(one["category"] == "adult" and one.get("email") and one.get("phone") for one in passengers):
        raise invalid("passengers", "At least one adult needs email and phone.")


def _faults(one: dict[str, Any], first_day: date, last_day: date) -> list[tuple[str, str]]:
    found = [(name, error) for name, holds, error in _RULES if not holds(one.get(name))]
    born = _day(one.get("birthday"))
    if born is None or born >= first_day:
        found.append(("birthday", "Not a valid date, the format is YYYY-MM-DD."))
    elif one.get("category") in _CATEGORIES and category_of(born, last_day) != one["category"]:
        found.append(("category", "Does not match the age on the day of the last flight."))
    if one.get("expiration"):
        expires = _day(one["expiration"])
        if expires is None or expires < last_day:
            found.append(("expiration", "The document must be valid on the day of the last flight."))
    return found


def category_of(born: date, day: date) -> str:
    """By age in whole years: below 2 an infant, below 12 a child."""
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    if years < CHILD_FROM:
        return "infant"
    return "child" if years < ADULT_FROM else "adult"


def _day(value: Any) -> date | None:
    try:
        return datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007  # a birthday has no zone
    except (TypeError, ValueError):
        return None


def _matches(pattern: re.Pattern[str], *, required: bool) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if value is None or value == "":
            return not required
        return isinstance(value, str) and pattern.fullmatch(value) is not None

    return holds


_RULES: list[tuple[str, Callable[[Any], bool], str]] = [
    ("name", _matches(_NAME, required=True), "Not a valid name."),
    ("surname", _matches(_NAME, required=True), "Not a valid name."),
    ("title", lambda value: isinstance(value, str) and value.lower() in {"mr", "ms"}, "Must be Mr or Ms."),
    ("nationality", lambda value: isinstance(value, str) and value.upper() in NAMES, "Not a valid country code."),
    ("category", lambda value: isinstance(value, str) and value in _CATEGORIES, "Must be adult, child or infant."),
    ("email", _matches(_EMAIL, required=False), "Not a valid email address."),
    ("phone", _matches(_PHONE, required=False), "Not a valid phone number."),
    ("cardno", _matches(_DOCUMENT, required=False), "Not a valid document number."),
]
