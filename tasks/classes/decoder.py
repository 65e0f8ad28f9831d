"""Decode one image of any of ten formats to 8-bit gray or RGB, by one rule per mode.

    1, L                        gray
    16-bit gray                 gray, rounded to 8 bits
    P                           RGB
    RGB, YCbCr, CMYK            RGB
    any of these with alpha     laid over white
    all else                    refused

Of a GIF the first frame is used, of a JPEG the first image, of HEIC the main one; other files with several images are
refused. The EXIF orientation is applied. Pillow's decoder drops the lower bytes of 16-bit colour PNGs.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from tasks.arrays import Gray
from tasks.classes.decoded import Decoded
from tasks.classes.formats import CHEAP, MAX_PIXELS, checked_format, is_cheap
from tasks.classes.jpeg import SOS, Frame, Segment, as_image, coded_digest, frame_of, is_plain, load_jpeg, segments
from tasks.classes.png import UnreadableError
from tasks.storage.copies import COPY_SIDE

ORIENTATION = 0x0112  # of EXIF
ADDRESS = re.compile(r" <[^<>]* at 0x[0-9a-f]+>")  # of an object, in what Pillow says: another one in every run
WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}


class CostlyError(Exception):
    """A file that only a process with limits may decode."""


class Photograph(NamedTuple):
    """What is kept of an image: facts of the file, MD5 of its pixels, a thumbnail, and two gray copies.

    Of a JPEG that was decoded at a reduced scale, the digest is that of thumbnail and copy, and `coded` is that of all
    that its pixels come from; see `tasks.classes.identical`.
    """

    mode: str
    width: int
    height: int
    constant: bool
    digest: bytes
    coded: bytes | None
    thumbnail: bytes
    gray: Gray  # uint8 (side, side)
    copy: Gray  # uint8 (64, 64)
    remark: str


def photograph(data: bytes, reduced: bool, side: int, cheap: bool = False) -> Photograph:
    """Decode a file and keep of it what a shard holds; parameters and errors are those of `decode`."""
    with refusing():
        image = decode(data, reduced, cheap)
        gray, copy = image.gray_copies(side, COPY_SIDE)
        constant = bool(gray.min() == gray.max()) and image.is_constant()
        if constant and image.coded:
            constant = decode(data, False, cheap).is_constant()
        thumbnail = image.thumbnail()
        digest = image.digest_of(copy.tobytes(), thumbnail) if image.coded else image.digest
        about = image.image.mode, image.width, image.height, constant, digest, image.coded
        return Photograph(*about, thumbnail, gray, copy, image.remark)


def decode(data: bytes, reduced: bool, cheap: bool = False) -> Decoded:
    """Decode a file.

    Parameters
    ----------
    data : bytes
    reduced : bool
        Decode JPEGs at the smallest scale of 1/1 to 1/8 that leaves each side `REDUCED_SIDE` pixels.
    cheap : bool
        Decode only what takes time and memory in proportion to its size.

    Raises
    ------
    UnreadableError
    CostlyError
        When `cheap` is set and it is not.
    """
    with refusing(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        form = checked_format(data)
        if cheap and form not in CHEAP:
            raise CostlyError
        return _decode(data, form, reduced, cheap)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever goes wrong with one image into an `UnreadableError`: nothing that it holds may end a run."""
    try:
        yield
    except (UnreadableError, CostlyError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableError("too_many_pixels", str(error)) from error
    except Exception as error:  # Pillow raises whatever comes
        raise UnreadableError("undecodable", ADDRESS.sub("", f"{type(error).__name__}: {error}")) from error


def _decode(data: bytes, form: str, reduced: bool, cheap: bool) -> Decoded:
    parts = list(segments(data)) if form == "JPEG" else []
    frame = frame_of(data, parts)
    if form == "JPEG" and cheap and not frame:
        raise CostlyError
    if frame and is_plain(data, parts) and (usual := _usual_jpeg(data, parts, frame, reduced, cheap)):
        return usual
    with Image.open(io.BytesIO(data), formats=[form]) as image:
        _check_size(form, data, image.size, parts, cheap)
        if form in ("TIFF", "AVIF") and getattr(image, "is_animated", False):  # counting the pages would read them all
            raise UnreadableError("several_images", "more than one page")
        width, height = image.size
        scale = frame.scale if frame and reduced else 1
        coded = coded_digest(data, parts, image.getexif().get(ORIENTATION)) if scale > 1 else None
        loaded, remark = load_jpeg(data, image, frame, scale) if form == "JPEG" else (image, "")
        loaded.load()
        size, upright = image.size, loaded
        ImageOps.exif_transpose(upright, in_place=True)  # otherwise every image is copied, turned or not
        if upright.size == size[::-1] and upright.size != size:
            width, height = height, width
        if form == "PPM" and upright.mode == "I":  # 16-bit gray
            upright = upright.convert("I;16")
        plain = _converted(upright)
        plain.info = {}  # comments, places and profiles: nothing of them is published with a thumbnail
        return Decoded(plain, width, height, coded, remark)


def _usual_jpeg(data: bytes, parts: Sequence[Segment], frame: Frame, reduced: bool, cheap: bool) -> Decoded | None:
    """Decode a JPEG without Pillow, which takes twice as long; None if anything is wrong, so that Pillow says what."""
    _check_size("JPEG", data, frame[1:], parts, cheap)
    scale = frame.scale if reduced else 1
    try:
        pixels = frame.pixels(data, scale)
    except ValueError:
        return None
    coded = coded_digest(data, parts, None) if scale > 1 else None
    return Decoded(as_image(pixels), frame.width, frame.height, coded, pixels=pixels)


def _check_size(form: str, data: bytes, size: tuple[int, int], parts: Sequence[Segment], cheap: bool) -> None:
    pixels = size[0] * size[1]
    if pixels > MAX_PIXELS:
        raise UnreadableError("too_many_pixels", f"{size[0]}x{size[1]}")
    if cheap and not is_cheap(form, data, pixels, sum(part.kind == SOS for part in parts)):
        raise CostlyError


def _converted(image: Image.Image) -> Image.Image:
    """Return an image as L or RGB."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in WITH_ALPHA or ("transparency" in image.info and image.mode in ("1", "L", "P", "RGB")):
        gray = image.mode in ("1", "L", "LA", "La")
        layer = image.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        return flat.convert("L" if gray else "RGB")
    if image.mode in ("L", "RGB"):
        return image.copy() if image.readonly else image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "CMYK", "YCbCr"):
        return image.convert("RGB")
    raise UnreadableError("unsupported_mode", image.mode)
