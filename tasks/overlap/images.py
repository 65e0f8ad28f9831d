"""The distinct images of a split, one for all rows with equal pixels: only these are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from tasks.arrays import Bits, Mask, RowNumbers
from tasks.overlap.patterns import Patterns
from tasks.records import Prints
from tasks.storage import Place, tables
from tasks.storage.copies import Copies

SEVERAL, UNKNOWN = -1, -2  # labels of an image whose rows have different labels, and of an unlabelled image
NOTHING = -1


@dataclass(frozen=True)
class Images:
    """All or some distinct images of a split, in the order of their digests."""

    numbers: RowNumbers  # in the split, int64 (n,)
    digests: Bits  # MD5 of the pixels, uint8 (n, 16)
    patterns: Patterns  # bits for comparison
    labels: RowNumbers  # class of their rows, or `SEVERAL`, or `UNKNOWN`, int64 (n,)
    copies: Copies | None = None  # gray copies of photographs

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, some: RowNumbers | Mask | slice) -> "Images":
        """Return some images, in their order."""
        copies = self.copies and self.copies.take(some)
        return Images(self.numbers[some], self.digests[some], self.patterns[some], self.labels[some], copies)

    @classmethod
    def concatenated(cls, parts: "Sequence[Images]") -> "Images":
        """Concatenate images of several splits; each keeps its number in its split."""
        numbers, digests, labels = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "digests", "labels")
        )
        patterns = Patterns.joined([part.patterns for part in parts])
        copies = [part.copies for part in parts if part.copies is not None]
        return cls(numbers, digests, patterns, labels, Copies.concatenated(copies) if copies else None)

    def are_among(self, digests: Bits) -> Mask:
        """Return which images have one of these digests, uint8 (m, 16)."""
        return np.asarray(pc.is_in(tables.binary(self.digests), value_set=tables.binary(digests)))

    @property
    def gray(self) -> Copies:
        """The gray copies of photographs; raises `TypeError` for glyphs."""
        if self.copies is None:
            raise TypeError("glyphs have no gray copies")
        return self.copies


def read_images(prints: Prints, workspace: Place, some: range | None = None) -> Images:
    """Return the distinct images of a split, or a slice of them."""
    some = range(prints.images) if some is None else some
    table = tables.read_rows(workspace / prints.images_table, some.start, len(some))
    copies = Copies.of([workspace / file for file in prints.copies], table) if prints.copies else None
    patterns = Patterns.of(tables.bytes_of(table["bits"]), prints.length)
    digests, labels = tables.bytes_of(table["md5"]), table["label"].to_numpy()
    del table
    tables.release_memory()
    return Images(np.arange(some.start, some.stop), digests, patterns, labels, copies)


def same_images(first: Bits, second: Bits) -> tuple[RowNumbers, RowNumbers]:
    """Return the numbers of the images that two sets share, given their distinct digests, uint8 (n, 16)."""
    places = pc.index_in(tables.binary(first), value_set=tables.binary(second)).fill_null(NOTHING).to_numpy()
    shared = np.flatnonzero(places != NOTHING)
    return shared, places[shared].astype(np.int64)
