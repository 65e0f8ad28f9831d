"""Which rows go, and the splits without them."""
