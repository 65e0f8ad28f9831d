"""The camera and the minute of a photograph, from its EXIF data."""

import re

from PIL.ExifTags import IFD, Base
from PIL.Image import Exif

MINUTE = re.compile(r"[1-9]\d{3}:\d\d:\d\d \d\d:\d\d")
LONGEST = 64  # characters of a name
NAMES = (Base.Make, Base.Model, Base.BodySerialNumber)


def taken(exif: Exif) -> str | None:
    """Return the camera and the minute, such as ``Canon EOS R5 2024:05:31 14:07``; None if either is unknown."""
    if not exif:
        return None
    try:
        found = {**exif, **exif.get_ifd(IFD.Exif)}
    except Exception:  # Pillow may raise anything for damaged data, and the pixels are intact
        return None
    minute = MINUTE.match(str(found.get(Base.DateTimeOriginal, found.get(Base.DateTime))))
    names = (str(found.get(key, "")).replace("\0", " ") for key in NAMES)
    camera = [*filter(None, (" ".join(name.split())[:LONGEST] for name in names))]
    return " ".join([*camera, minute[0]]) if minute and camera else None
