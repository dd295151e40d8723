import asyncio
from collections.abc import AsyncIterator

import pytest

from sandbox.state import KiwiRules
from tests.sandbox.kiwi_desk import START, Desk, bags, open_desk, passenger


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
async def slow_desk() -> AsyncIterator[Desk]:
    """Tickets come late enough to look at what is before them."""
    async with open_desk(callback_delay=0.3) as opened:
        yield opened


async def until_told(desk: Desk, count: int) -> list[str]:
    """The statuses of the callbacks, once there are so many."""
    async with asyncio.timeout(2):
        while len(desk.sent) < count:
            desk.arrived.clear()
            await desk.arrived.wait()
    return [one["status"] for one in desk.told()]


async def test_a_saved_booking_has_the_check_fields_and_its_numbers(desk: Desk):
    booking = await desk.booked()
    assert (booking["status"], booking["status_code"], booking["flights_checked"]) == ("success", 200, True)
    assert isinstance(booking["booking_id"], int)
    assert booking["transaction_id"]
    assert booking["auth_token"]
    assert booking["passengers"][0]["bid"] == booking["booking_id"]
    assert not booking["sandbox"]


async def test_paid_bookings_are_received_then_confirmed_with_tickets(slow_desk: Desk):
    desk = slow_desk
    booking = await desk.booked()
    assert await desk.confirm(booking) == {"status": 0}
    assert [one["status"] for one in desk.told()] == ["received"], "tickets are not instant"
    assert await until_told(desk, 2) == ["received", "confirmed"]
    received, confirmed = desk.told()
    assert (received["pnr"], received["e_tickets"]) == (None, [])
    assert len(confirmed["pnr"]) == 6
    assert len(confirmed["e_tickets"]) == 1
    assert {one["booking_id"] for one in desk.told()} == {booking["booking_id"]}
    assert desk.sent[0].url == "http://127.0.0.1:1/webhooks/kiwi/sandbox-kiwi-token"
    assert desk.world.sign_callback(desk.sent[0], START) == {}


async def test_a_second_confirmation_is_refused_and_tickets_nothing(desk: Desk):
    booking = await desk.booked()
    await desk.confirm(booking)
    assert (await desk.confirm(booking))["status"] == 1
    await until_told(desk, 2)
    await asyncio.sleep(0.01)
    (listed,) = await desk.bookings()
    assert (listed["confirmed"], listed["confirms_asked"], len(desk.sent)) == (1, 2, 2)


async def test_the_list_of_bookings_says_what_tests_want_to_know(desk: Desk):
    booking = await desk.booked()
    (listed,) = await desk.bookings()
    assert (listed["id"], listed["status"], listed["confirmed"]) == (booking["booking_id"], "open", 0)
    assert (listed["total"], listed["passengers"], listed["pnr"]) == (booking["total"], 1, None)
    await desk.confirm(booking)
    await until_told(desk, 2)
    (listed,) = await desk.bookings()
    assert (listed["status"], listed["pnr"]) == ("confirmed", desk.told()[1]["pnr"])


async def test_saving_twice_makes_two_bookings(desk: Desk):
    token = (await desk.search())[0]["booking_token"]
    session = (await desk.checked(token))["session_id"]
    ids = {(await desk.save(token, session))["booking_id"] for _ in range(2)}
    assert len(ids) == len(await desk.bookings()) == 2


async def test_a_self_transfer_has_two_references(desk: Desk):
    token = next(one for one in await desk.search() if one.get("virtual_interlining"))["booking_token"]
    await desk.confirm(await desk.save(token, (await desk.checked(token))["session_id"]))
    await until_told(desk, 2)
    assert len(set(desk.told()[1]["pnrs"])) == 2


async def test_a_changed_price_is_the_price_of_the_booking(desk: Desk):
    await desk.next(price_change={"factor": 2})
    booking = await desk.booked()
    assert booking["price_change"]
    assert (await desk.bookings())[0]["total"] == pytest.approx(booking["orig_price"] * 2)


async def test_the_price_can_change_while_saving(desk: Desk):
    await desk.next(save="price_change")
    booking = await desk.booked()
    assert booking["price_change"]
    assert booking["total"] == pytest.approx(booking["orig_price"] * 1.1, abs=0.02)


async def test_flights_can_go_while_saving(desk: Desk):
    await desk.next(save="invalid")
    answer = await desk.booked()
    assert answer["flights_invalid"]
    assert "booking_id" not in answer
    assert await desk.bookings() == []


async def test_a_session_that_is_not_checked_cannot_be_saved(desk: Desk):
    token = (await desk.search())[0]["booking_token"]
    await desk.next(not_ready_polls=2)
    session = (await desk.check(token))["session_id"]
    await desk.save(token, session, status=400)
    await desk.save(token, "unknown", status=422)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Мария"),
        ("surname", "O.Brien"),
        ("surname", "Smith 2"),
        ("surname", None),
        ("surname", "x" * 61),
        ("title", "Dr"),
        ("birthday", "10.12.1985"),
        ("birthday", "2040-01-01"),
        ("nationality", "XX"),
        ("category", "senior"),
        ("category", "child"),
        ("cardno", "no-dashes"),
        ("expiration", "2027-03-01"),
        ("email", "nobody"),
        ("phone", "07700 900123"),
        ("phone", "0044770090012"),
        ("phone", "+1234567"),
        ("cardno", "A" * 21),
        ("birthday", "2027-01-12"),
    ],
)
async def test_every_field_of_a_passenger_is_looked_at(desk: Desk, field, value):
    token = (await desk.search())[0]["booking_token"]
    session = (await desk.checked(token))["session_id"]
    answer = await desk.save(token, session, [passenger(**{field: value})], status=422)
    assert f"passengers.0.{field}" in {entry["param"] for entry in answer["message"]}
    assert await desk.bookings() == []


async def test_a_family_is_counted_by_category(desk: Desk):
    token = (await desk.search(adults=1, children=1, infants=1))[0]["booking_token"]
    session = (await desk.checked(token, children=1, infants=1))["session_id"]
    child = passenger(name="Byron", birthday="2019-05-04", category="child", email="", phone="")
    infant = passenger(name="Anne", birthday="2026-06-01", category="infant", cardno=None, expiration=None)
    await desk.save(token, session, [passenger(), child], status=422)
    await desk.save(token, session, [passenger(), child, child], status=422)
    booking = await desk.save(token, session, [passenger(), child, infant])
    assert booking["pnum"] == len(booking["passengers"]) == 3


async def test_somebody_grown_up_must_be_reachable(desk: Desk):
    token = (await desk.search())[0]["booking_token"]
    session = (await desk.checked(token))["session_id"]
    answer = await desk.save(token, session, [passenger(phone=None)], status=422)
    assert answer["message"][0]["param"] == "passengers"


@pytest.mark.parametrize("body", [[], "x", {"booking_token": 5}, {}])
async def test_bodies_that_are_no_booking_are_refused(desk: Desk, body):
    answer = await desk.client.post("/kiwi/v2/booking/save_booking", json=body, headers=desk.headers)
    assert answer.status in {400, 422}
    answer = await desk.client.post("/kiwi/v2/booking/confirm_payment", data=b"\x00", headers=desk.headers)
    assert answer.status == 400


@pytest.mark.parametrize(
    "baggage",
    [
        5,
        [5],
        [{"combination": {}, "passengers": [1]}],
        [{"passengers": [0]}],
        [],
        [bags("hold_bag", 0, [0])],
        [bags("hold_bag", 0, [1]), bags("hand_bag", 1, [0])],
        [bags("hold_bag", 0, [0, 0]), bags("hand_bag", 1, [0])],
        [bags("hold_bag", 9, [0]), bags("hand_bag", 1, [0])],
        [bags("hold_bag", 0, [0]), bags("hand_bag", 0, [0])],
    ],
)
async def test_every_passenger_has_one_offered_combination_of_each_kind(desk: Desk, baggage):
    token = (await desk.search())[0]["booking_token"]
    session = (await desk.checked(token))["session_id"]
    answer = await desk.save(token, session, baggage=baggage, status=422)
    assert answer["message"][0]["param"].startswith("baggage")
    assert await desk.bookings() == []


async def test_a_hold_bag_must_have_been_asked_for_in_the_check(desk: Desk):
    token = (await desk.search())[0]["booking_token"]
    with_bag = [bags("hold_bag", 1, [0]), bags("hand_bag", 1, [0])]
    session = (await desk.checked(token, bnum=0))["session_id"]
    await desk.save(token, session, baggage=with_bag, status=422)
    session = (await desk.checked(token, bnum=1))["session_id"]
    await desk.save(token, session, baggage=with_bag)
    (booking,) = await desk.bookings()
    assert (booking["hold_bags"], booking["hand_bags"]) == ([1], [1])


async def test_the_strict_rules_can_be_relaxed():
    rules = KiwiRules(contact_email=None, bags_for_everybody=False, latin_names=False, adult_threshold=0)
    young = passenger(name="Аня", email="anna@example.com", birthday="2013-05-04")
    async with open_desk(kiwi_rules=rules) as desk:
        token = (await desk.search())[0]["booking_token"]
        session = (await desk.checked(token))["session_id"]
        await desk.save(token, session, [young], baggage=[])
        assert (await desk.bookings())[0]["hold_bags"] == [0]


async def test_the_oldest_passenger_is_old_enough_to_travel_alone(desk: Desk):
    token = (await desk.search())[0]["booking_token"]
    answer = await desk.checked(token)
    assert answer["adult_threshold"] == 16
    refused = await desk.save(token, answer["session_id"], [passenger(birthday="2011-03-18")], status=422)
    assert refused["message"] == [{"param": "passengers", "errors": ["Nobody is 16 or older."]}]
    await desk.save(token, answer["session_id"], [passenger(birthday="2011-03-17")])


async def test_a_document_can_be_needed_with_the_booking(desk: Desk):
    await desk.next(document_need=2)
    token = (await desk.search())[0]["booking_token"]
    answer = await desk.checked(token)
    assert answer["document_options"]["document_need"] == 2
    without = passenger(cardno=None, expiration=None)
    refused = await desk.save(token, answer["session_id"], [without], status=422)
    assert {one["param"] for one in refused["message"]} == {"passengers.0.cardno", "passengers.0.expiration"}
    await desk.save(token, answer["session_id"], [passenger()])


@pytest.mark.parametrize("nationality", ["PS", "XK", "VA", "PR"])
async def test_nationalities_without_an_airport_or_an_iso_entry_are_nationalities(desk: Desk, nationality: str):
    token = (await desk.search())[0]["booking_token"]
    await desk.save(token, (await desk.checked(token))["session_id"], [passenger(nationality=nationality)])


async def test_the_contact_is_the_deposit_account(desk: Desk):
    token = (await desk.search())[0]["booking_token"]
    session = (await desk.checked(token))["session_id"]
    refused = await desk.save(token, session, [passenger(email="ada@example.com")], status=422)
    assert refused["message"][0]["param"] == "passengers.0.email"


async def test_each_ticket_has_a_reservation_number_of_its_own(desk: Desk):
    token = next(one for one in await desk.search() if one["pnr_count"] > 1)["booking_token"]
    booking = await desk.save(token, (await desk.checked(token))["session_id"])
    await desk.confirm(booking)
    await until_told(desk, 2)
    desk.headers["KW-Auth-Token"] = booking["auth_token"]
    read = await desk.get(f"/manage/bookings/{booking['booking_id']}")
    assert [one["reservation_number"] for one in read["flights"]] == read["pnrs"]


async def test_the_vendors_test_mode_marks_the_transaction(desk: Desk):
    token = (await desk.search())[0]["booking_token"]
    session = (await desk.checked(token))["session_id"]
    booking = await desk.save(token, session, [passenger(name="test", surname="test")])
    assert booking["sandbox"]
    assert booking["transaction_id"] == f"sandbox_{booking['booking_id']}"


async def test_payment_must_come_within_half_an_hour(desk: Desk):
    booking = await desk.booked()
    desk.wait(minutes=31)
    assert await desk.confirm(booking) == {"status": -1, "msg": "confirm payment timeout"}
    assert ((await desk.bookings())[0]["status"], desk.sent) == ("open", [])


async def test_an_unpaid_booking_is_released_after_ninety_minutes(desk: Desk):
    booking = await desk.booked()
    desk.wait(minutes=90)
    assert (await desk.bookings())[0]["status"] == "cancelled"
    assert (await desk.confirm(booking))["status"] == -1


async def test_a_confirmation_can_time_out_or_fail_and_be_repeated(desk: Desk):
    booking = await desk.booked()
    await desk.next(confirm="timeout")
    await desk.next(confirm="fail")
    assert [(await desk.confirm(booking))["status"] for _ in range(3)] == [-1, 1, 0]
    assert (await desk.bookings())[0]["confirmed"] == 1


async def test_a_confirmation_can_time_out_and_yet_be_done(desk: Desk):
    booking = await desk.booked()
    await desk.next(confirm="timeout_but_done")
    assert (await desk.confirm(booking))["status"] == -1
    assert await until_told(desk, 2) == ["received", "confirmed"]


async def test_confirming_what_is_not_there_is_refused(desk: Desk):
    booking = await desk.booked()
    for wrong in ({"transaction_id": "other"}, {"booking_id": 1}, {"booking_id": "²"}):
        assert (await desk.confirm(booking | wrong))["status"] == 1
    assert (await desk.bookings())[0]["confirmed"] == 0


@pytest.mark.parametrize("outcome", ["sold_out", "technical_issue", "security_issue"])
async def test_the_airline_may_not_issue_what_was_paid(desk: Desk, outcome: str):
    await desk.next(ticketing=outcome)
    await desk.confirm(await desk.booked())
    assert await until_told(desk, 2) == ["received", outcome]
    (listed,) = await desk.bookings()
    assert (listed["status"], listed["pnr"]) == (outcome, None)


async def test_tickets_may_never_come(desk: Desk):
    await desk.next(ticketing="never")
    await desk.confirm(await desk.booked())
    await asyncio.sleep(0.01)
    assert [one["status"] for one in desk.told()] == ["received"]


async def test_the_airline_can_act_later(desk: Desk):
    booking = await desk.booked()
    await desk.confirm(booking)
    await until_told(desk, 2)
    path = f"/bookings/{booking['booking_id']}/status"
    assert (await desk.control(path, {"status": "delayed"}))["status"] == "confirmed"
    assert (await desk.control(path, {"status": "cancelled"}))["status"] == "cancelled"
    assert await until_told(desk, 4) == ["received", "confirmed", "delayed", "cancelled"]
    await desk.control(path, {"status": "exploded"}, 422)
    await desk.control("/bookings/1/status", {"status": "refund"}, 404)


async def test_a_reset_forgets_bookings_and_their_tickets(slow_desk: Desk):
    desk = slow_desk
    await desk.confirm(await desk.booked())
    desk.world.reset_state()
    await asyncio.sleep(0.4)
    assert (await desk.bookings(), len(desk.sent)) == ([], 1)


async def test_a_restarted_sandbox_does_not_give_numbers_out_again(desk: Desk):
    first = (await desk.booked())["booking_id"]
    desk.world.reset_state()
    desk.wait(seconds=1)
    assert (await desk.booked())["booking_id"] != first


async def test_a_booking_is_read_with_its_own_token_or_a_grant(desk: Desk):
    booking = await desk.booked()
    path = f"/manage/bookings/{booking['booking_id']}"
    await desk.get(path, 401)
    desk.headers["KW-Auth-Token"] = booking["auth_token"]
    assert (await desk.get(path))["status"] == "open"
    await desk.confirm(booking)
    await until_told(desk, 2)
    desk.headers["KW-Auth-Token"] = (await desk.post("/manage/create_auth_token", {}))["authorization_token"]
    read = await desk.get(path)
    assert (read["status"], read["pnr"], read["total"]) == ("confirmed", desk.told()[1]["pnr"], booking["total"])
    assert [one["category"] for one in await desk.get(f"{path}/passengers")] == ["adult"]


async def test_a_grant_ends_and_unknown_bookings_are_not_found(desk: Desk):
    desk.headers["KW-Auth-Token"] = (await desk.post("/manage/create_auth_token", {}))["authorization_token"]
    await desk.get("/manage/bookings/42", 404)
    desk.wait(minutes=31)
    await desk.get("/manage/bookings/42", 401)
