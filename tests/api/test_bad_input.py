"""Bad input gets a clear 4xx with the field, never a 500."""

from typing import Any

import pytest

from hub.people.identity.permissions import Role
from tests.support.running import ADA, Running, soon

GOOD = {"origin": "LHR", "destination": "BCN", "departure_date": soon().isoformat()}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"origin": "XQX"}, "/origin"),
        ({"origin": "London"}, "/origin"),
        ({"destination": "LHR"}, "/destination"),
        ({"departure_date": "2020-01-01"}, "/departure_date"),
        ({"departure_date": "soon"}, "/departure_date"),
        ({"departure_date": soon(500).isoformat()}, "/departure_date"),
        ({"return_date": soon(1).isoformat()}, "/return_date"),
        ({"adults": 10}, "/adults"),
        ({"adults": 5, "children": 5}, "/adults"),
        ({"adults": 0, "children": 1}, "/adults"),
        ({"infants": 2}, "/infants"),
        ({"adults": "two"}, "/adults"),
        ({"adults": 10**30}, "/adults"),
        ({"cabin": "roof"}, "/cabin"),
        ({"currency": "XXX"}, "/currency"),
        ({"origin": "A\x00B"}, "/origin"),
        ({"origin": ["LHR"]}, "/origin"),
        ({"origin": None}, "/origin"),
    ],
)
async def test_a_search_that_cannot_be_made_names_its_field(running: Running, change: dict[str, Any], pointer: str):
    status, problem = await running.call("POST", "/api/flights/search", GOOD | change)
    assert (status, problem["errors"][0]["pointer"]) == (422, pointer)
    assert running.headers["Content-Type"].startswith("application/problem+json")


async def test_in_a_query_string_the_field_is_named_too(running: Running):
    status, problem = await running.call(
        "GET", "/api/flights/search?origin=LHR&destination=XQX&departure_date=2020-01-01"
    )
    assert status == 422
    assert {one["pointer"] for one in problem["errors"]} == {"/query/destination", "/query/departure_date"}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"not json", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff\xfe{}", "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b"[1, 2]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"origin": "\\ud800"}', "application/json", 422),
        (b"origin=LHR", "application/x-www-form-urlencoded", 415),
        (b'{"a": "' + b"x" * 1_100_000 + b'"}', "application/json", 413),
    ],
)
@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_a_body_that_is_none(running: Running, body: bytes, content_type: str, status: int):
    send = {"Content-Type": content_type}
    async with running.session.post(f"{running.url}/api/flights/search", data=body, headers=send) as answer:
        problem = await answer.json(content_type=None)
    assert (answer.status, problem["status"]) == (status, status)
    assert problem["request_id"]


async def test_camel_case_is_understood(running: Running):
    asked = {"origin": "LHR", "destination": "BCN", "departureDate": soon().isoformat(), "maxStops": 1}
    found = await running.good("POST", "/api/flights/search", asked)
    assert all(one["stops"] <= 1 for one in found["offers"])


@pytest.mark.parametrize("path", ["/nowhere", "/api/bookings/7", "/api/flights/offers/off_x_1", "/webhooks"])
async def test_what_is_not_there_is_a_problem_too(running: Running, path: str):
    await running.register()
    status, problem = await running.call("GET", path)
    assert (status, problem["status"]) in {(404, 404), (405, 405)}


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-30", "9999-12-31"])
async def test_a_date_of_another_age_is_no_fault_of_ours(running: Running, day: str):
    await running.register()
    contact = {"email": "ada@example.com", "phone": "+447700900123"}
    traveler = ADA | {"born_on": day}
    bodies: list[tuple[str, Any]] = [
        ("/api/flights/search", GOOD | {"departure_date": day}),
        ("/api/flights/search", GOOD | {"return_date": day}),
        ("/api/bookings", {"offer_id": "off_1", "travelers": [traveler], "contact": contact}),
        ("/api/plan", {"destination": "Lisbon", "start": day, "end": day}),
    ]
    for path, body in bodies:
        status, problem = await running.call("POST", path, body)
        assert 400 <= status < 500, (path, status, problem)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "2500-01-01T00:00:00Z"])
async def test_a_moment_of_another_age_names_its_field(running: Running, moment: str):
    staff = running.made.identity.staff
    await staff.members.add_member("ann@example.com", "Ann", {Role.ACCOUNTANT}, "a long walk by the sea")
    signed_in = {"email": "ann@example.com", "password": "a long walk by the sea"}
    running.token = (await running.good("POST", "/api/v1/auth/login", signed_in))["token"]
    status, problem = await running.call("GET", f"/api/payments/transactions?since={moment}")
    assert (status, problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (
        422, "/query/since", "date_out_of_range",
    )  # fmt: skip


async def test_a_full_disk_is_a_503(running: Running):
    await running.register()
    offer = await running.offer()
    async with running.db.transaction() as tx:
        await tx.execute(
            "create function full_disk() returns trigger language plpgsql as 'begin raise disk_full; end';"
            "create trigger full_disk before insert on bookings for each row execute function full_disk()"
        )
    contact = {"email": "ada@example.com", "phone": "+447700900123"}
    status, problem = await running.call(
        "POST", "/api/bookings", {"offer_id": offer["id"], "travelers": [ADA], "contact": contact}
    )
    assert (status, problem["code"], running.headers["Retry-After"]) == (503, "disk_full", "30")
