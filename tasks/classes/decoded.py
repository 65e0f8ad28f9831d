"""A decoded image, and what is kept of it: digest, small gray copies, thumbnail."""

from dataclasses import dataclass
from hashlib import md5

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from tasks.arrays import Gray

THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 96, 90


@dataclass(frozen=True)
class Decoded:
    """A decoded image, mode L or RGB, and the size of the image in the file, upright.

    Of a JPEG that was decoded at a reduced scale, `coded` is the digest of all that its pixels come from. `pixels` are
    those of the image, uint8 (height, width, 1 or 3), where the decoder gave them so.
    """

    image: Image.Image
    width: int
    height: int
    coded: bytes | None = None
    remark: str = ""  # what the decoder complained of, although it had all pixels
    pixels: Gray | None = None

    @property
    def digest(self) -> bytes:
        """MD5 of mode, size and pixels: equal for the same image, whatever its file."""
        return self._md5(self.image.tobytes() if self.pixels is None else self.pixels.data)

    def digest_of(self, *shown: bytes) -> bytes:
        """MD5 of mode, size and what was made of reduced pixels: equal for the same image, and seldom for another."""
        return self._md5(b"reduced", *shown)

    def _md5(self, *parts: bytes | memoryview) -> bytes:
        md = md5(f"{self.image.mode} {self.width} {self.height} ".encode(), usedforsecurity=False)
        for part in parts:
            md.update(part)
        return md.digest()

    def gray_copies(self, *sides: int) -> list[NDArray[np.uint8]]:
        """Return the image in gray, stretched to squares, uint8 (side, side) each."""
        gray = self.image.convert("L")
        small = [gray.resize((side, side), Image.Resampling.BILINEAR) for side in sides]
        return [np.frombuffer(image.tobytes(), np.uint8).reshape(image.size) for image in small]

    def thumbnail(self) -> bytes:
        """Return the image as a JPEG of at most `THUMBNAIL_SIDE` pixels a side."""
        factor = min(1.0, THUMBNAIL_SIDE / max(self.image.size))
        pixels = self.pixels
        if pixels is None or factor < 1:
            size = max(1, round(factor * self.image.width)), max(1, round(factor * self.image.height))
            small = self.image.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)  # by a whole factor first
            pixels = np.frombuffer(small.tobytes(), np.uint8).reshape(size[1], size[0], -1)
        space, sampling = ("RGB", "444") if self.image.mode == "RGB" else ("GRAY", "Gray")
        return simplejpeg.encode_jpeg(pixels, THUMBNAIL_QUALITY, space, sampling, fastdct=False)

    def is_constant(self) -> bool:
        """Say whether all pixels are equal."""
        extrema = self.image.getextrema()
        pairs = extrema if isinstance(extrema[0], tuple) else (extrema,)
        return all(low == high for low, high in pairs)
