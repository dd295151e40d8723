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

from hub.sales.bookings.calendar import build_calendar_file, get_calendar_method
from hub.sales.bookings.declines import Decline
from hub.sales.bookings.failure_text import describe_failure
from hub.sales.bookings.fulfillment import Fulfillment
from hub.sales.bookings.itinerary import Flight, Itinerary, ItineraryBuilder
from hub.sales.bookings.jobs import (
    BookingChanged,
    BookingConfirmed,
    BookingEnded,
    CapturePayment,
    FulfillBooking,
    PriceIncreased,
    ReferencesIssued,
    ReleasePayment,
)
from hub.sales.bookings.model import FUNDED_STATUSES, Booking, BookingStatus, Contact, NewBooking, PaymentStatus
from hub.sales.bookings.repository import BookingRepository
from hub.sales.bookings.service import BookingService
from hub.sales.bookings.shared_links import MAX_TOKEN_LENGTH, BookingLinks
from hub.sales.bookings.shared_view import BookingView, BookingViewer
from hub.sales.bookings.tickets import Tickets
from hub.sales.bookings.travel_documents import TravelDocuments

__all__ = [
    "FUNDED_STATUSES",
    "MAX_TOKEN_LENGTH",
    "Booking",
    "BookingChanged",
    "BookingConfirmed",
    "BookingEnded",
    "BookingLinks",
    "BookingRepository",
    "BookingService",
    "BookingStatus",
    "BookingView",
    "BookingViewer",
    "CapturePayment",
    "Contact",
    "Decline",
    "Flight",
    "FulfillBooking",
    "Fulfillment",
    "Itinerary",
    "ItineraryBuilder",
    "NewBooking",
    "PaymentStatus",
    "PriceIncreased",
    "ReferencesIssued",
    "ReleasePayment",
    "Tickets",
    "TravelDocuments",
    "build_calendar_file",
    "describe_failure",
    "get_calendar_method",
]
