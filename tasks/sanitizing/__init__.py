"""The sanitizing stage: which rows go, and the splits without them."""
