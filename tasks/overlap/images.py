"""The distinct images of a split, which are what is compared: one for all rows with equal pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Bits, Mask, RowNumbers
from tasks.overlap.patterns import Patterns
from tasks.records import Prints
from tasks.storage import tables
from tasks.storage.copies import Copies
from tasks.storage.place import Place

SEVERAL, UNKNOWN = -1, -2  # labels of an image whose rows have different ones, and of one that has none
NOTHING = -1


@dataclass(frozen=True)
class Images:
    """Distinct images of a split, or some of them, in the order of their smallest ids.

    Attributes
    ----------
    numbers : ndarray
        int64 (n,): their numbers in the split.
    digests : ndarray
        uint8 (n, 16): MD5 of the pixels.
    patterns : Patterns
        Bits of the view.
    labels : ndarray
        int64 (n,): class of its rows, or `SEVERAL`, or `UNKNOWN`.
    copies : Copies or None
        Gray copies of photographs.
    """

    numbers: RowNumbers
    digests: Bits
    patterns: Patterns
    labels: RowNumbers
    copies: Copies | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, some: RowNumbers | Mask | slice) -> "Images":
        """Return some images, in their order."""
        copies = self.copies and self.copies.take(some)
        return Images(self.numbers[some], self.digests[some], self.patterns[some], self.labels[some], copies)

    @classmethod
    def concatenated(cls, parts: "Sequence[Images]") -> "Images":
        """Return the images of several splits, each with its number in its split."""
        numbers, digests, labels = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "digests", "labels")
        )
        patterns = Patterns.of(np.concatenate([part.patterns.bits for part in parts]), parts[0].patterns.length)
        copies = [part.copies for part in parts if part.copies is not None]
        return cls(numbers, digests, patterns, labels, Copies.concatenated(copies) if copies else None)

    def are_among(self, digests: Bits) -> Mask:
        """Return which images have one of some digests, uint8 (m, 16)."""
        found: Mask = np.isin(as_void(self.digests), as_void(digests))
        return found

    @property
    def gray(self) -> Copies:
        """Gray copies, which photographs have."""
        if self.copies is None:
            raise TypeError("glyphs have no gray copies")
        return self.copies


def read_images(prints: Prints, workspace: Place, some: range | None = None) -> Images:
    """Return the distinct images of a split, or a slice of them."""
    some = range(prints.images) if some is None else some
    table = tables.read_rows(workspace / prints.images_table, some.start, len(some))
    copies = None
    if prints.copies:
        files = [workspace / file for file in prints.copies]
        copies = Copies(files, table["file"].to_numpy(), table["copy"].to_numpy())
    numbers, patterns = np.arange(some.start, some.stop), Patterns.of(tables.bytes_of(table["bits"]), prints.length)
    return Images(numbers, tables.bytes_of(table["md5"]), patterns, table["label"].to_numpy(), copies)


def same_images(first: Bits, second: Bits) -> tuple[RowNumbers, RowNumbers]:
    """Return the numbers of the images that two sets have in common, given distinct digests, uint8 (n, 16)."""
    _, i, j = np.intersect1d(as_void(first), as_void(second), assume_unique=True, return_indices=True)
    return i, j


def number_images(digests: Bits, ranks: RowNumbers) -> tuple[RowNumbers, RowNumbers]:
    """Return the image of each row, int64 (rows,), and the row with the smallest id of each image, int64 (images,).

    Parameters
    ----------
    digests : ndarray
        uint8 (rows, 16).
    ranks : ndarray
        int64 (rows,): place of each row in the order of ids.

    >>> of_row, example = number_images(np.array([[7], [9], [7]], np.uint8), np.array([2, 0, 1]))
    >>> of_row.tolist(), example.tolist()
    ([1, 0, 1], [1, 2])
    """
    by_id = np.argsort(ranks)
    _, first, number = np.unique(as_void(digests[by_id]), return_index=True, return_inverse=True)
    order = np.argsort(first)
    of_row = np.empty(len(ranks), np.int64)
    of_row[by_id] = np.argsort(order)[number]
    return of_row, by_id[first[order]]


def common_labels(of_row: RowNumbers, labels: RowNumbers, images: int) -> RowNumbers:
    """Return the label of each image, int64 (images,): that of all its rows that have one, or `SEVERAL`, or `UNKNOWN`.

    >>> common_labels(np.array([0, 0, 1, 1, 2]), np.array([7, UNKNOWN, 7, 8, UNKNOWN]), 3).tolist()
    [7, -1, -2]
    """
    low, high = np.full(images, np.iinfo(np.int64).max), np.full(images, UNKNOWN)
    known = labels != UNKNOWN
    np.minimum.at(low, of_row[known], labels[known])
    np.maximum.at(high, of_row, labels)
    return np.where(low < high, SEVERAL, high)


def as_void(keys: Bits) -> NDArray[np.void]:
    """Return the rows of keys, uint8 (n, width), as values that can be compared and sorted."""
    return np.ascontiguousarray(keys).view(f"V{keys.shape[1]}").ravel()
