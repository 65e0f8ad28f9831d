"""Read glyphs, gray PNGs of one side: through a strict gate, thousands in one call of the decoder."""

import binascii
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from PIL import Image

from tasks.arrays import Gray, RowNumbers
from tasks.classes.png import UnreadableError, filtered_rows

BATCH = 4096  # images to decode at once
URL_SAFE = bytes.maketrans(b"-_", b"+/")


def decode(images: Sequence[bytes], side: int) -> Gray:
    """Decode images that passed `tasks.classes.png.filtered_rows` to gray values, uint8 (n, side, side).

    A blank row before each image gives its first row the same neighbours as when it is decoded by itself,
    so Pillow's PNG decoder can treat many images as one tall image, at a tenth of the cost of decoding each.
    """
    blank = bytes(side + 1)
    tall = zlib.compress(b"".join(part for rows in images for part in (blank, rows)), level=0)
    tall_image = Image.frombytes("L", (side, len(images) * (side + 1)), tall, "zip", "L", 0)
    return np.asarray(tall_image).reshape(len(images), side + 1, side)[:, 1:]


def read_glyphs(
    members: Iterable[tuple[int, bytes]], count: int, side: int
) -> tuple[RowNumbers, Gray, dict[int, UnreadableError]]:
    """Decode members, given by their rows of an index of `count` rows.

    Returns the decoded rows, ascending, int64 (n,); their images, uint8 (n, side, side); and why each of the other rows
    was refused.
    """
    gray, decoded = np.empty((count, side, side), np.uint8), np.zeros(count, np.bool_)
    failures: dict[int, UnreadableError] = {}

    def intact() -> Iterator[tuple[int, bytes]]:
        for row, data in members:
            try:
                yield row, filtered_rows(data, side)
            except UnreadableError as error:
                failures[row] = error

    found = intact()
    while batch := dict(islice(found, BATCH)):
        gray[[*batch]], decoded[[*batch]] = decode([*batch.values()], side), True
    accepted = np.flatnonzero(decoded)
    return accepted, gray if decoded.all() else gray[accepted], failures


def sums(gray: Gray) -> tuple[int, int]:
    """Return the sum of all gray values and the sum of their squares, exactly.

    >>> sums(np.array([[[0, 255]]], np.uint8))
    (255, 65025)
    """
    parts = np.array_split(gray, len(gray) // BATCH + 1)  # squares take twice the memory
    return int(gray.sum(dtype=np.int64)), sum(int(np.square(part, dtype=np.uint16).sum()) for part in parts)


def font_of(member: str) -> str | None:
    """Return the font in a member's name: URL-safe base64, optionally followed by a counter.

    >>> font_of("RnJlaWdodERpc3BCb29rSXRhbGljLnR0Zg==.png"), font_of("RGVqYVZ1LnR0Zg==_3.png"), font_of("0645.png")
    ('FreightDispBookItalic.ttf', 'DejaVu.ttf', None)
    """
    stem = re.sub(r"_\d+$", "", member.removesuffix(".png"))
    try:
        font = binascii.a2b_base64(stem.encode("ascii").translate(URL_SAFE), strict_mode=True).decode()
    except ValueError:  # not base64, not ASCII, or not UTF-8
        return None
    return font if font.isprintable() and "." in font else None
