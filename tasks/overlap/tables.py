"""Read splits with their fingerprints, and write tables of twins."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.overlap.exact import as_void
from tasks.overlap.find import Side, Twins
from tasks.overlap.pictures import Pictures
from tasks.records import Fingerprints, Split
from tasks.records.conservation import conserve
from tasks.storage import tables
from tasks.storage.copies import Copies
from tasks.storage.place import Place
from tasks.vocabulary.arrays import Floats, Mask, RowNumbers

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
        "crowd": pa.float64(),  # of photographs; see `tasks.overlap.pictures`
    }
)


@dataclass(frozen=True)
class SplitFingerprints:
    """Rows of a split in order, as strings, and as the engine sees them; `length` is that of their bits.

    What stands last only photographs have.
    """

    ids: pa.Array
    class_names: pa.Array
    fonts: pa.Array
    one_colour: Mask
    side: Side
    length: int
    copies: Copies | None = None
    short_sides: RowNumbers | None = None
    pixels: RowNumbers | None = None  # of the original
    bytes: RowNumbers | None = None

    def take(self, rows: RowNumbers) -> "SplitFingerprints":
        """Return some rows, in their order, as a split of their own."""
        at = pa.array(rows)
        numbers = {
            name: None if (values := getattr(self, name)) is None else values[rows]
            for name in ("short_sides", "pixels", "bytes")
        }
        return SplitFingerprints(
            self.ids.take(at),
            self.class_names.take(at),
            self.fonts.take(at),
            self.one_colour[rows],
            self.side.take(rows),
            self.length,
            self.copies and self.copies.take(rows),
            **numbers,
        )

    def blank(self) -> int:
        """Return how many rows have no bit set, or all: their bits say nothing of what they show."""
        counts = np.bitwise_count(self.side.bits).sum(axis=1, dtype=np.int64)
        return int(((counts == 0) | (counts == self.length)).sum())

    @property
    def pictures(self) -> Pictures:
        """The rows as pictures that can be laid over others."""
        if self.copies is None:
            raise TypeError("glyphs have no copies to lay over each other")
        return Pictures(self.side, self.copies)


def read_split(split: Split, fingerprints: Sequence[Fingerprints], workspace: Place) -> SplitFingerprints:
    """Read a split's rows and find their fingerprints.

    Parameters
    ----------
    split : Split
    fingerprints : sequence of Fingerprints
        Of all shards that its rows come from.
    workspace : Place
    """
    columns = pa.concat_tables([tables.read(path, ["id", "class_name", "label"]) for path in split.places(workspace)])
    read = [tables.read(workspace / each.table) for each in fingerprints]
    prints = pa.concat_tables(
        [table.append_column("file", pa.array([number] * len(table), pa.int64())) for number, table in enumerate(read)]
    )
    ids = columns["id"].combine_chunks()
    found = prints.take(pc.index_in(ids, value_set=prints["id"].combine_chunks()))
    conserve(f"fingerprints of {split.name}", len(ids), len(ids) - found["id"].null_count)  # else rows would be alike
    ranks = np.empty(len(ids), np.int64)
    ranks[pc.sort_indices(ids).to_numpy()] = np.arange(len(ids))
    side = Side(tables.bytes_of(found["md5"]), tables.bytes_of(found["bits"]), columns["label"].to_numpy(), ranks)
    length = int(read[0].schema.metadata[b"view_bits"])
    class_names, fonts = columns["class_name"].combine_chunks(), found["font"].combine_chunks()
    rows = SplitFingerprints(ids, class_names, fonts, found["one_colour"].to_numpy(), side, length)
    files = [workspace / each.copies for each in fingerprints if each.copies]
    if not files:
        return rows
    copies = Copies(files, found["file"].to_numpy(), found["copy"].to_numpy())
    sizes = {name: found[name].to_numpy() for name in ("pixels", "bytes")}
    return replace(rows, copies=copies, short_sides=found["short_side"].to_numpy(), **sizes)


def twins_table(
    rows: SplitFingerprints, others: SplitFingerprints, twins: Twins, crowd: Floats | None = None
) -> pa.Table:
    """Return one row per image of a split: its best twin in the other, and its best twin of another class."""
    columns = [rows.ids, rows.class_names]
    for row, exact, jaccard, percent in (
        (twins.row, twins.exact, twins.jaccard, twins.percent),
        (twins.other_row, twins.other_exact, twins.other_jaccard, twins.other_percent),
    ):
        at, similarity = pa.array(row, mask=row < 0), pa.array(jaccard, mask=row < 0)
        columns += [others.ids.take(at), others.class_names.take(at), pa.array(exact), similarity, pa.array(percent)]
    crowd = np.zeros(len(twins.row)) if crowd is None else crowd
    return pa.table([*columns, pa.array(twins.count), pa.array(crowd)], schema=TWINS)


def shared_fonts(rows: SplitFingerprints, others: SplitFingerprints) -> dict[str, int]:
    """Count the rows whose font also occurs in the other split in any class, and those of unknown font."""
    shared = pc.is_in(rows.fonts, value_set=others.fonts.drop_null())
    return {"same_font": int(pc.sum(shared).as_py() or 0), "unknown_font": rows.fonts.null_count}


def distinct(side: Side) -> NDArray[np.void]:
    """Return the distinct images of a split as their digests."""
    return np.unique(as_void(side.digests))
