"""Decode one image of any of eleven formats to 8-bit gray or RGB, by one rule per mode.

    1, L                        gray
    16-bit gray                 gray, 8 bits from its lowest to its highest value; identical only at 16 bits
    P                           RGB
    RGB, YCbCr, CMYK            RGB
    16-bit RGB                  RGB, the higher bytes; identical only at 16 bits
    any of these with alpha     composed at 8 bits onto white, or onto black if all pixels would be white
    all else                    refused

A GIF gives its first frame, a JPEG its first image, HEIC its primary one; other files with several images are refused.
The EXIF orientation is applied.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from tasks.arrays import Deep, Gray
from tasks.classes.camera import taken
from tasks.classes.deep import lower_bytes, parts_of, shown
from tasks.classes.dicom import load_dicom
from tasks.classes.formats import CHEAP, MAX_PIXELS, checked_format, is_cheap, zeros_at_end
from tasks.classes.jpeg import SOS, coded_digest, frame_of, load_jpeg, segments
from tasks.classes.png import UnreadableError
from tasks.registration.colours import colours_of
from tasks.storage.copies import COPY_SIDE

ORIENTATION, QUARTER_TURNS = 0x0112, (5, 6, 7, 8)  # of EXIF
ADDRESS = re.compile(r" <[^<>]* at 0x[0-9a-f]+>")  # of an object, in messages of Pillow: it differs between runs
BECOMES = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 96, 90


class CostlyError(Exception):
    """A file that only a process with limits may decode."""


class Decoded(NamedTuple):
    """A decoded image, mode L or RGB, and the size of the image in the file, upright."""

    image: Image.Image
    pixels: Gray  # uint8 (height, width[, 3])
    width: int
    height: int
    coded: bytes | None = None  # for a JPEG decoded at a reduced scale, the digest of everything that its pixels need
    taken: str | None = None  # camera and minute
    remark: str = ""  # a warning of the decoder about a complete file
    deep: Deep | None = None  # pixels of 16 bits, which decide identity
    patient: str | None = None
    series: str | None = None

    @property
    def digest(self) -> bytes:
        """MD5 of mode, size and pixels at full depth: equal for the same image in any file."""
        return self.digest_of(*([self.pixels.tobytes()] if self.deep is None else parts_of(self.deep)))

    @property
    def constant(self) -> bool:
        """Whether all pixels are equal, at full depth."""
        pixels = self.pixels if self.deep is None else self.deep
        return bool((pixels == pixels[0, 0]).all())

    def digest_of(self, *parts: bytes) -> bytes:
        """MD5 of mode, size and bytes derived from the pixels."""
        about = f"{self.image.mode} {self.width} {self.height} ".encode()
        return md5(b"".join([about, *parts]), usedforsecurity=False).digest()

    def small(self) -> Gray:
        """Return the pixels of the image with at most `THUMBNAIL_SIDE` of them a side."""
        factor = THUMBNAIL_SIDE / max(self.image.size)
        if factor >= 1:
            return self.pixels
        width, height = (max(1, round(factor * side)) for side in self.image.size)
        # With this gap, Pillow reduces the image by an integer factor before it resizes.
        return np.asarray(self.image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0))


class Photograph(NamedTuple):
    """The entry of an image in a shard: facts of the file, a digest, a thumbnail, and two gray copies.

    The digest is the MD5 of the pixels. For a JPEG that was decoded at a reduced scale, it is the MD5 of thumbnail and
    copy, and `coded` is the digest of everything that its pixels need; see `tasks.classes.fingerprints`.
    """

    mode: str
    width: int
    height: int
    constant: bool
    taken: str | None  # camera and minute
    patient: str | None  # of DICOM
    series: str | None
    digest: bytes
    coded: bytes | None
    thumbnail: bytes
    gray: bytes  # side x side gray values
    copy: bytes  # 64 x 64 gray values
    colours: bytes  # see `tasks.registration.colours`
    remark: str


def as_jpeg(pixels: Gray) -> bytes:
    """Return pixels, uint8 (height, width[, 3]), as a JPEG."""
    space, sampling = ("RGB", "444") if pixels.ndim == 3 else ("GRAY", "Gray")
    return simplejpeg.encode_jpeg(np.atleast_3d(pixels), THUMBNAIL_QUALITY, space, sampling, fastdct=False)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn any error of decoding into an `UnreadableError`, and show no warning: no image may end a run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (UnreadableError, CostlyError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableError("too_many_pixels", str(error)) from error
    except Exception as error:  # Pillow may raise anything
        told = ADDRESS.sub("", f"{type(error).__name__}: {error}").replace("\n", "")
        raise UnreadableError("undecodable", told) from error


@refusing()
def photograph(data: bytes, reduced: bool, side: int, cheap: bool = False) -> Photograph:
    """Decode a file to its entry in a shard; parameters and errors are those of `decode`."""
    found = decode(data, reduced, cheap)
    plain = found.image.convert("L")
    gray, copy = (plain.resize((n, n), Image.Resampling.BILINEAR).tobytes() for n in (side, COPY_SIDE))
    constant = gray.count(gray[:1]) == len(gray) and found.constant
    if constant and found.coded:
        constant = decode(data, False, cheap).constant
    small = found.small()
    thumbnail = as_jpeg(small)
    digest = found.digest_of(b"reduced", copy, thumbnail) if found.coded else found.digest
    about = found.image.mode, found.width, found.height, constant, found.taken, found.patient, found.series
    return Photograph(*about, digest, found.coded, thumbnail, gray, copy, colours_of(small), found.remark)


@refusing()
def decode(data: bytes, reduced: bool, cheap: bool = False) -> Decoded:
    """Decode a file; raises `UnreadableError`.

    With `reduced`, JPEGs are decoded at the smallest scale of 1/1 to 1/8 that leaves each side `REDUCED_SIDE` pixels.
    With `cheap`, raises `CostlyError` for a file that may take more time and memory than its size suggests.
    """
    form = checked_format(data)
    if cheap and form not in CHEAP:
        raise CostlyError
    if form == "DICOM":
        image, deep, patient, series = load_dicom(data)
        remark = zeros_at_end(data, form)
        return Decoded(image, np.asarray(image), *image.size, None, None, remark, deep, patient, series)
    parts = list(segments(data)) if form == "JPEG" else []
    frame = frame_of(data, parts)
    if form == "JPEG" and cheap and not frame:
        raise CostlyError
    with Image.open(io.BytesIO(data), formats=[form]) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise UnreadableError("too_many_pixels", f"{width}x{height}")
        if cheap and not is_cheap(form, data, width * height, scans=sum(part.kind == SOS for part in parts)):
            raise CostlyError
        if form in ("TIFF", "AVIF") and getattr(image, "is_animated", False):  # counting the pages would read all
            raise UnreadableError("several_images", "more than one page")
        scale = frame.scale if frame and reduced else 1
        coded = coded_digest(data, parts, image.getexif().get(ORIENTATION)) if scale > 1 else None
        upright, remark = load_jpeg(data, image, frame, scale) if form == "JPEG" else (image, zeros_at_end(data, form))
        low = lower_bytes(data, image) if form in ("PNG", "TIFF") else None
        upright.load()
        camera = taken(exif := upright.getexif())
        if exif.get(ORIENTATION) in QUARTER_TURNS:
            width, height = height, width
        ImageOps.exif_transpose(upright, in_place=True)  # otherwise every image would be copied
        if form == "PPM" and upright.mode == "I":  # 16-bit gray
            upright = upright.convert("I;16")
        stored = np.asarray(upright).astype(np.uint16) if upright.mode.startswith("I;16") else None
        if low and "transparency" not in upright.info:
            stored = np.asarray(upright).astype(np.uint16) << 8 | np.asarray(low)
        plain = _converted(upright)
        plain.info = {}  # comments, places and profiles must not be published with a thumbnail
        return Decoded(plain, np.asarray(plain), width, height, coded, camera, remark, stored)


def _converted(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray(shown(np.asarray(image)))
    if image.mode in WITH_ALPHA or ("transparency" in image.info and image.mode in ("1", "L", "P", "RGB")):
        gray = image.mode in ("1", "L", "LA", "La")
        layer = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")  # Pillow has no shorter way
        flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        if flat.getcolors(1) and not layer.getchannel("A").getcolors(1):  # of one colour: a white icon is invisible
            flat = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
        return flat.convert("L" if gray else "RGB")
    if image.mode in ("L", "RGB"):
        return image.copy() if image.readonly else image
    if image.mode in BECOMES:
        return image.convert(BECOMES[image.mode])
    raise UnreadableError("unsupported_mode", image.mode)
