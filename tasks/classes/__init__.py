"""The classes stage: decode the images of each class, quarantine unreadable ones, and fingerprint the others."""
