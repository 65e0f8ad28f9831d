"""Sources of images: find, fetch, unpack and index them."""
