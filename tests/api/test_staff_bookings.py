"""Staff read bookings with their payments and timeline; managers list and add staff."""

from datetime import datetime
from typing import Any

import pytest

from hub.people.identity import Role
from tests.support.running import Running

PASSWORD = "correct horse battery"
STAFF = "/api/v1/staff"


async def sign_in(running: Running, role: Role) -> None:
    """Whoever calls from here on has this role."""
    email = f"{role}@example.com"
    await running.made.identity.staff.members.add_member(email, role.title(), {role}, PASSWORD)
    signed = await running.good("POST", "/api/v1/auth/login", {"email": email, "password": PASSWORD})
    running.token = signed["token"]


@pytest.fixture
async def bookings(running: Running) -> list[dict[str, Any]]:
    """A confirmed one, then an unpaid one of another traveler; whoever calls from here on is of the staff."""
    await running.register("first@example.com")
    paid = await running.book()
    await running.pay(paid)
    paid = await running.settled(paid)
    await running.register("second@example.com")
    unpaid = await running.book(await running.offer(currency="GBP"))
    await sign_in(running, Role.STAFF)
    return [paid, unpaid]


async def found(running: Running, query: str = "") -> list[str]:
    page = await running.good("GET", f"/api/v1/bookings{query}")
    assert page["total"] == len(page["items"])
    return [one["reference"] for one in page["items"]]


async def test_bookings_of_all_travelers_are_listed_and_filtered(running: Running, bookings: list[dict[str, Any]]):
    paid, unpaid = bookings
    both = [unpaid["reference"], paid["reference"]]
    assert await found(running) == both
    assert await found(running, "?status=confirmed&payment_status=paid") == both[1:]
    assert await found(running, f"?q={paid['reference'].lower()}") == both[1:]
    assert await found(running, f"?q={paid['supplier_reference']}") == both[1:]
    [order] = await running.orders()
    assert await found(running, f"?q={order['id']}") == both[1:], "by its number, also once it has a ticket"
    assert await found(running, "?q=ada%20lovel") == both
    assert await found(running, "?q=100%25") == []
    assert await found(running, "?supplier=kiwi&needs_review=false") == both
    assert await found(running, f"?since={unpaid['created_at'].replace('+', '%2B')}") == both[:1]
    assert await found(running, f"?until={unpaid['created_at'].replace('+', '%2B')}") == both[1:]
    customer = (await running.good("GET", f"/api/v1/bookings/{paid['id']}"))["customer_id"]
    assert await found(running, f"?customer_id={customer}") == both[1:]


async def test_the_list_is_paged(running: Running, bookings: list[dict[str, Any]]):
    page = await running.good("GET", "/api/v1/bookings?page=2&page_size=1")
    assert (page["total"], [one["id"] for one in page["items"]]) == (2, [bookings[0]["id"]])
    beyond = await running.good("GET", "/api/v1/bookings?page=9&page_size=1")
    assert (beyond["total"], beyond["items"]) == (2, [])


async def test_a_line_says_what_it_is_about(running: Running, bookings: list[dict[str, Any]]):
    line = (await running.good("GET", "/api/v1/bookings"))["items"][0]
    assert (line["origin"], line["destination"], line["travelers"]) == ("LHR", "BCN", 1)
    assert (line["total"], line["contact_email"]) == (bookings[1]["total"], "ada@example.com")
    departs_at = bookings[1]["itinerary"]["slices"][0]["departs_at"]
    assert datetime.fromisoformat(line["departs_at"]) == datetime.fromisoformat(departs_at)


async def test_one_booking_shows_its_payments_and_its_timeline(running: Running, bookings: list[dict[str, Any]]):
    case = await running.good("GET", f"/api/v1/bookings/{bookings[0]['id']}")
    (payment,) = case["payments"]
    assert (payment["status"], payment["provider"], payment["captured"]) == ("paid", "stripe", case["total"])
    titles = [one["title"] for one in case["timeline"]]
    assert titles.index("booking.created") < titles.index("payment.authorised") < titles.index("booking.confirmed")
    assert (case["refunds"], case["reviews"]) == ([], [])
    assert "document_number" not in str(case)


async def test_reading_a_booking_is_recorded_and_not_shown_to_the_traveler(
    running: Running, bookings: list[dict[str, Any]]
):
    await running.good("GET", f"/api/v1/bookings/{bookings[0]['id']}")
    await sign_in(running, Role.MANAGER)
    acts = await running.good("GET", f"/api/v1/audit?action=booking.viewed&booking_id={bookings[0]['id']}")
    assert [act["actor"].partition(":")[0] for act in acts["items"]] == ["staff"]
    signed = await running.good(
        "POST", "/api/auth/login", {"email": "first@example.com", "password": "correct horse battery"}
    )
    running.token = signed["token"]
    story = await running.good("GET", f"/api/bookings/{bookings[0]['id']}/story")
    assert "booking.viewed" not in [one["title"] for one in story["chapters"]]


async def test_travelers_reach_neither_and_unknown_bookings_are_not_found(running: Running):
    await running.register()
    booking = await running.book()
    assert (await running.call("GET", "/api/v1/bookings"))[0] == 403
    assert (await running.call("GET", f"/api/v1/bookings/{booking['id']}"))[0] == 403
    await sign_in(running, Role.STAFF)
    assert (await running.call("GET", "/api/v1/bookings/0193a1b2-0000-7000-8000-000000000000"))[0] == 404
    status, problem = await running.call("GET", "/api/v1/bookings?since=2026-01-01T00:00:00")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/query/since")


def member(name: str, *roles: str) -> dict[str, Any]:
    return {"email": f"{name}@example.com", "name": name.title(), "roles": roles, "password": "a long walk by the sea"}


async def test_a_manager_lists_and_adds_staff_but_gives_no_rights_beyond_their_own(running: Running):
    await sign_in(running, Role.MANAGER)
    assert (await running.good("POST", STAFF, member("stella", "staff")))["roles"] == ["staff"]
    assert [one["name"] for one in (await running.good("GET", STAFF))["items"]] == ["Manager", "Stella"]
    for roles in (("admin",), ("accountant",), ("staff", "admin")):
        status, problem = await running.call("POST", STAFF, member("eve", *roles))
        assert (status, problem["code"], problem["errors"][0]["pointer"]) == (403, "role_not_yours_to_give", "/roles")
    me = (await running.good("GET", "/api/v1/me"))["id"]
    assert (await running.call("PUT", f"{STAFF}/{me}", {"roles": ["admin"]}))[0] == 403


async def test_an_admin_gives_every_role_and_staff_give_none(running: Running):
    await sign_in(running, Role.ADMIN)
    assert (await running.good("POST", STAFF, member("ann", "accountant", "admin")))["roles"] == ["accountant", "admin"]
    await sign_in(running, Role.STAFF)
    assert (await running.call("POST", STAFF, member("eve", "staff")))[0] == 403
    assert (await running.call("GET", STAFF))[0] == 403
