"""Webhooks of the providers."""
