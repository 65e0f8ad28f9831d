"""Lay one picture over another, and measure whether their structures agree there: on plain arrays."""
