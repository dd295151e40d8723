"""JSON endpoints of the traveler's app."""
