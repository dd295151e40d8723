"""Drafting a plan: by a language model, or by rules."""
