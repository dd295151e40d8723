"""Whether the people of a booking are what the supplier of an offer accepts: one error per field that is not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from hub.core.errors import FieldError, InvalidRequest
from hub.supply.flights.model import FlightOffer, FlightQuery, Traveler
from hub.supply.flights.requirements import Requirements

Violation = tuple[str, str, str]
"""Pointer below the traveler, code, and a sentence for the traveler."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who flies, and the telephone number at which somebody is reached on the way."""

    travelers: tuple[Traveler, ...]
    contact_phone: str | None


def validate_party(
    requirements: Requirements, party: Party, offer: FlightOffer, query: FlightQuery, today: date
) -> None:
    """Raises InvalidRequest, with the pointers of `POST /api/bookings`, for everything that the supplier would refuse.

    `wrong_party` when the travelers are not those of the search, `requirements_not_met` otherwise.
    """
    _check_composition(requirements, party.travelers, offer, query)
    _raise_violations(find_violations(requirements, party, offer, today))


def validate_contact(requirements: Requirements, phone: str | None) -> None:
    """Raises InvalidRequest `requirements_not_met` for a telephone number of the contact that the supplier would
    refuse.
    """
    _raise_violations(_contact_errors(requirements, phone))


def _raise_violations(errors: list[FieldError]) -> None:
    if errors:
        raise InvalidRequest(
            "These flights need other details of the travelers.", code="requirements_not_met", errors=tuple(errors)
        )


def find_violations(requirements: Requirements, party: Party, offer: FlightOffer, today: date) -> list[FieldError]:
    """Every field that breaks a rule of the supplier's. `today` decides who has been born yet."""
    errors = _contact_errors(requirements, party.contact_phone)
    for place, traveler in enumerate(party.travelers):
        problems = _traveler_problems(requirements, traveler, offer.last_landing_date, today)
        errors += [FieldError(f"/travelers/{place}{pointer}", code, text) for pointer, code, text in problems]
    return errors + _company_errors(requirements, party.travelers, offer.first_departure_date)


def _check_composition(
    requirements: Requirements, travelers: Sequence[Traveler], offer: FlightOffer, query: FlightQuery
) -> None:
    """The party must be the one that was priced: as many, and each of the age that was said."""
    if len(travelers) != query.traveler_count:
        text = f"The offer is for {query.traveler_count} travelers, not {len(travelers)}."
        raise InvalidRequest(text, code="wrong_party", errors=(FieldError("/travelers", "wrong_party", text),))
    count = {"adult": 0, "child": 0, "infant": 0}
    for traveler in travelers:
        count[traveler.classify_age(offer.last_landing_date, requirements.ages)] += 1
    if count != {"adult": query.adults, "child": query.children, "infant": query.infants}:
        ages = requirements.ages
        text = (
            f"The offer is for {query.adults} adults, {query.children} children ({ages.child_from} to "
            f"{ages.adult_from - 1}) and {query.infants} infants (under {ages.child_from}) on the day of the last "
            f"landing, {offer.last_landing_date}; by their dates of birth the travelers are "
            f"{count['adult']}, {count['child']} and {count['infant']}."
        )
        raise InvalidRequest(text, code="wrong_party", errors=(FieldError("/travelers", "wrong_ages", text),))


def _contact_errors(requirements: Requirements, phone: str | None) -> list[FieldError]:
    if phone is None:
        text = "The airline needs a telephone number at which somebody can be reached."
        return [FieldError("/contact/phone", "required", text)] if requirements.contact.phone_required else []
    length = _phone_length(requirements, phone)
    return [FieldError("/contact/phone", "phone_length", length)] if length is not None else []


def _phone_length(requirements: Requirements, phone: str) -> str | None:
    rules, digits = requirements.contact, sum(character.isdigit() for character in phone)
    if rules.phone_min_digits <= digits <= rules.phone_max_digits:
        return None
    return f"A telephone number has {rules.phone_min_digits} to {rules.phone_max_digits} digits with its country code."


def _traveler_problems(
    requirements: Requirements, traveler: Traveler, last_landing: date, today: date
) -> Iterator[Violation]:
    yield from _name_problems(requirements, traveler)
    if traveler.nationality not in requirements.nationalities:
        yield "/nationality", "unknown_country", "Not the code of a country: two letters, such as GB."
    if traveler.born_on > today:
        yield "/born_on", "not_born", "Somebody who has not been born yet cannot be booked."
    if traveler.phone is not None and (text := _phone_length(requirements, traveler.phone)) is not None:
        yield "/phone", "phone_length", text
    yield from _document_problems(requirements, traveler, last_landing)


def _name_problems(requirements: Requirements, traveler: Traveler) -> Iterator[Violation]:
    rules = requirements.names
    if not traveler.given_name and not rules.mononym_allowed:
        yield "/given_name", "required", "The airline needs a given name and a family name."
    names = {"given_name": traveler.given_name, "family_name": traveler.family_name}
    for field, name in names.items():
        if len(name) > rules.max_length:
            yield f"/{field}", "name_length", f"A name has at most {rules.max_length} characters."
        elif name and not re.search(rules.pattern, name):
            yield f"/{field}", "name_characters", f"The airline accepts {rules.characters}."


def _document_problems(requirements: Requirements, traveler: Traveler, last_landing: date) -> Iterator[Violation]:
    rules = requirements.document
    number, expires_on = traveler.document_number, traveler.document_expires_on
    if rules.need == "none":
        return
    if number is None:
        if rules.need == "required":
            yield "/document", "required", "The airline needs the passport or identity card with the booking."
        return
    if not re.search(rules.number_pattern, number):
        text = f"At most {rules.number_max_length} letters and digits, without hyphens."
        yield "/document/number", "document_number", text
    if expires_on is None:
        if rules.need == "required":
            yield "/document/expires_on", "required", "The airline needs the day until which the document is valid."
    elif expires_on < last_landing:
        text = f"The document must be valid on the day of the last landing, {last_landing}."
        yield "/document/expires_on", "document_expired", text


def _company_errors(
    requirements: Requirements, travelers: Sequence[Traveler], first_departure: date
) -> list[FieldError]:
    """The oldest traveler must be old enough to travel without somebody older."""
    alone_from = requirements.ages.alone_from
    if alone_from is None or not travelers:
        return []
    oldest = min(range(len(travelers)), key=lambda place: travelers[place].born_on)
    if travelers[oldest].compute_age(first_departure) >= alone_from:
        return []
    text = f"Somebody of {alone_from} or older has to travel along."
    return [FieldError(f"/travelers/{oldest}/born_on", "too_young_alone", text)]
