"""Balanced, seeded train, validation and test sets."""
