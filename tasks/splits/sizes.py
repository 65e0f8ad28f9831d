"""Sizes of grouped splits, and what is said of them where groups don't allow what was asked for."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tasks.errors import UsageError
from tasks.joined import RowNumbers
from tasks.records.spec import DrawSpec
from tasks.vocabulary import SPLITS

PARTS = (8, 1, 1)  # of train, validation and test, where no size is given
NOTED = 0.01  # rows by which a split, and points by which the share of a class, may differ without a word


def sizes_of_splits(spec: DrawSpec, rows: int) -> list[int]:
    """Return the rows of train, validation and test: as asked for, the rest of all rows in the proportions 8, 1 and 1.

    Raises `UsageError` when more rows are asked for than there are, or when a split that should have rows gets none.
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
    if any(size != 0 and not found for size, found in zip(asked, sizes, strict=True)):
        raise UsageError(f"{rows:,} images are too few for these splits; name another source, or other sizes.")
    return sizes


def check_groups(spec: DrawSpec, sizes: Sequence[int], groups: int) -> None:
    """Raise `UsageError` where there are too few groups for splits and folds, each of which has at least one."""
    asked = [name for name, size in zip(SPLITS, sizes, strict=True) if size]
    if groups < len(asked):
        finer = "a finer --group-by or " if spec.group_by else "no --group-alike or " if spec.group_alike else ""
        other = "--validation 0" if groups == 2 else f"{finer}a higher --threshold"
        names = f"{', '.join(asked[:-1])} and {asked[-1]}"
        raise UsageError(f"{names} need {len(asked)} groups, and the images form only {groups}; use {other}.")
    if spec.folds and groups < spec.folds:
        raise UsageError(f"{spec.folds} folds need as many groups, and the images form {groups}; use --folds {groups}.")


def notes_on(
    dealt: RowNumbers, sizes: Sequence[int], groups: RowNumbers, labels: RowNumbers, ids: pa.Array
) -> list[str]:
    """Say which groups fit into one split alone, and where sizes and classes are not as they were to be.

    Raises `UsageError` when a group is larger than the largest split.
    """
    counts, notes = np.bincount(groups), []
    largest, smallest = int(counts.argmax()), max(1, min(size for size in sizes if size))
    if counts[largest] > smallest:
        name = ids[int(np.flatnonzero(groups == largest)[0])].as_py()
        if counts[largest] > max(sizes):
            raise UsageError(
                f"the group of {name} has {counts[largest]:,} images, more than the largest split, of {max(sizes):,}; "
                "ask for larger splits, or group by something finer."
            )
        larger = f"groups that are larger than the smallest split: {(counts > smallest).sum():,}"
        notes.append(f"{larger}; the largest, of {name}, has {counts[largest]:,} images.")
    of_all = np.bincount(labels) / len(labels)
    for number, split in enumerate(SPLITS):
        own = labels[dealt == number]
        if abs(len(own) - sizes[number]) > NOTED * sizes[number]:
            notes.append(f"{split} has {len(own):,} rows instead of {sizes[number]:,}: no group is divided.")
        shares = np.bincount(own, minlength=len(of_all)) / max(len(own), 1)
        if len(own) and (off := np.abs(shares - of_all).max()) > NOTED:
            notes.append(f"the share of a class in {split} differs by up to {100 * off:.1f} points from that in all.")
    return notes
