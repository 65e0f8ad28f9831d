"""The classes stage: decode the images of each class, quarantine what can't be read, and fingerprint them."""
