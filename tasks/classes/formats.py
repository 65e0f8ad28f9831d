"""Gates before Pillow's decoders for images of any size: the format of a file, and whether it is complete.

Each format has one named decoder, which receives only files with the signature of that format. Most decoders notice
truncated files. Two do not: Pillow does not check the length of PNG data as libpng does, and libjpeg fills missing data
with gray. So PNGs are parsed and inflated like glyphs (`tasks.classes.png`), and JPEGs are parsed by markers.
"""

import struct

from tasks.classes.png import UnreadableError, inflated, walk_chunks
from tasks.formats import IMAGE_ENDINGS, format_of

MAX_PIXELS = 80_000_000
CHEAP_PIXELS, CHEAP_VISITS = 24_000_000, 300_000_000  # limits; decoders visit a hundred million pixels a second
CHEAP = ("JPEG", "PNG", "WEBP", "BMP", "PPM")  # formats whose usual files are cheap to decode
# Formats whose decoders take zeros for data, and the share of zeros that is usual: black in files without compression.
UNTOLD = dict.fromkeys(("GIF", "WEBP", "AVIF", "HEIF"), 0.0) | dict.fromkeys(("BMP", "PPM", "TIFF", "DICOM"), 1 / 16)
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG colour type
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def checked_format(data: bytes) -> str:
    """Return Pillow's name of a file's format, regardless of the file's name.

    Raises `UnreadableError` for an unknown format or an incomplete file; a JPEG is checked when it is decoded.
    """
    if not data:
        raise UnreadableError("empty")
    form = format_of(data)
    if form is None:
        raise UnreadableError("not_image", f"starts with {data[:8]!r}")
    if form == "PNG":
        _check_png(data)
    elif form == "WEBP":
        _check_webp(data)
    elif form == "HEIF":
        try:
            from pillow_heif import register_heif_opener
        except ImportError as error:
            raise UnreadableError("needs_heic", "pip install 'cleansplit[heic]'") from error
        register_heif_opener()
    return form


def zeros_at_end(data: bytes, form: str) -> str:
    """Return a remark about a file that ends in many zeros, as a cut one does, if its format cannot tell."""
    zeros = len(data) - len(data.rstrip(b"\0"))
    share = UNTOLD.get(form)
    return f"ends in {zeros:,} zero bytes" if share is not None and zeros > max(16, share * len(data)) else ""


def is_cheap(form: str, data: bytes, pixels: int, scans: int) -> bool:
    """Return whether decoding a file surely takes little time and memory.

    Other files are decoded by a process with limits; see `tasks.classes.guard`. Each scan of a JPEG visits all pixels.
    """
    pixels *= 4 if form == "PNG" and data[24] == 16 else 1  # bits of a value, which take more memory
    if pixels > CHEAP_PIXELS or pixels * scans > CHEAP_VISITS:
        return False
    if form == "BMP":
        return data[30:34] == bytes(4)  # no run-length compression
    if form == "PPM":
        return data[1:2] in b"456"  # binary, not text
    return form in CHEAP


def is_mislabelled(data: bytes, name: str) -> bool:
    """Return whether the format of a readable file differs from its extension."""
    return IMAGE_ENDINGS["." + name.lower().rpartition(".")[2]] != format_of(data)


def _check_png(data: bytes) -> None:
    """Refuse a PNG that Pillow would silently complete or repair."""
    header, compressed = walk_chunks(data)
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if colour not in CHANNELS or interlace > 1:
        raise UnreadableError("unsupported_mode", f"colour type {colour}, interlace {interlace}")
    if width * height > MAX_PIXELS:
        raise UnreadableError("too_many_pixels", f"{width}x{height}")
    passes = ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes if x < width and y < height]
    expected = sum(rows * (1 + (columns * depth * CHANNELS[colour] + 7) // 8) for columns, rows in sizes)
    for _ in inflated(compressed, expected):
        pass


def _check_webp(data: bytes) -> None:
    if len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise UnreadableError("undecodable", "shorter than its header says")
    if data[12:16] == b"VP8X" and int.from_bytes(data[20:21]) & 2:
        raise UnreadableError("several_images", "animated")
