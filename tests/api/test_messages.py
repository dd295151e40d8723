"""Messages: suppressed where they bounced, late reports ordered, texts and mails as people read them."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from hub.outreach.messaging import MessageTemplates
from hub.outreach.messaging.model import STATUS_RANK
from hub.people.identity.permissions import Role
from tests.support.running import ADA, Running, until


async def confirmed_for(running: Running, email: str) -> dict[str, Any]:
    offer = await running.offer()
    contact = {"email": email, "phone": "+447700900123"}
    body = {"offer_id": offer["id"], "travelers": [ADA], "contact": contact, "allow_duplicate": True}
    booking = await running.good("POST", "/api/bookings", body)
    await running.pay(booking)
    return await running.settled(booking)


async def states(running: Running, channel: str = "email") -> list[str]:
    async with running.db.transaction() as tx:
        rows = await tx.fetch(
            "select status from messages where channel = $1 and booking_id is not null order by created_at, fact",
            channel,
        )
    return [row["status"] for row in rows]


async def test_an_address_that_has_bounced_gets_nothing_more(running: Running):
    await running.register()
    await confirmed_for(running, "bounced@example.com")

    async def bounced() -> bool:
        return set(await states(running)) == {"bounced"}

    await until(bounced)
    sent = len(await running.mails())
    await confirmed_for(running, "Bounced@example.com")

    async def suppressed() -> bool:
        return (await states(running)).count("suppressed") == 2

    await until(suppressed)
    assert len(await running.mails()) == sent


async def test_a_complaint_after_the_delivery_is_the_later_truth(running: Running):
    await running.register()
    await confirmed_for(running, "complained@example.com")

    async def complained() -> bool:
        return set(await states(running)) == {"complained"}

    await until(complained)


async def test_reports_in_the_wrong_order_are_all_kept_and_the_last_word_wins(running: Running):
    await running.control("POST", "callbacks/hold", {"provider": "twilio"})
    await running.register()
    await confirmed_for(running, "ada@example.com")

    async def sent() -> bool:
        return await states(running, "sms") == ["sent"]

    await until(sent)
    await running.control("POST", "callbacks/release", {"provider": "twilio", "backwards": True})

    async def delivered() -> bool:
        async with running.db.transaction() as tx:
            reports = await tx.fetchval("select count(*) from message_reports r join messages m on m.id = r.message_id "
                                        "where m.channel = 'sms'")  # fmt: skip
        return reports == 2 and await states(running, "sms") == ["delivered"]

    await until(delivered)
    assert STATUS_RANK["delivered"] > STATUS_RANK["sent"]


async def test_a_number_that_cannot_be_reached_is_a_failure_and_not_a_retry(running: Running):
    await running.register()
    offer = await running.offer()
    contact = {"email": "ada@example.com", "phone": "+15005550009"}
    booking = await running.good(
        "POST", "/api/bookings", {"offer_id": offer["id"], "travelers": [ADA], "contact": contact}
    )
    await running.pay(booking)
    assert (await running.settled(booking))["status"] == "confirmed"

    async def failed() -> bool:
        return await states(running, "sms") == ["failed"]

    await until(failed)
    calls = await running.control("GET", "calls?provider=twilio")
    assert len(calls) == 1


async def test_the_confirmation_says_what_a_traveller_needs(running: Running):
    await running.register()
    booking = await confirmed_for(running, "ada@example.com")
    (mail,) = await until(lambda: running.mails("is confirmed"))
    first = booking["itinerary"]["slices"][0]["segments"][0]
    for text in (mail["html"], mail["text"]):
        assert booking["reference"] in text
        assert first["flight_number"] in text
        assert first["departs_at"][11:16] in text
        assert booking["total"]["display"] in text
        assert "Ada" in text
    assert mail["attachments"][0]["filename"] == f"{booking['reference']}.ics"


def test_markup_in_what_people_type_is_only_text():
    booking = SimpleNamespace(reference="<b>X</b>", sandbox=True, itinerary={"slices": []}, travelers=[])
    rendered = MessageTemplates().render_email(
        "booking_expired", {"booking": booking, "itinerary": SimpleNamespace(directions=[])}
    )
    assert "<b>X" not in rendered.html
    assert "&lt;b&gt;X" in rendered.html


async def test_a_full_mailbox_is_no_reason_to_write_no_more(running: Running):
    await running.register()
    await confirmed_for(running, "mailbox-full@example.com")

    async def bounced() -> bool:
        return set(await states(running)) == {"bounced"}

    await until(bounced)
    assert not await suppressed(running, "mailbox-full@example.com")


async def test_somebody_who_complained_can_still_reset_their_password(running: Running):
    email = await running.register("complained@example.com")
    await until(lambda: suppressed(running, email))
    await running.good("POST", "/api/auth/forgot-password", {"email": email})
    assert await running.link(email, "reset")


async def test_staff_see_why_nothing_arrives_and_lift_it(running: Running):
    await running.register()
    offer = await running.offer()
    contact = {"email": "ada@example.com", "phone": "+15005550004"}
    booking = await running.good(
        "POST", "/api/bookings", {"offer_id": offer["id"], "travelers": [ADA], "contact": contact}
    )
    await running.pay(booking)
    await until(lambda: suppressed(running, "+15005550004"))
    manager = await signed_in(running, Role.MANAGER)
    (entry,) = (await manager.good("GET", "/api/v1/suppressions?channel=sms&q=5550004"))["items"]
    assert (entry["cause"], entry["detail"]) == ("opt_out", "21610")
    status, problem = await manager.call("DELETE", f"/api/v1/suppressions/{entry['id']}")
    assert (status, problem["code"]) == (409, "opted_out")
    assert (await manager.call("DELETE", f"/api/v1/suppressions/{entry['id']}?consent=true"))[0] == 204
    assert not await suppressed(running, "+15005550004")


async def test_staff_without_the_right_see_the_list_and_do_not_lift(running: Running):
    member = await signed_in(running, Role.STAFF)
    assert (await member.call("GET", "/api/v1/suppressions"))[0] == 200
    assert (await member.call("DELETE", f"/api/v1/suppressions/{uuid4()}"))[0] == 403


async def test_an_address_is_taken_as_the_mail_provider_takes_it(running: Running):
    status, problem = await running.call("POST", "/api/auth/forgot-password", {"email": "jürgen@example.com"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/email")
    done = await running.call("POST", "/api/auth/register", {
        "email": "Ada@München.de", "password": "correct horse battery", "name": "Ada", "phone": "+447700900123",
    })  # fmt: skip
    assert done[0] == 201
    assert await running.link("ada@xn--mnchen-3ya.de", "verify")


async def suppressed(running: Running, address: str) -> bool:
    async with running.db.transaction() as tx:
        return bool(await tx.fetchval("select count(*) from suppressions where address = $1", address))


async def signed_in(running: Running, role: Role) -> Running:
    email, password = f"{role}@agency.example", "correct horse battery"
    await running.made.identity.staff.members.add_member(email, "Mona", (role,), password)
    body = {"email": email, "password": password}
    token = (await replace(running, token="").good("POST", "/api/v1/auth/login", body))["token"]
    return replace(running, token=token)
