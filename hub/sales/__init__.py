"""Selling: bookings, payments, documents, reconciliation, the timeline of a booking."""
