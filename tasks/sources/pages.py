"""The pages of a TIFF and the frames of a DICOM file as images: each is read as a file without the others."""

import re
from typing import Literal

from tasks.formats import DICM, STARTS, format_of

MAX_PAGES, MAX_BYTES = 1000, 4 << 30  # of a file, and of all its pages, which each have the bytes of the file
PAGE = re.compile(r"#(\d+)(\.\w+)$")  # in the name of a page
FRAME = re.compile(rb"frame (\d{1,4})\0")  # in the preamble of a DICOM file, which is free for any use
FRAMES, PIXELS = re.compile(rb"\x28\0\x08\0(?:IS.\0|.\0\0\0) *(\d{1,9})", re.DOTALL), b"\xe0\x7f\x10\0"  # elements
SUBFILE, PART = 254, 1 | 4  # the tag of a page that is a smaller copy or a mask of another one, and its bits


def pages_of(data: bytes) -> list[tuple[bytes, int]]:
    """Return the link to each page of a TIFF of several, and the place of its link to the next; nothing for others."""
    if not data.startswith(STARTS["TIFF"]):  # asked first: most files are something else
        return []
    order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"
    found, at = list[tuple[bytes, int]](), 4
    for _ in range(MAX_PAGES + 1 if format_of(data) == "TIFF" else 0):
        link = data[at : at + 4]
        start = int.from_bytes(link, order)
        if not 0 < start < len(data):
            return found if 1 < len(found) <= MAX_BYTES // len(data) else []
        count, tag, value = (data[start + first : start + end] for first, end in ((0, 2), (2, 4), (10, 14)))
        at = start + 2 + 12 * int.from_bytes(count, order)
        if int.from_bytes(tag, order) != SUBFILE or not int.from_bytes(value, order) & PART:
            found.append((link, at))
    return []


def page_of(data: bytes, name: str) -> bytes:
    """Return a page of a TIFF, or a DICOM file that names a frame, by a name such as ``x#2.tif``; else the file."""
    found = PAGE.search(name)
    number = int(found[1]) if found else 0
    if not 0 < number <= count_of(data):  # a whole file may have such a name, too
        return data
    if data.startswith(DICM, 128):
        return (b"frame %d" % number).ljust(128, b"\0") + data[128:]
    link, end = pages_of(data)[number - 1]
    return data[:4] + link + data[8:end] + bytes(4) + data[end + 4 :]


def count_of(data: bytes) -> int:
    """Return the number of pages or frames of a file of several; 0 for others, and for more than are read."""
    if not data.startswith(DICM, 128):
        return len(pages_of(data))
    found = FRAMES.search(data, 0, data.find(PIXELS))  # without pydicom, which strangers' files may keep busy
    count = int(found[1]) if found else 0
    return count if 1 < count <= min(MAX_PAGES, MAX_BYTES // len(data)) else 0
