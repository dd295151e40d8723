"""What a supplier would refuse is refused before any money is held, with a pointer for each field."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.people.identity import Role
from tests.api.test_staff_bookings import sign_in
from tests.support.running import ADA, Running, soon, until

CONTACT = {"email": "ada@example.com", "phone": "+447700900123"}
SEARCH = {
    "origin": "LHR", "destination": "JFK", "departure_date": soon().isoformat(), "cabin": "business",
    "return_date": soon(50).isoformat(),
}  # fmt: skip


async def refused(running: Running, offer: dict[str, Any], **body: Any) -> dict[str, str]:
    """The code by pointer of a booking that is refused."""
    given = {"offer_id": offer["id"], "travelers": [ADA], "contact": CONTACT} | body
    status, problem = await running.call("POST", "/api/bookings", given)
    assert status == 422, problem
    return {one["pointer"]: one["code"] for one in problem["errors"]}


async def booked(running: Running, offer: dict[str, Any], **body: Any) -> dict[str, Any]:
    given = {"offer_id": offer["id"], "travelers": [ADA], "contact": CONTACT} | body
    return await running.good("POST", "/api/bookings", given)


async def test_the_check_of_an_offer_serves_what_a_form_needs(running: Running):
    offer = await running.offer()
    found = (await running.good("GET", f"/api/flights/offers/{offer['id']}"))["requirements"]
    last = offer["slices"][0]["arrives_at"][:10]
    assert found["contact"] == {"phone_required": True, "phone_min_digits": 8, "phone_max_digits": 15}
    assert (found["document"]["need"], found["document"]["valid_on"]) == ("optional", last)
    assert found["ages"] == {"child_from": 2, "adult_from": 12, "counted_on": last, "alone_from": 16}
    assert {"PS", "XK", "GB"} <= set(found["nationalities"])
    assert found["names"]["pattern"].startswith("^[A-Za-z")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"given_name": "<b>Ada</b>"}, "/travelers/0/given_name"),
        ({"given_name": "Ada\nEve"}, "/travelers/0/given_name"),
        ({"given_name": "Ada 2"}, "/travelers/0/given_name"),
        ({"given_name": "Ada \U0001f600"}, "/travelers/0/given_name"),
        ({"given_name": "A\u200bda"}, "/travelers/0/given_name"),
        ({"given_name": "\u202eadA"}, "/travelers/0/given_name"),
        ({"family_name": "Лавлейс"}, "/travelers/0/family_name"),
        ({"family_name": "- -"}, "/travelers/0/family_name"),
        ({"nationality": "ZZ"}, "/travelers/0/nationality"),
        ({"phone": "07700 900123"}, "/travelers/0/phone"),
        ({"document": {"number": "12-34-56"}}, "/travelers/0/document/number"),
        ({"document": {"number": "D" * 21}}, "/travelers/0/document/number"),
        ({"document": {"number": "D1234", "expires_on": "2020-01-01"}}, "/travelers/0/document/expires_on"),
    ],
)
async def test_a_traveler_whom_the_supplier_would_refuse_is_refused_at_once(running: Running, change, pointer):
    await running.register()
    assert pointer in await refused(running, await running.offer(), travelers=[ADA | change])
    assert (await running.good("GET", "/api/bookings"))["total"] == 0


async def test_somebody_who_is_not_born_and_somebody_who_is_too_young_are_named(running: Running):
    await running.register()
    offer = await running.offer(infants=1)
    unborn = ADA | {"born_on": (soon() - timedelta(days=5)).isoformat()}
    assert await refused(running, offer, travelers=[ADA, unborn]) == {"/travelers/1/born_on": "not_born"}
    young = ADA | {"born_on": (soon() - timedelta(days=365 * 14)).isoformat()}
    assert await refused(running, await running.offer(), travelers=[young]) == {
        "/travelers/0/born_on": "too_young_alone"
    }


async def test_the_profiles_telephone_number_fills_an_empty_contact(running: Running):
    await running.register()
    booking = await booked(running, await running.offer(), contact={"email": "ada@example.com"})
    assert booking["contact"]["phone"] == "+447700900123"


async def test_without_any_telephone_number_nothing_is_booked(running: Running):
    await running.register()
    await running.good("PUT", "/api/user/profile", {"phone": None})
    found = await refused(running, await running.offer(), contact={"email": "ada@example.com"})
    assert found == {"/contact/phone": "required"}


async def test_names_are_kept_in_one_form_and_numbers_as_e164(running: Running):
    await running.register()
    person = ADA | {
        "given_name": "  A\u0301nh\u00a0 Thu ",
        "family_name": "O\u2019Brien",
        "phone": "+44 (0)7700 900123",
    }
    booking = await booked(running, await running.offer(), travelers=[person])
    [traveler] = booking["travelers"]
    assert (traveler["given_name"], traveler["family_name"]) == ("Ánh Thu", "O'Brien")
    assert traveler["phone"] == "+447700900123"


async def test_a_mononym_is_booked_and_ticketed(running: Running):
    await running.register()
    person = {name: value for name, value in ADA.items() if name != "given_name"} | {"family_name": "Suharto"}
    booking = await booked(running, await running.offer(), travelers=[person])
    await running.pay(booking)
    assert (await running.settled(booking))["status"] == "confirmed"
    assert booking["travelers"][0]["given_name"] == ""


async def test_a_needed_document_is_asked_for_before_the_hold_and_reaches_the_supplier(running: Running):
    await running.register()
    await running.control("POST", "kiwi/next", {"document_need": 2, "times": 2})
    offer = await running.offer()
    assert await refused(running, offer) == {"/travelers/0/document": "required"}
    person = ADA | {"document": {"number": "d 2584 5822", "expires_on": (soon() + timedelta(days=900)).isoformat()}}
    booking = await booked(running, offer, travelers=[person])
    await running.pay(booking)
    assert (await running.settled(booking))["status"] == "confirmed"


async def test_an_offer_that_is_sold_out_meanwhile_is_not_booked(running: Running):
    await running.register()
    offer = await running.offer()
    await running.control("POST", "kiwi/next", {"flights_invalid": True})
    body = {"offer_id": offer["id"], "travelers": [ADA], "contact": CONTACT}
    status, problem = await running.call("POST", "/api/bookings", body)
    assert (status, problem["code"]) == (410, "sold_out")


async def test_requirements_that_were_checked_are_not_asked_for_again(running: Running):
    await running.register()
    offer = await running.offer()
    await running.good("GET", f"/api/flights/offers/{offer['id']}")
    before = len([one for one in await running.control("GET", "calls") if one["path"].endswith("check_flights")])
    await booked(running, offer)
    after = len([one for one in await running.control("GET", "calls") if one["path"].endswith("check_flights")])
    assert after == before > 0


async def test_what_the_supplier_comes_to_require_after_the_booking_ends_it_with_the_money_back(running: Running):
    await running.register()
    booking = await booked(running, await running.offer())
    await running.control("POST", "kiwi/next", {"document_need": 2})
    await running.pay(booking)
    done = await running.settled(booking)
    assert (done["failure"], done["payment_status"]) == ("requirements_not_met", "released")
    assert "the passport or identity card of Ada Lovelace" in done["failure_message"]
    assert await running.orders() == []


async def test_the_suppliers_own_reason_is_kept_for_staff_and_told_in_words(running: Running):
    """A rule that the hub does not know: the vendor's field list is all that tells what it was."""
    await running.register()
    booking = await booked(running, await running.offer())
    refusal = {"param": "passengers.0.phone", "errors": ["+447700900123 is a number of a film"]}
    await running.control("POST", "kiwi/next", {"refusal": [refusal]})
    await running.pay(booking)
    done = await running.settled(booking)
    assert (done["status"], done["failure"]) == ("failed", "order_refused")
    assert done["failure_message"].endswith("It did not accept the telephone number of Ada Lovelace.")
    async with running.db.transaction() as tx:
        kept = await tx.fetchval("select refusal from bookings")
        matter = await tx.fetchval("select detail from attention where kind = 'order_refused'")
    expected = {
        "param": "passengers.0.phone",
        "message": refusal["errors"][0],
        "pointer": "/travelers/0/phone",
    }
    assert kept == matter["reasons"] == [expected]
    await sign_in(running, Role.STAFF)
    assert (await running.good("GET", f"/api/v1/bookings/{booking['id']}"))["refusal"] == [expected]
    [letter] = await until(lambda: running.mails("could not be completed"))
    assert "the telephone number of Ada Lovelace" in letter["text"]
    assert "a number of a film" not in letter["text"] + letter["html"] + str(done)


async def test_the_words_of_a_refusal_are_neither_logged_nor_audited_nor_recorded(running: Running, caplog):
    await running.register()
    booking = await booked(running, await running.offer())
    secret = uuid4().hex
    refusal = {"param": "passengers.0.cardno", "errors": [f"{secret} is not a passport"]}
    await running.control("POST", "kiwi/next", {"refusal": [refusal]})
    await running.pay(booking)
    await running.settled(booking)
    async with running.db.transaction() as tx:
        for table in ("provider_calls", "audit_logs", "messages", "webhook_events", "pgqueuer", "pgqueuer_log"):
            rows = await tx.fetch(f"select t::text as row from {table} t")
            assert not [row for row in rows if secret in row["row"]], table
    assert secret not in caplog.text
    story = await running.good("GET", f"/api/bookings/{booking['id']}/story")
    assert secret not in str(story)


async def test_promised_bags_are_ordered_and_every_ticket_has_its_reference(running: Running):
    await running.register()
    found = await running.good("POST", "/api/flights/search", SEARCH)
    offer = next(one for one in found["offers"] if one["bags_included"] and one["separate_tickets"])
    booking = await booked(running, offer)
    await running.pay(booking)
    await running.settled(booking)

    async def ticketed() -> dict[str, Any] | None:
        now = await running.booking(booking)
        return now if now["airline_references"] else None

    done = await until(ticketed)
    [order] = await running.orders()
    assert (order["hold_bags"], order["hand_bags"]) == ([1], [1])
    assert done["baggage"] == [{"hold": 1, "hand": 1, "hold_kg": 23, "hand_kg": 8}]
    assert [one["reference"] for one in done["airline_references"]] == order["pnrs"]
    assert len(order["pnrs"]) == offer["tickets"] > 1
    await sign_in(running, Role.STAFF)
    listed = await running.good("GET", f"/api/v1/bookings?q={order['pnrs'][-1].lower()}")
    assert [one["id"] for one in listed["items"]] == [booking["id"]]
    flights = [f"{one['carrier']}{one['flight_number']}" for part in offer["slices"] for one in part["segments"]]
    assert [flight for one in done["airline_references"] for flight in one["flights"]] == flights


@pytest.mark.parametrize("name", ["<b>Ada</b>", "Ada\nLovelace", "Ada 2", "Ada 😀", "A\u200bda", " "])
async def test_registration_and_profile_accept_only_the_names_of_people(running: Running, name: str):
    person = {"email": "eve@example.com", "password": "correct horse battery", "name": name}
    status, problem = await running.call("POST", "/api/auth/register", person)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/name")
    await running.register()
    status, problem = await running.call("PUT", "/api/user/profile", {"name": name})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/name")
    changed = await running.good("PUT", "/api/user/profile", {"name": "  A\u0301nh\u00a0 O\u2019Brien "})
    assert changed["name"] == "Ánh O'Brien"


async def test_a_changed_contact_has_to_be_one_that_the_supplier_accepts(running: Running):
    await running.register()
    booking = await booked(running, await running.offer())
    path = f"/api/bookings/{booking['id']}"
    status, problem = await running.call("PATCH", path, {"contact": {"phone": "+683 4000"}})
    assert (status, problem["code"]) == (422, "requirements_not_met")
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [("/contact/phone", "phone_length")]
    assert (await running.booking(booking))["contact"]["phone"] == CONTACT["phone"]
    async with running.db.transaction() as tx:
        await tx.execute("update supplier_orders set requirements = jsonb_set(requirements, '{contact}', $1)",
                         {"phone_required": True, "phone_min_digits": 7, "phone_max_digits": 15})  # fmt: skip
    changed = await running.good("PATCH", path, {"contact": {"phone": "+683 4000"}})
    assert changed["contact"]["phone"] == "+6834000"
