"""What a traveler takes along: the confirmation by mail and SMS, the page behind its link, receipt and calendar."""

import io
import re

from pypdf import PdfReader

from tests.support.running import Running, until


async def confirmed(running: Running) -> dict:
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    return await running.booking(booking)


async def page_of(running: Running) -> str:
    (mail,) = await until(lambda: running.mails("is confirmed"))
    return re.search(r"http\S+/booking/[\w-]+", mail["text"])[0]


async def test_the_confirmation_names_airline_cities_reference_bags_and_the_booking(running: Running):
    booking = await confirmed(running)
    link = await page_of(running)
    (mail,) = await running.mails("is confirmed")
    assert "irline reference" in mail["text"] or "airline's reference follows" in mail["text"]
    (text,) = await until(lambda: running.control("GET", "messages"))
    for words in (mail["text"], mail["html"], text["body"]):
        assert "London (" in words
        assert "Barcelona (BCN)" in words
        assert "bag" in words
        assert "/booking/" in words
    segment = booking["itinerary"]["slices"][0]["segments"][0]
    assert f"{segment['carrier']} {segment['flight_number']}" in mail["text"]
    (attached,) = mail["attachments"]
    assert attached["content_type"] == "text/calendar; method=PUBLISH"
    async with running.session.get(link) as answer:
        assert answer.status == 200


async def test_the_page_shows_the_booking_to_who_has_the_link_and_to_nobody_else(running: Running):
    booking = await confirmed(running)
    link = await page_of(running)

    async def ticketed() -> str | None:
        now = await running.booking(booking)
        return now["airline_references"][0]["reference"] if now["airline_references"] else None

    reference = await until(ticketed, 30)
    async with running.session.get(link) as answer:
        page = await answer.text()
        assert "no-store" in answer.headers["Cache-Control"]
    assert booking["reference"] in page
    assert reference in page
    assert "Confirmed" in page
    async with running.session.get(f"{link}/calendar.ics") as answer:
        assert "BEGIN:VTIMEZONE" in await answer.text()
    for wrong in (f"{link[:-2]}xx", f"{running.url}/booking/{booking['id']}", f"{running.url}/booking/ä"):
        async with running.session.get(wrong) as answer:
            assert answer.status == 404
            assert "no such booking" in await answer.text()


async def test_the_receipt_has_them_too(running: Running):
    booking = await confirmed(running)
    url = f"{running.url}/api/bookings/{booking['id']}/receipt.pdf"
    async with running.session.get(url, headers={"Authorization": f"Bearer {running.token}"}) as answer:
        text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(await answer.read())).pages)
    assert "Barcelona (BCN)" in text
    assert "/booking/" in text.replace("\n", "")


async def test_a_canceled_booking_takes_its_flights_out_of_the_calendar(running: Running):
    booking = await confirmed(running)
    await running.good("DELETE", f"/api/bookings/{booking['id']}")
    (mail,) = await until(lambda: running.mails("cancelled"))
    (attached,) = mail["attachments"]
    assert attached["content_type"] == "text/calendar; method=CANCEL"
