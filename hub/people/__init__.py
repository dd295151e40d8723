"""Travelers and staff: identity, customer records, privacy, administration."""
