"""Choose and check the sizes of grouped splits, and note where the groups do not allow them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tasks.errors import UsageError
from tasks.joined import RowNumbers
from tasks.records.spec import DrawSpec
from tasks.vocabulary import SPLITS

PARTS = (8, 1, 1)  # of train, validation and test, unless sizes are given
NOTED = 0.01  # relative deviation of a split's rows, and absolute one of a class's share, that is reported


def sizes_of_splits(spec: DrawSpec, rows: int) -> list[int]:
    """Return the rows of train, validation and test; the rows that nobody asked for are divided 8 to 1 to 1.

    Raises `UsageError` when more rows are asked for than there are, and when a split would be empty.
    """
    asked = [getattr(spec, name) for name in SPLITS]
    left = rows - sum(size or 0 for size in asked)
    if left < 0:
        raise UsageError(
            f"train, validation and test add up to {rows - left:,} rows, but there are only {rows:,} images."
        )
    parts = sum(part for part, size in zip(PARTS, asked, strict=True) if size is None)
    sizes = [left * part // parts if size is None else size for part, size in zip(PARTS, asked, strict=True)]
    if asked[0] is None:
        sizes[0] += left - sum(size for size, given in zip(sizes, asked, strict=True) if given is None)
    if any(size != 0 and not found for size, found in zip(asked, sizes, strict=True)):
        raise UsageError(f"{rows:,} images are too few for these splits; name another source, or other sizes.")
    return sizes


def check_groups(spec: DrawSpec, sizes: Sequence[int], groups: int) -> None:
    """Raise `UsageError` when there are fewer groups than splits or folds."""
    asked = [name for name, size in zip(SPLITS, sizes, strict=True) if size]
    if groups < len(asked):
        finer = "a finer --group-by or " if spec.group_by else "no --group-alike or " if spec.group_alike else ""
        other = "--validation 0" if groups == 2 else f"{finer}a higher --threshold"
        names = f"{', '.join(asked[:-1])} and {asked[-1]}"
        raise UsageError(f"{names} need {len(asked)} groups, but the images form only {groups}; use {other}.")
    if spec.folds and groups < spec.folds:
        raise UsageError(f"{spec.folds} folds need {spec.folds} groups, but there are {groups}; use --folds {groups}.")


def notes_on(
    dealt: RowNumbers, sizes: Sequence[int], groups: RowNumbers, labels: RowNumbers, ids: pa.Array
) -> list[str]:
    """Return notes about groups that fit into one split only, and about sizes and classes that miss their targets.

    Raises `UsageError` when a group is larger than the largest split.
    """
    counts, notes = np.bincount(groups), []
    largest, smallest = int(counts.argmax()), max(1, min(size for size in sizes if size))
    if counts[largest] > smallest:
        name = ids[int(np.flatnonzero(groups == largest)[0])].as_py()
        if counts[largest] > max(sizes):
            raise UsageError(
                f"the group of {name} has {counts[largest]:,} images, but the largest split has {max(sizes):,}; "
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
            notes.append(f"the share of a class in {split} differs by up to {100 * off:.1f} points from the whole set.")
    return notes
