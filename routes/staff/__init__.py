"""JSON endpoints of the agency's staff."""
