"""Which photographs have identical pixels, where JPEGs were decoded at a reduced scale."""
