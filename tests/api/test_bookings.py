import asyncio
from uuid import UUID, uuid4

import pytest

from tests.support.running import ADA, Running, soon, until


async def test_the_same_request_twice_is_one_booking(running: Running):
    await running.register()
    offer = await running.offer()
    first = await running.book(offer, **{"Idempotency-Key": "k-1"})
    second = await running.book(offer, **{"Idempotency-Key": "k-1"})
    assert first["id"] == second["id"]
    assert running.headers["Idempotency-Replayed"] == "true"
    assert (await running.good("GET", "/api/bookings"))["total"] == 1


async def test_two_taps_at_once_are_one_booking(running: Running):
    await running.register()
    offer = await running.offer()
    body = {"offer_id": offer["id"], "travelers": [ADA], "contact": {"email": "ada@example.com"}}
    answers = await asyncio.gather(
        *(running.call("POST", "/api/bookings", body, **{"Idempotency-Key": "tap"}) for _ in range(5))
    )
    assert {status for status, _ in answers} <= {201, 409}
    assert (await running.good("GET", "/api/bookings"))["total"] == 1


async def test_the_same_key_for_something_else_is_refused(running: Running):
    await running.register()
    offer = await running.offer()
    await running.book(offer, **{"Idempotency-Key": "k-2"})
    body = {"offer_id": offer["id"], "travelers": [ADA | {"given_name": "Eve"}], "contact": {"email": "e@example.com"}}
    status, _ = await running.call("POST", "/api/bookings", body, **{"Idempotency-Key": "k-2"})
    assert status == 422


async def test_nobody_reaches_what_belongs_to_somebody_else(running: Running):
    await running.register()
    booking = await running.book()
    await running.register()
    for method, path in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/story"), ("GET", "/calendar.ics"),
    ):  # fmt: skip
        status, _ = await running.call(
            method, f"/api/bookings/{booking['id']}{path}", {} if method == "PATCH" else None
        )
        assert status == 404, (method, path)
    assert (await running.call("GET", f"/api/payments/booking/{booking['id']}"))[0] == 404
    intent = await running.call("POST", "/api/payments/create-payment-intent", {"booking_id": booking["id"]})
    assert intent[0] == 404
    assert (await running.good("GET", "/api/bookings"))["items"] == []


async def test_a_forgotten_where_shows_only_ones_own(running: Running):
    await running.register()
    await running.book()
    mine = (await running.good("GET", "/api/auth/me"))["customer_id"]
    await running.register()
    await running.book()
    async with running.db.transaction(UUID(mine)) as tx:
        for table in ("bookings", "customers", "sessions", "audit_logs"):
            owners = {
                row[0]
                for row in await tx.fetch(f"select {'id' if table == 'customers' else 'customer_id'} from {table}")
            }
            assert {str(one) for one in owners} == {mine}, table
        assert await tx.fetchval("select count(*) from booking_travelers") == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"offer_id": ""}, "/offer_id"),
        ({"travelers": []}, "/travelers"),
        ({"travelers": [ADA, ADA]}, "/travelers"),
        ({"travelers": [ADA | {"born_on": "2020-01-01"}]}, "/travelers"),
        ({"travelers": [ADA | {"title": "lord"}]}, "/travelers/0/title"),
        ({"travelers": [ADA | {"nationality": "England"}]}, "/travelers/0/nationality"),
        ({"travelers": [ADA | {"given_name": "A\x00"}]}, "/travelers/0/given_name"),
        ({"contact": {"email": "nowhere"}}, "/contact/email"),
    ],
)
async def test_what_cannot_be_booked_is_said_with_its_field(running: Running, change: dict, pointer: str):
    await running.register()
    offer = await running.offer()
    body = {"offer_id": offer["id"], "travelers": [ADA], "contact": {"email": "ada@example.com"}} | change
    status, problem = await running.call("POST", "/api/bookings", body)
    assert (status, problem["errors"][0]["pointer"]) == (422, pointer)


async def test_an_offer_that_never_was_and_one_that_has_expired(running: Running):
    await running.register()
    offer = await running.offer()
    body = {"travelers": [ADA], "contact": {"email": "ada@example.com"}}
    never = await running.call("POST", "/api/bookings", body | {"offer_id": f"off_{uuid4().hex}_0"})
    assert (never[0], never[1]["code"]) == (404, "offer_not_found")
    async with running.db.transaction() as tx:
        await tx.execute(
            "update flight_searches set offers = jsonb_set(offers, '{0,expires_at}', '\"2020-01-01T00:00:00Z\"')"
        )
    gone = await running.call("POST", "/api/bookings", body | {"offer_id": offer["id"]})
    assert (gone[0], gone[1]["code"]) == (410, "offer_expired")


async def test_the_price_is_the_hubs_and_not_the_clients(running: Running):
    await running.register()
    booking = await running.book()
    total = booking["total"]
    ask = {"booking_id": booking["id"]}
    for wrong in ({"amount": 1}, {"currency": "USD"}, {"amount": total["amount"] + 1, "currency": total["currency"]}):
        status, problem = await running.call("POST", "/api/payments/create-payment-intent", ask | wrong)
        assert (status, problem["code"]) == (409, "amount_mismatch")
    good = await running.good("POST", "/api/payments/create-payment-intent", ask | {"amount": total["amount"]})
    assert (good["amount"], good["currency"]) == (total["amount"], total["currency"])
    assert good["publishable_key"].startswith("pk_test_")


async def test_a_payment_intent_asked_for_twice_is_the_same(running: Running):
    await running.register()
    booking = await running.book()
    first, second = await asyncio.gather(running.intent(booking), running.intent(booking))
    assert first["payment_intent_id"] == second["payment_intent_id"]
    assert first["client_secret"] == second["client_secret"]
    assert len(await running.control("GET", "stripe/intents")) == 1


async def test_an_unpaid_booking_expires_and_cannot_be_paid_any_more(running: Running):
    await running.register()
    booking = await running.book()
    await running.intent(booking)
    async with running.db.transaction() as tx:
        await tx.execute("update bookings set expires_at = expires_at - interval '2 hours'")
    late = await running.call("POST", "/api/payments/create-payment-intent", {"booking_id": booking["id"]})
    assert (late[0], late[1]["code"]) == (410, "booking_expired")
    await running.made.bookings.expire_unpaid_bookings()

    async def released() -> bool:
        now = await running.booking(booking)
        return (now["status"], now["payment_status"]) == ("expired", "released")

    await until(released)


async def test_cancelling_before_payment_costs_nothing(running: Running):
    await running.register()
    booking = await running.book()
    cancelled = await running.good("DELETE", f"/api/bookings/{booking['id']}")
    assert (cancelled["status"], cancelled["payment_status"]) == ("cancelled", "unpaid")
    status, _ = await running.call("POST", "/api/payments/create-payment-intent", {"booking_id": booking["id"]})
    assert status == 409


async def test_contact_and_notes_can_be_changed_until_the_end(running: Running):
    await running.register()
    booking = await running.book()
    path = f"/api/bookings/{booking['id']}"
    changed = await running.good("PATCH", path, {"contact": {"phone": "+49 30 901820"}, "notes": "by the window"})
    assert (changed["contact"]["phone"], changed["notes"]) == ("+4930901820", "by the window")
    await running.good("DELETE", path)
    assert (await running.call("PATCH", path, {"notes": "too late"}))[0] == 409


async def test_bookings_come_in_pages_and_by_status(running: Running):
    await running.register()
    offer = await running.offer()
    made = [await running.book(offer) for _ in range(3)]
    await running.good("DELETE", f"/api/bookings/{made[0]['id']}")
    page = await running.good("GET", "/api/bookings?page=2&page_size=2")
    assert (len(page["items"]), page["total"], page["page"]) == (1, 3, 2)
    pending = await running.good("GET", "/api/bookings?status=pending")
    assert {one["id"] for one in pending["items"]} == {made[1]["id"], made[2]["id"]}
    assert (await running.call("GET", "/api/bookings?page_size=1000"))[0] == 422


async def test_the_flights_go_into_a_calendar(running: Running):
    await running.register()
    booking = await running.book()
    status, text = await running.call("GET", f"/api/bookings/{booking['id']}/calendar.ics")
    assert status == 200
    assert running.headers["Content-Type"].startswith("text/calendar")
    flights = sum(len(one["segments"]) for one in booking["itinerary"]["slices"])
    assert text.count("BEGIN:VEVENT") == flights


async def test_a_family_is_counted_by_its_dates_of_birth(running: Running):
    await running.register()
    offer = await running.offer(adults=2, children=1, infants=1)
    child, infant = ADA | {"born_on": f"{soon().year - 8}-01-01"}, ADA | {"born_on": f"{soon().year - 1}-01-01"}
    body = {"offer_id": offer["id"], "contact": {"email": "ada@example.com"}}
    booking = await running.good("POST", "/api/bookings", body | {"travelers": [ADA, ADA, child, infant]})
    assert len(booking["travelers"]) == 4
    assert (await running.call("POST", "/api/bookings", body | {"travelers": [ADA, ADA, ADA, infant]}))[0] == 422
