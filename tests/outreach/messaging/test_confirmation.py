"""The confirmation of a booking with several tickets, as people read it."""

from dataclasses import replace

import pytest

from hub.outreach.messaging import MessageTemplates
from tests.sales.bookings.test_calendar import ITINERARIES, booking

LINK = "https://hub.test/booking/x"


@pytest.mark.parametrize("face", ["html", "text", "sms"])
def test_it_names_each_reference_the_bags_and_the_day_of_arrival(face: str):
    facts = {"booking": booking(), "itinerary": ITINERARIES.build_itinerary(booking()), "booking_link": LINK}
    mail = MessageTemplates().render_email("booking_confirmation", facts)
    words = {
        "html": mail.html,
        "text": mail.text,
        "sms": MessageTemplates().render_text("booking_confirmation", facts),
    }[face]
    for part in ("XYZ987", "QQ1122", "British Airways BA 5", "Tokyo (NRT)", "1 checked bag (20 kg)", LINK):
        assert part in words
    assert "XYZ987, QQ1122" in words, "together, for the check-in"
    per_flight = {"html": "airline reference <strong>QQ1122", "text": "airline reference QQ1122", "sms": ""}[face]
    assert per_flight in words
    assert ("on Tue 4 May 2027" if face == "sms" else "(+1)") in words


def test_the_number_of_an_order_is_not_called_the_airlines_reference():
    untold = replace(booking(), airline_references=(), supplier_reference="609426305")
    facts = {"booking": untold, "itinerary": ITINERARIES.build_itinerary(untold), "booking_link": LINK}
    mail = MessageTemplates().render_email("booking_confirmation", facts)
    assert "609426305" not in mail.text
    assert "reference follows" in mail.text
