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

from hub.bookings.declines import Decline
from hub.bookings.desk import Bookings
from hub.bookings.fulfilment import Fulfilment
from hub.bookings.itinerary import Itineraries, Itinerary
from hub.bookings.links import BookingLinks
from hub.bookings.model import Booking, BookingStatus, Contact, NewBooking, PaymentStatus
from hub.bookings.refusal import describe_failure
from hub.bookings.tickets import Tickets
from hub.bookings.travel_documents import TravelDocuments
from hub.bookings.work import (
    BookingChanged,
    BookingConfirmed,
    BookingEnded,
    CapturePayment,
    FulfilBooking,
    PriceRisen,
    ReferencesIssued,
    ReleasePayment,
)

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
