"""Align two images, and measure whether their structures agree, on plain arrays."""
