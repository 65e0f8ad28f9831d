"""The sources stage: find, fetch, unpack and index sources of images."""
