"""Parse and decode JPEGs: their segments, their scale, and whether pixels are missing or wrong."""

import io
import re
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

import simplejpeg
from PIL import Image

from tasks.arrays import Gray
from tasks.classes.png import UnreadableError

MAX_SEGMENTS = 10_000  # each may hold 64 KiB
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # end of entropy-coded data
SOS, EOI, ALONE = 0xDA, 0xD9, (0x01, *range(0xD0, 0xD8))
FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
FRAME = struct.Struct(">BHHB")  # bits of a value, height, width, components
KNOWN = {*FRAMES, 0xC4, 0xDB, 0xDD, SOS, EOI, 0xFE, *range(0xE0, 0xF0)}  # tables, comments, applications
SAY_NOTHING = (0xFE, *range(0xE1, 0xEE), 0xEF)  # without effect on pixels: comments, and applications but JFIF, Adobe
DIGEST_BYTES = 16
REDUCED_SIDE = 128  # minimum side in pixels of a reduced JPEG; at 90, rotated pages of text are missed
SCALES = (8, 4, 2)  # the fastest scales
PROBE = bytes(range(1, 65))  # data for a decoder that may still expect some
HARMLESS_AT_THE_END = re.compile(r"extraneous bytes before marker 0xd9")
WRONG_PIXELS = re.compile(r"[Pp]remature end|bad Huffman|extraneous bytes|found marker")  # in warnings of libjpeg


class MarkerSegment(NamedTuple):
    """A marker segment of a JPEG, with the entropy-coded data after it: its marker, start and stop."""

    kind: int
    start: int
    stop: int


def segments(data: bytes) -> Iterator[MarkerSegment]:
    """Yield the segments of a JPEG up to its end; data after the end, which cameras may append, are ignored.

    Raises `UnreadableError` when a segment or the end is missing.
    """
    position, count = 2, 0
    while position + 2 <= len(data):
        start, kind = position, data[position + 1]
        if data[position] != 0xFF:
            raise UnreadableError("bad_jpeg", f"no marker at byte {position}")
        if kind == EOI:
            yield MarkerSegment(kind, start, start + 2)
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
        yield MarkerSegment(kind, start, position)
    raise UnreadableError("cut_jpeg", f"ends at byte {len(data)}")


def coded_digest(data: bytes, parts: Sequence[MarkerSegment], orientation: object) -> bytes:
    """Return a digest of everything that the pixels of a JPEG need: files with equal digests have equal pixels.

    `parts` are all its segments; `orientation` is the one in its EXIF data.
    """
    digest, view = sha256(repr(orientation).encode()), memoryview(data)
    for kind, start, stop in parts:
        if kind not in SAY_NOTHING:
            digest.update(view[start:stop])
    return digest.digest()[:DIGEST_BYTES]


class Frame(NamedTuple):
    """Mode, width and height, in Pillow's terms, of a JPEG that simplejpeg may decode."""

    mode: str
    width: int
    height: int

    @property
    def scale(self) -> int:
        """Number of pixels that become one at the reduced scale."""
        return next((scale for scale in SCALES if min(self.width, self.height) >= scale * REDUCED_SIDE), 1)

    def pixels(self, data: bytes, scale: int, strict: bool = True) -> Gray:
        """Decode like Pillow, uint8 (height, width[, 3]); if strict, raises `ValueError` for a mere warning."""
        width, height = (-(-side // scale) for side in self[1:])
        space = "GRAY" if self.mode == "L" else "RGB"
        least = {"min_width": width, "min_height": height} if scale > 1 else {}
        pixels: Gray = simplejpeg.decode_jpeg(data, space, strict=strict, **least)
        if pixels.shape[:2] != (height, width):
            raise UnreadableError("bad_jpeg", "its size differs from the one in its frame")
        return pixels if self.mode == "RGB" else pixels[..., 0]


def frame_of(data: bytes, parts: Sequence[MarkerSegment]) -> Frame | None:
    """Return the frame of a JPEG that simplejpeg may decode; None for others, which need Pillow and a guard.

    It has one frame, of 8 bits, and only segments that libjpeg surely reads as `segments` does: libjpeg skips bytes
    outside segments, and may find another frame after them. For a lossless frame, simplejpeg allocates the reduced
    size, but libjpeg writes the full one.
    """
    frames = [part for part in parts if part.kind in FRAMES]
    if len(frames) != 1 or not all(part.kind in KNOWN for part in parts):
        return None
    bits, height, width, components = FRAME.unpack_from(data.ljust(frames[0].start + 12), frames[0].start + 4)
    if bits != 8 or components not in (1, 3) or not height or not width:
        return None
    return Frame("L" if components == 1 else "RGB", width, height)


def load_jpeg(data: bytes, image: Image.Image, frame: Frame | None, scale: int) -> tuple[Image.Image, str]:
    """Decode a JPEG, and return libjpeg's warnings; raises `UnreadableError` if pixels are missing or wrong.

    simplejpeg reports the warnings of libjpeg even at a reduced scale. Of other JPEGs only the end is checked.
    """
    if frame is None:
        image.load()
        if _still_waits(data, image):
            raise UnreadableError("cut_jpeg", "filled with gray")
        return image, ""
    remark = ""
    try:
        pixels = frame.pixels(data, scale)
    except ValueError as error:
        remark = str(error)
        if WRONG_PIXELS.search(remark) and not HARMLESS_AT_THE_END.search(remark):
            raise UnreadableError("cut_jpeg" if "remature end" in remark else "bad_jpeg", remark) from error
        image.load()  # raises an error if there are no pixels; simplejpeg would return uninitialized memory
        pixels = frame.pixels(data, scale, strict=False)
    loaded = Image.fromarray(pixels)
    loaded.info = {name: value for name, value in image.info.items() if name == "exif"}  # for the orientation
    return loaded, remark


def _still_waits(data: bytes, image: Image.Image) -> bool:
    """Return whether additional data change a JPEG's pixels: a decoder with complete data ignores them."""
    *_, (_, end, _) = segments(data)
    with Image.open(io.BytesIO(data[:end] + PROBE + data[end:]), formats=["JPEG"]) as longer:
        return longer.tobytes() != image.tobytes()
