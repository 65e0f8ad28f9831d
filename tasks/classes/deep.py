"""Pixels of 16 bits: the 8 bits that are compared, and all bits, which decide whether images are identical."""

import numpy as np

from tasks.arrays import Deep, Gray


def rounded(values: Deep) -> Gray:
    """Return values of 16 bits, uint16, as uint8 of the same shape."""
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def parts_of(values: Deep) -> tuple[bytes, bytes]:
    """Return the bytes of the rounded values, and of their differences from them; no bytes if all are 0."""
    plain = rounded(values)
    lost = values - np.uint16(257) * plain
    return plain.tobytes(), lost.astype("<u2").tobytes() if lost.any() else b""
