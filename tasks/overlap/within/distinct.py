"""Which images of a set are compared: of rows that are equal to the engine, one."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from tasks.overlap.exact import as_void
from tasks.overlap.tables import Rows
from tasks.vocabulary.arrays import Bits, RowNumbers

PIECE = 50_000  # rows that are read at a time


@dataclass(frozen=True)
class Distinct:
    """The images of a set.

    Attributes
    ----------
    of_row : ndarray
        int64 (rows,): number of each row's image.
    example : ndarray
        int64 (images,): first row of each image.
    """

    of_row: RowNumbers
    example: RowNumbers

    def __len__(self) -> int:
        return len(self.example)

    @classmethod
    def of(cls, of_row: RowNumbers) -> "Distinct":
        """Return images by the number of each row's."""
        return cls(of_row, np.unique(of_row, return_index=True)[1])


def distinct_images(rows: Rows, on_pixels: bool, judged: bool = False) -> Distinct:
    """Return the distinct images of a set: of glyphs by their bits, of photographs by their pixels.

    Glyphs without any bit set can only be identical, so their digests count; and so do those of all where people
    judged images, of which several may have the same bits. Photographs are numbered by their digests, so that which of
    equally good candidates is looked at does not depend on rows; glyphs by their first rows, so that a slice of them
    lies together.
    """
    if on_pixels:
        _, example, of_row = np.unique(as_void(rows.digests), return_index=True, return_inverse=True)
        return Distinct(of_row, example)
    pieces = (rows.between(start, min(start + PIECE, len(rows))).side for start in range(0, len(rows), PIECE))
    keys = np.concatenate([np.empty(0, "V16"), *(_keys(side.bits, side.digests, judged) for side in pieces)])
    _, example, of_row = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(example))
    return Distinct(order[of_row], np.sort(example))


def _keys(bits: Bits, digests: Bits, judged: bool) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    says = (bits.max(axis=1, initial=0) > 0)[:, None]
    whole = np.concatenate([bits, digests if judged else np.where(says, 0, digests)], axis=1)
    return np.array([blake2b(key, digest_size=16).digest() for key in as_void(whole).tolist()], "V16")
