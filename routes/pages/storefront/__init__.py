"""Pages of bookings and plans that are reached by a link."""
