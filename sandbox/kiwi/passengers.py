"""What save_booking wants to know of each passenger."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sandbox.kiwi.countries import NATIONALITIES
from sandbox.kiwi.places import load_directory
from sandbox.kiwi.price_check import ADULT_FROM, CHILD_FROM
from sandbox.kiwi.tokens import OfferedItinerary, OfferedLeg
from sandbox.kiwi.wire import KiwiApiError, make_invalid_param

_ANY_NAME = re.compile(r"[^\W\d_][^\d_<>@]{0,59}")
_LATIN = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_LATIN_NAME = re.compile(rf"[{_LATIN}][{_LATIN} '|-]{{0,59}}")
_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DOCUMENT = re.compile(r"[A-Za-z0-9]{1,20}")
_CATEGORIES = {"adult": "adults", "child": "children", "infant": "infants"}
_NO_DOCUMENT, _DOCUMENT_NEEDED = 0, 2


@dataclass(frozen=True, slots=True)
class PassengerRules:
    """What is insisted on for one booking. `today` is the emulator's day."""

    requires_latin_names: bool
    document_need: int
    adult_threshold: int
    contact_email: str | None
    today: date


def validate_passengers(passengers: Any, offered: OfferedItinerary, rules: PassengerRules) -> list[dict[str, Any]]:
    """Raises KiwiApiError 422 with an entry for every field that will not do.

    A travel document (cardno, expiration) may be left out or null unless `document_need` is 2. At least one adult has
    an e-mail address and a telephone number, and somebody is old enough to travel alone.
    """
    if not isinstance(passengers, list) or not all(isinstance(one, dict) for one in passengers):
        raise make_invalid_param("passengers", "Not a valid list.")
    wrong = [
        {"param": f"passengers.{nth}.{name}", "errors": [error]}
        for nth, one in enumerate(passengers)
        for name, error in _faults(one, offered, rules)
    ]
    if wrong:
        raise KiwiApiError(422, {"message": wrong})
    _count(passengers, offered)
    _contact(passengers, rules)
    _company(passengers, offered, rules)
    return passengers


def list_landing_days(offered: OfferedItinerary) -> list[date]:
    """The local day of each landing."""
    airports = load_directory().airports
    return [one.arrives_at.astimezone(airports[one.destination].zone).date() for one in offered.legs]


def _first_day(stretch: OfferedLeg) -> date:
    return stretch.departs_at.astimezone(load_directory().airports[stretch.origin].zone).date()


def _count(passengers: list[dict[str, Any]], offered: OfferedItinerary) -> None:
    for category, plural in _CATEGORIES.items():
        if sum(one["category"] == category for one in passengers) != getattr(offered.party, plural):
            raise make_invalid_param("passengers", f"The number of {plural} does not match the booking token.")


def _contact(passengers: list[dict[str, Any]], rules: PassengerRules) -> None:
    reachable = [one for one in passengers if one["category"] == "adult" and one.get("email") and one.get("phone")]
    if not reachable:
        raise make_invalid_param("passengers", "At least one adult needs email and phone.")
    if rules.contact_email is not None and all(one["email"] != rules.contact_email for one in reachable):
        raise make_invalid_param(
            f"passengers.{passengers.index(reachable[0])}.email", "Not the email of the deposit account."
        )


def _company(passengers: list[dict[str, Any]], offered: OfferedItinerary, rules: PassengerRules) -> None:
    """The oldest must be of the age from which somebody may travel alone, on the day of departure."""
    day = _first_day(offered.legs[0])
    births = [_day(one.get("birthday")) for one in passengers]
    if all(born is not None and count_years(born, day) < rules.adult_threshold for born in births):
        raise make_invalid_param("passengers", f"Nobody is {rules.adult_threshold} or older.")


def _faults(one: dict[str, Any], offered: OfferedItinerary, rules: PassengerRules) -> list[tuple[str, str]]:
    names = _LATIN_NAME if rules.requires_latin_names else _ANY_NAME
    tests = [
        ("name", _matches(names, required=True), _NAME_ERROR),
        ("surname", _matches(names, required=True), _NAME_ERROR),
    ]
    found = [(name, error) for name, holds, error in (*tests, *_RULES) if not holds(one.get(name))]
    born, last_day = _day(one.get("birthday")), max(list_landing_days(offered))
    if born is None or born > rules.today:
        found.append(("birthday", "Not a valid date of birth, the format is YYYY-MM-DD."))
    elif one.get("category") in _CATEGORIES and classify_age(born, last_day) != one["category"]:
        found.append(("category", "Does not match the age on the day of the last landing."))
    return found + _document_faults(one, last_day, rules.document_need)


def _document_faults(one: dict[str, Any], last_day: date, need: int) -> list[tuple[str, str]]:
    if need == _NO_DOCUMENT:
        return []
    missing = [name for name in ("cardno", "expiration") if need == _DOCUMENT_NEEDED and not one.get(name)]
    found = [(name, "Missing data for required field.") for name in missing]
    if not _matches(_DOCUMENT, required=False)(one.get("cardno")):
        found.append(("cardno", "Not a valid document number."))
    if one.get("expiration"):
        expires = _day(one["expiration"])
        if expires is None or expires < last_day:
            found.append(("expiration", "The document must be valid on the day of the last flight."))
    return found


def count_years(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def classify_age(born: date, day: date) -> str:
    """By age in whole years: below 2 an infant, below 12 a child."""
    years = count_years(born, day)
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


_NAME_ERROR = "Not a valid name."
_RULES: list[tuple[str, Callable[[Any], bool], str]] = [
    ("title", lambda value: isinstance(value, str) and value.lower() in {"mr", "ms"}, "Must be Mr or Ms."),
    (
        "nationality",
        lambda value: isinstance(value, str) and value.upper() in NATIONALITIES,
        "Not a valid country code.",
    ),
    ("category", lambda value: isinstance(value, str) and value in _CATEGORIES, "Must be adult, child or infant."),
    ("email", _matches(_EMAIL, required=False), "Not a valid email address."),
    ("phone", _matches(_PHONE, required=False), "Not a valid phone number."),
]
