"""Sizes of grouped splits, and what is said of them where groups don't allow what was asked for."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tasks.errors import UsageError
from tasks.joined import RowNumbers
from tasks.records.spec import DrawSpec
from tasks.splits.grouped import Dealt
from tasks.vocabulary import SPLITS

PARTS = (8, 1, 1)  # of train, validation and test, where no size is given
NOTED = 0.01  # rows by which a split, and points by which the share of a class, may differ without a word


def sizes_of_splits(spec: DrawSpec, rows: int) -> list[int]:
    """Return the rows of train, validation and test: as asked for, the rest of all rows in the proportions 8, 1 and 1.

    Raises
    ------
    UsageError
        When more rows are asked for than there are, or train or test would have none.
    """
    asked = [getattr(spec, name) for name in SPLITS]
    left = rows - sum(size or 0 for size in asked)
    if left < 0:
        raise UsageError(
            f"train, validation and test have {rows - left:,} rows together, more than the {rows:,} images."
        )
    parts = sum(part for part, size in zip(PARTS, asked, strict=True) if size is None)
    sizes = [left * part // parts if size is None else size for part, size in zip(PARTS, asked, strict=True)]
    if asked[0] is None:
        sizes[0] += left - sum(size for size, given in zip(sizes, asked, strict=True) if given is None)
    if not sizes[0] or not sizes[2]:
        raise UsageError(f"{rows:,} images are too few for train and test; name another source, or other sizes.")
    return sizes


def notes_on(dealt: Dealt, sizes: Sequence[int], groups: RowNumbers, labels: RowNumbers, ids: pa.Array) -> list[str]:
    """Say which groups fit into one split alone, and where sizes and classes are not as they were to be.

    Raises
    ------
    UsageError
        When a group is larger than the largest split.
    """
    counts, notes = np.bincount(groups), []
    if len(dealt.confined):
        largest = int(dealt.confined[0])
        name = ids[int(np.flatnonzero(groups == largest)[0])].as_py()
        if counts[largest] > max(sizes):
            raise UsageError(
                f"the group of {name} has {counts[largest]:,} images, more than the largest split, of {max(sizes):,}; "
                "ask for larger splits, or group by something finer."
            )
        notes.append(
            f"{len(dealt.confined)} groups are larger than the smallest split; the largest, of {name}, has "
            f"{counts[largest]:,} images."
        )
    of_all = np.bincount(labels) / len(labels)
    for number, split in enumerate(SPLITS):
        own = labels[dealt.bin == number]
        if abs(len(own) - sizes[number]) > NOTED * sizes[number]:
            notes.append(f"{split} has {len(own):,} rows instead of {sizes[number]:,}: its groups allow no other size.")
        shares = np.bincount(own, minlength=len(of_all)) / max(len(own), 1)
        if len(own) and (off := np.abs(shares - of_all).max()) > NOTED:
            notes.append(f"the share of a class in {split} differs by up to {100 * off:.1f} points from that in all.")
    return notes
