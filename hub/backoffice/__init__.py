"""What the operator's people see of travelers and bookings, and do for them. Who may is decided at the gate."""

from hub.backoffice.bookings import BookingCase, BookingFilter, BookingRecords, ListedBooking
from hub.backoffice.customers import Act, Backoffice, Dossier, Listed, Spend, Wanted

__all__ = [
    "Act",
    "Backoffice",
    "BookingCase",
    "BookingFilter",
    "BookingRecords",
    "Dossier",
    "Listed",
    "ListedBooking",
    "Spend",
    "Wanted",
]
