"""JPEGs: what their segments say, at which scale they are decoded, and whether pixels are missing or wrong."""

import io
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

import simplejpeg
from PIL import Image

from tasks.classes.png import UnreadableError

MAX_SEGMENTS = 10_000  # each may hold 64 KiB
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # what ends entropy-coded data
SOS, EOI, ALONE = 0xDA, 0xD9, (0x01, *range(0xD0, 0xD8))
SAY_NOTHING = (0xFE, *range(0xE1, 0xEE), 0xEF)  # of the pixels: comments, and applications but for JFIF and Adobe
DIGEST_BYTES = 16
REDUCED_SIDE = 128  # pixels that a reduced JPEG has at least on each side; copies and thumbnails have fewer
SCALES = (8, 4, 2)  # whose decoding is quickest
SPACES = {"L": "GRAY", "RGB": "RGB"}  # of Pillow's modes, what simplejpeg calls them
FILL = (127, 128)  # what libjpeg writes where a file has no more data; 127 where Pillow inverts CMYK
PROBE = bytes(range(1, 65))  # data for a decoder that still waits for some
HARMLESS_AT_THE_END = re.compile(r"extraneous bytes before marker 0xd9")
WRONG_PIXELS = re.compile(r"[Pp]remature end|bad Huffman|extraneous bytes|found marker")  # in what libjpeg says


class Segment(NamedTuple):
    """A piece of a JPEG, with the entropy-coded data behind it: its marker, and where it starts and stops."""

    kind: int
    start: int
    stop: int


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG, its end last; cameras may append data.

    Raises
    ------
    UnreadableError
        When a segment or the end is missing.
    """
    position, count = 2, 0
    while position + 2 <= len(data):
        start, kind = position, data[position + 1]
        if data[position] != 0xFF:
            raise UnreadableError("bad_jpeg", f"no marker at byte {position}")
        if kind == EOI:
            yield Segment(kind, start, start + 2)
            return
        if kind == 0xFF or kind in ALONE:
            position += 1 if kind == 0xFF else 2
            continue
        count += 1
        if count > MAX_SEGMENTS:
            raise UnreadableError("bad_jpeg", f"more than {MAX_SEGMENTS:,} segments")
        length = int.from_bytes(data[position + 2 : position + 4])
        if length < 2:
            raise UnreadableError("bad_jpeg", f"a segment of {length} bytes at byte {position}")
        position += 2 + length
        if kind == SOS:
            found = MARKER.search(data, position)
            position = found.start() if found else len(data)
        yield Segment(kind, start, position)
    raise UnreadableError("cut_jpeg", f"ends at byte {len(data)}")


def coded_digest(data: bytes, parts: Sequence[Segment], orientation: object) -> bytes:
    """Return a digest of all that the pixels of a JPEG come from: two files that have the same have the same pixels.

    Parameters
    ----------
    data : bytes
    parts : sequence of Segment
        All of its segments.
    orientation : int or None
        What its EXIF says, by which it is turned.
    """
    digest, view = sha256(repr(orientation).encode()), memoryview(data)
    for kind, start, stop in parts:
        if kind not in SAY_NOTHING:
            digest.update(view[start:stop])
    return digest.digest()[:DIGEST_BYTES]


def scale_of(image: Image.Image) -> int:
    """Return how many pixels of a JPEG become one; of the modes that only Pillow decodes, one."""
    if image.mode not in SPACES:
        return 1
    return next((scale for scale in SCALES if min(image.size) >= scale * REDUCED_SIDE), 1)


def load_jpeg(data: bytes, image: Image.Image, scale: int) -> tuple[Image.Image, str]:
    """Decode a JPEG, and return what libjpeg complained of; refuse it if pixels are missing or wrong.

    The usual ones are decoded by libjpeg-turbo through simplejpeg, which gives the pixels that Pillow gives, and tells
    what libjpeg warns of, at a reduced scale, too. Of others only a missing end is noticed.
    """
    space = SPACES.get(image.mode)
    if space is None:
        image.load()
        if _may_be_filled(image) and _still_waits(data, image):
            raise UnreadableError("cut_jpeg", "filled with gray")
        return image, ""
    width, height = (-(-side // scale) if scale > 1 else 0 for side in image.size)  # 0 asks for all
    size, remark = {"min_width": width, "min_height": height}, ""
    try:
        pixels = simplejpeg.decode_jpeg(data, space, strict=True, **size)
    except ValueError as error:
        remark = str(error)
        if WRONG_PIXELS.search(remark) and not HARMLESS_AT_THE_END.search(remark):
            reason = "cut_jpeg" if "remature end" in remark else "bad_jpeg"
            raise UnreadableError(reason, remark) from error
        pixels = simplejpeg.decode_jpeg(data, space, strict=False, **size)
    loaded = Image.fromarray(pixels[..., 0] if image.mode == "L" else pixels)
    loaded.info = {name: value for name, value in image.info.items() if name == "exif"}  # how it is to be turned
    return loaded, remark


def _may_be_filled(image: Image.Image) -> bool:
    """Say whether the end of a JPEG looks as it does when data were missing."""
    last = image.getpixel((image.width - 1, image.height - 1))
    gray = all(value in FILL for value in (last if isinstance(last, tuple) else (last,)))
    return gray or "progression" in image.info


def _still_waits(data: bytes, image: Image.Image) -> bool:
    """Return whether extra data change a JPEG's pixels: a decoder that has all it needs ignores them."""
    *_, (_, end, _) = segments(data)
    with Image.open(io.BytesIO(data[:end] + PROBE + data[end:]), formats=["JPEG"]) as longer:
        return longer.tobytes() != image.tobytes()
