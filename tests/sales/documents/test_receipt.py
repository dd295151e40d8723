"""The receipt of a journey: what a traveler wants to have on paper."""

from typing import Any

import pytest

from hub.sales.documents.view_models import build_receipt_view
from tests.sales.bookings.test_calendar import MADE, booking
from tests.sales.documents.shop import JOURNEY, SELLER

LINK = "https://hub.test/booking/x"
PAYMENT: dict[str, Any] = {
    "id": "7", "currency": "EUR", "captured": 90000, "refunded": 0, "paid_at": MADE, "intent_id": "pi_1",
}  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [
        "XYZ987, QQ1122", "British Airways BA 5", "American Airlines AA 26", "Tokyo (NRT)", "London (LHR)",
        "18:20 (+1)",
        "Ada Lovelace: 1 checked bag (20 kg), 1 cabin bag (8 kg)", LINK,
    ],
)  # fmt: skip
def test_it_names_references_airlines_cities_the_day_of_arrival_bags_and_the_booking(part: str):
    payments: list[Any] = [PAYMENT]
    assert part in str(build_receipt_view(SELLER, booking(), payments, JOURNEY, sandbox=False, link=LINK))
