"""Why a booking has failed, in words for its traveler. Pure."""

from hub.core.errors import ProviderReason
from hub.sales.bookings.model import Booking

_WORDS = {
    "price_changed": "The airline has raised the price since you chose these flights; you pay no more than agreed.",
    "price_unknown": "The airline could not say what these flights cost now.",
    "sold_out": "The last seats were sold before the airline accepted your booking.",
    "offer_gone": "The airline withdrew the offer before your booking reached it.",
    "bags_gone": "The airline no longer sells these flights with the bags that were promised.",
    "order_lost": "The airline did not confirm that it received your booking.",
    "supplier_unavailable": "The airline could not be reached in time.",
    "supplier_cancelled": "The airline has canceled the flights.",
    "requirements_not_met": "The airline needs other details of the travelers than those of your booking.",
    "documents_unreadable": "The details of a passport or identity card could not be read any more.",
}
_REFUSED = "The airline did not accept the booking."
_FIELDS = {
    "given_name": "the given name",
    "family_name": "the family name",
    "title": "the title",
    "born_on": "the date of birth",
    "nationality": "the nationality",
    "email": "the e-mail address",
    "phone": "the telephone number",
    "document": "the passport or identity card",
    "document/number": "the number of the passport or identity card",
    "document/expires_on": "the expiry date of the passport or identity card",
}


def describe_failure(booking: Booking) -> str | None:
    """What went wrong, and which details the airline did not accept; None when nothing has.

    Nothing of the supplier's own words is repeated: they are for staff.
    """
    if booking.failure is None:
        return None
    details = list(dict.fromkeys(filter(None, (_detail(booking, reason) for reason in booking.refusal))))
    sentence = _WORDS.get(booking.failure, _REFUSED)
    return f"{sentence} It did not accept {_listed(details)}." if details else sentence


def _detail(booking: Booking, reason: ProviderReason) -> str | None:
    """The telephone number of Ada Lovelace"""
    parts = (reason.pointer or "").split("/", 3)
    if parts[:2] == ["", "contact"]:
        return _FIELDS.get(parts[2]) if len(parts) > 2 else None  # noqa: PLR2004
    if parts[:2] != ["", "travelers"] or len(parts) < 3 or not parts[2].isdigit():  # noqa: PLR2004
        return None
    place, field = int(parts[2]), _FIELDS.get(parts[3] if len(parts) > 3 else "", "the details")  # noqa: PLR2004
    return f"{field} of {booking.travelers[place].full_name}" if place < len(booking.travelers) else field


def _listed(details: list[str]) -> str:
    return details[0] if len(details) == 1 else f"{', '.join(details[:-1])} and {details[-1]}"
