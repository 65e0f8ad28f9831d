"""Read splits with their fingerprints; write, read and count tables of twins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.overlap.find import Side, Twins
from tasks.records import Direction
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import VARIANTS, SplitName, Variant
from tasks.vocabulary.arrays import Bits, Mask

TWINS = pa.schema(
    {
        "id": pa.string(),
        "class_name": pa.string(),
        "twin_id": pa.string(),
        "twin_class_name": pa.string(),
        "exact": pa.bool_(),
        "jaccard": pa.float64(),
        "percent": pa.int64(),
        "other_id": pa.string(),
        "other_class_name": pa.string(),
        "other_exact": pa.bool_(),
        "other_jaccard": pa.float64(),
        "other_percent": pa.int64(),
        "twins": pa.int64(),
    }
)


@dataclass(frozen=True)
class SplitFingerprints:
    """Rows of a split in order, as strings, and as the engine sees them; `length` is that of their bits."""

    ids: pa.Array
    class_names: pa.Array
    fonts: pa.Array
    one_colour: Mask
    side: Side
    length: int
    variants: dict[Variant, pa.ChunkedArray]  # packed bits, one form of the row behind the other


def read_split(split: Sequence[Place], fingerprints: Sequence[Place]) -> SplitFingerprints:
    """Read a split's rows and find their fingerprints.

    Parameters
    ----------
    split : sequence of Place
        Parquet files of the split.
    fingerprints : sequence of Place
        Of all shards that its rows come from.
    """
    columns = pa.concat_tables([tables.read(path, ["id", "class_name", "label"]) for path in split])
    prints = pa.concat_tables([tables.read(path) for path in fingerprints])
    ids = columns["id"].combine_chunks()
    found = prints.take(pc.index_in(ids, value_set=prints["id"].combine_chunks()))
    ranks = np.empty(len(ids), np.int64)
    ranks[pc.sort_indices(ids).to_numpy()] = np.arange(len(ids))
    side = Side(bytes_of(found["md5"]), bytes_of(found["bits"]), columns["label"].to_numpy(), ranks)
    length = int(tables.read(fingerprints[0], ["id"]).schema.metadata[b"view_bits"])
    variants = {name: found[name] for name in VARIANTS if name in found.column_names}
    class_names, fonts = columns["class_name"].combine_chunks(), found["font"].combine_chunks()
    return SplitFingerprints(ids, class_names, fonts, found["one_colour"].to_numpy(), side, length, variants)


def twins_table(rows: SplitFingerprints, others: SplitFingerprints, twins: Twins) -> pa.Table:
    """Return one row per image of a split: its best twin in the other, and its best twin of another class."""
    columns = [rows.ids, rows.class_names]
    for row, exact, jaccard, percent in (
        (twins.row, twins.exact, twins.jaccard, twins.percent),
        (twins.other_row, twins.other_exact, twins.other_jaccard, twins.other_percent),
    ):
        at, similarity = pa.array(row, mask=row < 0), pa.array(jaccard, mask=row < 0)
        columns += [others.ids.take(at), others.class_names.take(at), pa.array(exact), similarity, pa.array(percent)]
    return pa.table([*columns, pa.array(twins.count)], schema=TWINS)


def count_direction(
    table: Place, rows_of: SplitName, found_in: SplitName, threshold: int, floor: int, fixed: dict[str, int]
) -> Direction:
    """Count a table of twins at a threshold and at every whole percent from the floor to 100.

    Parameters
    ----------
    table : Place
    rows_of, found_in : str
    threshold, floor : int
        In whole percent.
    fixed : dict
        Counts that no threshold changes: distinct_exact, same_font, unknown_font.
    """
    columns = ("exact", "percent", "other_exact", "other_percent")
    twins = tables.read(table, list(columns))
    exact, percent, other_exact, other_percent = (twins[name].to_numpy() for name in columns)
    near, other_near = percent >= threshold, other_percent >= threshold
    return Direction(
        rows_of=rows_of,
        found_in=found_in,
        rows=len(twins),
        exact=int(exact.sum()),
        near=int((near & ~exact).sum()),
        either=int((near | exact).sum()),
        cross_class=int((other_near | other_exact).sum()),
        conflicts_exact=int(other_exact.sum()),
        conflicts_near=int((other_near & ~other_exact).sum()),
        by_percent={p: int(((percent >= p) | exact).sum()) for p in range(floor, 101)},
        **fixed,
    )


def shared_fonts(rows: SplitFingerprints, others: SplitFingerprints) -> dict[str, int]:
    """Count the rows whose font also occurs in the other split in any class, and those of unknown font."""
    shared = pc.is_in(rows.fonts, value_set=others.fonts.drop_null())
    return {"same_font": int(pc.sum(shared).as_py() or 0), "unknown_font": rows.fonts.null_count}


def distinct(side: Side) -> NDArray[np.void]:
    """Return the distinct images of a split as their digests."""
    return np.unique(np.ascontiguousarray(side.digests).view(f"V{side.digests.shape[1]}").ravel())


def bytes_of(column: pa.ChunkedArray) -> Bits:
    """Return fixed-size binary values as uint8 (n, width)."""
    array = column.combine_chunks()
    width = array.type.byte_width
    start = array.offset * width
    return np.frombuffer(array.buffers()[1], np.uint8)[start : start + len(array) * width].reshape(-1, width)
