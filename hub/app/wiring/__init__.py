"""The composition root, by area."""
