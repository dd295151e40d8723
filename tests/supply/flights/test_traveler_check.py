"""What a supplier requires of the travelers, field by field."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import InvalidRequest
from hub.supply.flights import (
    AgeRules,
    ContactRules,
    DocumentRules,
    FlightQuery,
    NameRules,
    Party,
    Requirements,
    Segment,
    Slice,
    Traveler,
    find_violations,
    requirements_from_json,
    requirements_to_json,
    validate_party,
)
from sandbox.kiwi import passengers as emulator
from tests.supply.conftest import make_offer

ADA = Traveler("ms", "f", "Ada", "Lovelace", date(1990, 12, 10), "GB", None, "+447700900123")
OFFER = make_offer()
TODAY = date(2026, 6, 1)
LANDING = date(2026, 7, 1)


def pointers(requirements=None, *, contact_phone="+447700900123", **changes):
    """What is wrong with Ada after these changes."""
    party = Party((replace(ADA, **changes),), contact_phone)
    return [(one.pointer, one.code) for one in find_violations(requirements or Requirements(), party, OFFER, TODAY)]


def test_somebody_ordinary_is_accepted():
    assert pointers() == []
    assert pointers(document_number="D25845822", document_expires_on=LANDING) == []


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"given_name": "Мария"}, "/given_name", "name_characters"),
        ({"family_name": "李"}, "/family_name", "name_characters"),
        ({"family_name": "O.Brien"}, "/family_name", "name_characters"),
        ({"family_name": "-Smith"}, "/family_name", "name_characters"),
        ({"given_name": "A" * 61}, "/given_name", "name_length"),
        ({"nationality": "XX"}, "/nationality", "unknown_country"),
        ({"born_on": date(2026, 6, 2)}, "/born_on", "not_born"),
        ({"phone": "+6834000"}, "/phone", "phone_length"),
        ({"document_number": "12-345"}, "/document/number", "document_number"),
        ({"document_number": "A" * 21}, "/document/number", "document_number"),
        (
            {"document_number": "A1", "document_expires_on": date(2026, 6, 30)},
            "/document/expires_on",
            "document_expired",
        ),
    ],
)
def test_each_field_that_a_supplier_would_refuse_has_its_pointer(changes, pointer, code):
    assert pointers(**changes) == [(f"/travelers/0{pointer}", code)]


@pytest.mark.parametrize(
    "name", ["Nguyễn", "Ánh", "O'Brien", "Jean-Luc", "Łukasz Żak", "Müller", "İpek", "Ngozi Adaeze"]
)
def test_names_of_the_latin_script_are_accepted_with_their_marks(name):
    assert pointers(given_name=name, family_name=name) == []


@pytest.mark.parametrize("nationality", ["PS", "XK", "TW", "VA"])
def test_every_nationality_that_a_passport_can_have_is_accepted(nationality):
    assert pointers(nationality=nationality) == []


def test_a_mononym_is_accepted_unless_the_supplier_wants_two_names():
    assert pointers(given_name="", family_name="Suharto") == []
    strict = Requirements(names=NameRules(mononym_allowed=False))
    assert pointers(strict, given_name="") == [("/travelers/0/given_name", "required")]


def test_a_contact_without_a_telephone_number_is_refused_where_one_is_required():
    assert pointers(contact_phone=None) == [("/contact/phone", "required")]
    assert pointers(contact_phone="+6834000") == [("/contact/phone", "phone_length")]
    assert pointers(Requirements(contact=ContactRules(phone_required=False)), contact_phone=None) == []


def test_a_document_is_asked_for_only_where_it_is_needed():
    needed, useless = (Requirements(document=DocumentRules(need=need)) for need in ("required", "none"))
    assert pointers(needed) == [("/travelers/0/document", "required")]
    assert pointers(needed, document_number="A1") == [("/travelers/0/document/expires_on", "required")]
    assert pointers(needed, document_number="A1", document_expires_on=LANDING) == []
    assert pointers(useless, document_number="-") == []


def test_nobody_travels_alone_before_the_age_for_it():
    alone = Requirements(ages=AgeRules(alone_from=16))
    assert pointers(alone, born_on=date(2010, 7, 2)) == [("/travelers/0/born_on", "too_young_alone")]
    assert pointers(alone, born_on=date(2010, 7, 1)) == []
    both = Party((replace(ADA, born_on=date(2012, 1, 1)), ADA), "+447700900123")
    assert find_violations(alone, both, OFFER, TODAY) == []


def refused(party, query, offer=OFFER, requirements=None):
    with pytest.raises(InvalidRequest) as error:
        validate_party(requirements or Requirements(), party, offer, query, TODAY)
    return error.value.code, {one.code for one in error.value.errors}


def test_the_party_must_be_the_one_that_was_priced(query):
    two = Party((ADA, ADA), "+447700900123")
    assert refused(two, query) == ("wrong_party", {"wrong_party"})
    child = Party((replace(ADA, born_on=date(2019, 1, 1)),), "+447700900123")
    assert refused(child, query) == ("wrong_party", {"wrong_ages"})
    assert refused(Party((ADA,), None), query) == ("requirements_not_met", {"required"})


def test_ages_count_on_the_latest_local_day_of_a_landing():
    """Auckland to Honolulu lands a day before it took off; the landing in Auckland is the one that counts."""
    auckland, honolulu = ZoneInfo("Pacific/Auckland"), ZoneInfo("Pacific/Honolulu")
    first = Segment(
        "SYD",
        "AKL",
        datetime(2026, 7, 1, 10, tzinfo=UTC),
        datetime(2026, 7, 1, 13, tzinfo=UTC).astimezone(auckland),
        "NZ",
        "1",
    )
    second = Segment(
        "AKL",
        "HNL",
        datetime(2026, 7, 1, 14, tzinfo=UTC),
        datetime(2026, 7, 1, 22, tzinfo=UTC).astimezone(honolulu),
        "NZ",
        "2",
    )
    offer = make_offer(slices=(Slice("SYD", "HNL", (first, second), 43_200),))
    assert (first.arrives_at.date(), second.arrives_at.date()) == (date(2026, 7, 2), date(2026, 7, 1))
    assert offer.last_landing_date == date(2026, 7, 2)
    twelve = Party((replace(ADA, born_on=date(2014, 7, 2)),), "+447700900123")
    validate_party(Requirements(), twelve, offer, FlightQuery("SYD", "HNL", date(2026, 7, 1), adults=1), TODAY)


@given(
    st.builds(
        Requirements,
        contact=st.builds(ContactRules),
        names=st.builds(NameRules),
        document=st.builds(DocumentRules),
        ages=st.builds(AgeRules),
        accepted_nationalities=st.none() | st.lists(st.text(max_size=2), max_size=3).map(tuple),
    )
)
def test_requirements_survive_being_stored(requirements):
    assert requirements_from_json(requirements_to_json(requirements)) == requirements


@given(st.text(max_size=70))
def test_a_name_that_the_hub_accepts_is_one_that_the_vendor_accepts(name):
    if name and pointers(given_name=name, family_name="Lovelace") == []:
        assert emulator._LATIN_NAME.fullmatch(name)
