"""Group the rows of all sources by duplicates and by the user's groups, and choose and check the sizes of splits."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array

from tasks.arrays import RowNumbers
from tasks.errors import UsageError
from tasks.joined import groups_of, links_of
from tasks.records import LoadedSources, Overlap, SplitDuplicates
from tasks.records.spec import DrawSpec
from tasks.splits.group_names import names_of_groups
from tasks.splits.grouped import NOWHERE, deal
from tasks.storage import Place, tables
from tasks.vocabulary import SPLITS, counted

NO_GROUP = -1
FOLDING = 7  # added to the seed, so that folds are independent of splits
PARTS = (8, 1, 1)  # of train, validation and test, unless sizes are given
NOTED = 0.01  # relative deviation of a split's rows, and absolute one of a class's share, that is reported


def row_groups(
    ids: pa.Array, twins: SplitDuplicates, found: Sequence[Overlap], by: str | None, loaded: LoadedSources, space: Place
) -> tuple[RowNumbers, dict[str, Any]]:
    """Connect rows that are duplicates, pages of one file, or in the same group of the user.

    `ids` are those of the rows of all sources; `twins` are the duplicates inside them as one set; `found` are the
    overlaps of earlier splits, whose duplicates are connected, too. `by` is explained in `names_of_groups`.

    Returns the group of each row, int64 (rows,), and facts: ``unmatched`` rows without a group of the user, and
    ``purity`` and ``completeness`` of the groups of duplicates against the user's groups.
    """
    of_twins = tables.read(space / twins.table, ["id", "group"])
    rows = pc.index_in(of_twins["id"].combine_chunks(), value_set=ids).to_numpy()
    count, links = len(ids), [(rows, rows[links_of(of_twins["group"].to_numpy())[1]])]
    links += [pair for overlap in found for pair in _pairs(overlap, ids, space)]
    files = pc.replace_substring_regex(ids, r"(?i)#\d+\.(tiff?|dcm|dicom)$", "").dictionary_encode()  # of pages
    links.append(links_of(files.indices.to_numpy()))
    if by is None:
        return groups_of(count, links), {"unmatched": 0, "purity": None, "completeness": None}
    names = names_of_groups(ids, by, loaded, space)
    keys = names.dictionary_encode().indices.fill_null(NO_GROUP).to_numpy().astype(np.int64)
    known = np.flatnonzero(keys != NO_GROUP)
    purity, completeness = purity_and_completeness(groups_of(count, links)[known], keys[known])
    links.append(links_of(keys))
    return groups_of(count, links), {"unmatched": count - len(known), "purity": purity, "completeness": completeness}


def purity_and_completeness(found: RowNumbers, given: RowNumbers) -> tuple[float, float]:
    """Return purity and completeness of groups against given ones, from 0 to 1.

    Purity is the share of images in the most frequent given group of their found group; completeness is the same with
    found and given exchanged (Manning, Raghavan and Schuetze, Introduction to Information Retrieval, 2008, 16.3).

    >>> purity_and_completeness(np.array([0, 0, 1, 2]), np.array([5, 5, 5, 6]))
    (1.0, 0.75)
    """
    shared = coo_array((np.ones(len(found)), (found, given))).tocsr()  # images by found and given group
    purity, completeness = (float(shared.max(axis=axis).sum() / len(found)) for axis in (1, 0))
    return purity, completeness


def sizes_of_splits(spec: DrawSpec, rows: int) -> list[int]:
    """Return the rows of train, validation and test; the rows that nobody asked for are divided 8 to 1 to 1.

    Raises `UsageError` when more rows are asked for than there are, and when a split would be empty.
    """
    asked = [getattr(spec, name) for name in SPLITS]
    left = rows - sum(size or 0 for size in asked)
    if left < 0:
        raise UsageError(f"train, validation and test add up to {rows - left:,} rows, but there are {rows:,} images.")
    parts = sum(part for part, size in zip(PARTS, asked, strict=True) if size is None)
    sizes = [left * part // parts if size is None else size for part, size in zip(PARTS, asked, strict=True)]
    if None in asked:
        sizes[asked.index(None)] += rows - sum(sizes)
    if any(size != 0 and not found for size, found in zip(asked, sizes, strict=True)):
        raise UsageError(f"{counted(rows, 'image')} cannot fill these splits; name another source, or give sizes.")
    return sizes


def check_groups(spec: DrawSpec, sizes: Sequence[int], groups: int) -> None:
    """Raise `UsageError` when there are fewer groups than splits or folds."""
    asked = [name for name, size in zip(SPLITS, sizes, strict=True) if size]
    if groups < len(asked):
        finer = "a finer --group-by, or " if spec.group_by else "no --group-alike, or " if spec.group_alike else ""
        other = "use --validation 0" if groups == 2 else f"{'use ' * bool(finer)}{finer}add other images"
        names = f"{', '.join(asked[:-1])} and {asked[-1]}"
        raise UsageError(f"{names} need {len(asked)} groups, but the images form only {groups}; {other}.")
    if spec.folds and groups < spec.folds:
        raise UsageError(f"{spec.folds} folds need {spec.folds} groups, but there are {groups}; use --folds {groups}.")


def notes_of(
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


def write_groups(
    ids: pa.Array, groups: RowNumbers, labels: RowNumbers, bins: RowNumbers, folds: int | None, seed: int, target: Place
) -> None:
    """Write id, ``split`` (null for an image left over), ``group`` and, if `folds` is given, ``fold`` from 0 on.

    Folds are assigned over all images, whatever their split; each has whole groups and similar shares of each class.
    """
    names = pa.array([*SPLITS, None], pa.string())
    columns = {"id": ids, "split": names.take(pa.array(bins % (len(SPLITS) + 1))), "group": pa.array(groups)}
    if folds:
        each = [len(groups) // folds + (number < len(groups) % folds) for number in range(folds)]
        columns["fold"] = pa.array(deal(groups, labels, each, [seed, FOLDING]))
    tables.write(pa.table(columns), target)


def shared_with_others(bins: RowNumbers, groups: RowNumbers) -> int:
    """Count the test rows that have a row of their group in train or validation."""
    test = SPLITS.index("test")
    elsewhere = np.unique(groups[(bins != NOWHERE) & (bins != test)])
    return int(np.isin(groups[bins == test], elsewhere).sum())


def _pairs(overlap: Overlap, ids: pa.Array, workspace: Place) -> Iterable[tuple[RowNumbers, RowNumbers]]:
    """Yield rows and their duplicates in another split, as row numbers over all sources."""
    for name in (overlap.first, overlap.second):
        table = tables.read(workspace / overlap.table(name), ["id", "twin_id", "exact", "near"])
        table = table.filter(pc.or_(table["exact"], table["near"]))
        one, other = (pc.index_in(table[column].combine_chunks(), value_set=ids) for column in ("id", "twin_id"))
        yield one.to_numpy(), other.to_numpy()
