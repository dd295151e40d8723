"""Bookings: from an offer to a ticket.

    pending ──paid──> ordering ──placed──> ordered ──captured──> confirmed ──> cancelled
     │  ^                │  └─no answer─> order_unknown ─┬─found──> ordered
     │  │                │                               └─absent─> failed
     │  │                └──────refused──────> failed
     │  └──agreed, to be paid anew──┐
     ├─the price has risen─> awaiting_consent ─┬─declined──> cancelled
     │                                         └─no answer─> failed
     ├─> cancelled
     ├─> expired  (not paid in time)
     └─> failed   (sold out)

A status moves only by the query `move`, which names the states it may come from. Whatever ends a booking that has
been paid for asks the payments to give the money back, in the same transaction.
"""

from hub.sales.bookings.declines import Decline
from hub.sales.bookings.failure_text import describe_failure
from hub.sales.bookings.fulfillment import Fulfilment
from hub.sales.bookings.itinerary import Itineraries, Itinerary
from hub.sales.bookings.jobs import (
    BookingChanged,
    BookingConfirmed,
    BookingEnded,
    CapturePayment,
    FulfilBooking,
    PriceRisen,
    ReferencesIssued,
    ReleasePayment,
)
from hub.sales.bookings.model import Booking, BookingStatus, Contact, NewBooking, PaymentStatus
from hub.sales.bookings.service import Bookings
from hub.sales.bookings.shared_links import BookingLinks
from hub.sales.bookings.tickets import Tickets
from hub.sales.bookings.travel_documents import TravelDocuments

__all__ = [
    "Booking",
    "BookingChanged",
    "BookingConfirmed",
    "BookingEnded",
    "BookingLinks",
    "BookingStatus",
    "Bookings",
    "CapturePayment",
    "Contact",
    "Decline",
    "FulfilBooking",
    "Fulfilment",
    "Itineraries",
    "Itinerary",
    "NewBooking",
    "PaymentStatus",
    "PriceRisen",
    "ReferencesIssued",
    "ReleasePayment",
    "Tickets",
    "TravelDocuments",
    "describe_failure",
]
