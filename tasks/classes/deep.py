"""Pixels of 16 bits: the 8 bits that are compared, and all bits, which decide whether images are identical."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tasks.arrays import Deep, Gray

OTHER_BYTES = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGB;16N": "RGB;16B"}  # the lower byte instead of the higher


def lower_bytes(data: bytes, image: Any) -> Image.Image | None:
    """Return the lower bytes, which Pillow drops, of an image of 3 x 16 bits before it is loaded; None for others."""
    found = [(tile, tile.args if isinstance(tile.args, tuple) else (tile.args,)) for tile in image.tile]
    if not found or not all(args[0] in OTHER_BYTES for _, args in found):
        return None
    with Image.open(io.BytesIO(data), formats=[image.format]) as low:
        low.tile = [tile._replace(args=(OTHER_BYTES[args[0]], *args[1:])) for tile, args in found]
        low.load()
        ImageOps.exif_transpose(low, in_place=True)
        return low


def rounded(values: Deep) -> Gray:
    """Return values of 16 bits, uint16, as uint8 of the same shape."""
    return (values // 257 + (values % 257 > 128)).astype(np.uint8)


def shown(values: Deep) -> Gray:
    """Return gray values as uint8 that reach from the lowest to the highest one; rounded if 8 bits hold them all."""
    if not any((row % 257).any() for row in values):
        return rounded(values)
    low = values.min()
    table = np.linspace(0, 255, int(values.max() - low) + 1).round().astype(np.uint8)
    return np.stack([table[row - low] for row in values])  # whole, the indices would take 8 bytes each


def parts_of(values: Deep) -> tuple[bytes, bytes]:
    """Return the bytes of the rounded values, and of their differences from them; no bytes if all are 0."""
    plain = rounded(values)
    lost = values - np.uint16(257) * plain
    return plain.tobytes(), lost.astype("<u2").tobytes() if lost.any() else b""
