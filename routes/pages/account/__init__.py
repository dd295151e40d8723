"""Pages of a traveler's account."""
