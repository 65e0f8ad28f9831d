"""What people decided about pairs of images: decisions.parquet, keyed by the images' digests.

So a decision holds in every run that has the same two images, wherever their files lie.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.errors import DataError
from tasks.storage import disk, tables
from tasks.storage.place import Place
from tasks.vocabulary.arrays import Bits, Mask

NAME = "decisions.parquet"  # in a workspace
DIGEST = 16  # bytes: the MD5 of an image's pixels
SCHEMA = pa.schema(
    {
        "first": pa.binary(DIGEST),  # of the two digests, the smaller
        "second": pa.binary(DIGEST),
        "same": pa.bool_(),
        "similarity": pa.float64(),  # as it was measured when the pair was shown, or null
        "view": pa.string(),  # how
        "decided": pa.string(),  # when, ISO 8601 in UTC
        "first_id": pa.string(),  # of the pair that was shown, for people
        "second_id": pa.string(),
        "right_label": pa.string(),  # the class of the picture, where it was decided which of two labels is wrong
    }
)
NEEDED = ("first", "second", "same")
Key = tuple[bytes, bytes]


@dataclass(frozen=True)
class Decisions:
    """Decided pairs of images, each once.

    Attributes
    ----------
    table : Table
        Schema `SCHEMA`.
    """

    table: pa.Table

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def by_pair(self) -> dict[Key, bool]:
        """Whether two images, by their digests in order, are the same picture."""
        return {pair: same for pair, same in self._column("same").items() if pair[0] != pair[1]}

    @cached_property
    def right_labels(self) -> dict[Key, str]:
        """Class of the picture that two images show, or that has two labels, by their digests in order."""
        return {pair: label for pair, label in self._column("right_label").items() if label is not None}

    def _column(self, name: str) -> dict[Key, Any]:
        first, second, values = (self.table[column].to_pylist() for column in ("first", "second", name))
        return dict(zip(zip(first, second, strict=True), values, strict=True))

    def same_pairs(self) -> list[Key]:
        """Return the pairs that are the same picture, in order."""
        return sorted(pair for pair, same in self.by_pair.items() if same)

    def are_different(self, one: Bits, other: Bits) -> Mask:
        """Return which pairs of digests, uint8 (n, 16) each, were judged to be different pictures."""
        return self._are(one, other, same=False)

    def are_same(self, one: Bits, other: Bits) -> Mask:
        """Return which pairs of digests, uint8 (n, 16) each, were judged to be the same picture."""
        return self._are(one, other, same=True)

    def _are(self, one: Bits, other: Bits, *, same: bool) -> Mask:
        judged = self._keys[same]
        if not len(judged) or not len(one):
            return np.zeros(len(one), np.bool_)
        unlike = (one != other).argmax(axis=1)  # the first byte in which they differ
        at = np.arange(len(one))
        turned = one[at, unlike] > other[at, unlike]
        keys = np.where(turned[:, None], np.hstack([other, one]), np.hstack([one, other]))
        found: Mask = np.isin(np.ascontiguousarray(keys).view(f"V{2 * DIGEST}").ravel(), judged)
        return found

    @cached_property
    def _keys(self) -> dict[bool, NDArray[np.void]]:
        pairs = self.by_pair.items()
        return {
            same: np.array([b"".join(pair) for pair, verdict in pairs if verdict == same], f"V{2 * DIGEST}")
            for same in (True, False)
        }


def read_decisions(place: Place) -> Decisions:
    """Read a file of decisions.

    Raises
    ------
    DataError
        When it is not there, damaged, or not a table of decisions.
    """
    table = tables.read(place)
    wrong = [name for name in NEEDED if name not in table.column_names]
    if wrong:
        raise DataError(f"{place} is no table of decisions: it has no column {wrong[0]}; name what review wrote.")
    columns = [
        table[name] if name in table.column_names else pa.nulls(len(table), SCHEMA.field(name).type)
        for name in SCHEMA.names
    ]
    try:
        table = pa.table(columns, names=SCHEMA.names).cast(SCHEMA)
    except pa.ArrowException as error:
        raise DataError(f"{place} is no table of decisions: {str(error).partition(chr(10))[0]}.") from error
    if any(table[name].null_count for name in NEEDED):
        raise DataError(f"{place} has decisions without digests or answer; name what review wrote.")
    return Decisions(_once(_ordered(table)))


def add_decisions(workspace: Place, rows: Sequence[dict[str, object]], dropped: Iterable[Key] = ()) -> None:
    """Add decisions to those of a workspace, each in place of an earlier one of its pair, and drop some.

    The file is written whole and put in place of the old one: whoever reads it sees all of it.
    """
    place, added, gone = workspace / NAME, pa.Table.from_pylist(list(rows), schema=SCHEMA), set(dropped)

    def with_rows(part: Place) -> None:
        known = read_decisions(place).table if disk.exists(place) else SCHEMA.empty_table()
        table = _once(_ordered(pa.concat_tables([known, added])))
        pairs = zip(table["first"].to_pylist(), table["second"].to_pylist(), strict=True)
        tables.write(table.filter(pa.array([pair not in gone for pair in pairs], pa.bool_())), part)

    disk.revise(place, with_rows)


def _ordered(table: pa.Table) -> pa.Table:
    """Return decisions with the smaller digest first."""
    first, second, one, other = (table[name].to_pylist() for name in ("first", "second", "first_id", "second_id"))
    rows = [(b, a, y, x) if a > b else (a, b, x, y) for a, b, x, y in zip(first, second, one, other, strict=True)]
    for number, name in enumerate(("first", "second", "first_id", "second_id")):
        field = SCHEMA.field(name)
        table = table.set_column(
            SCHEMA.get_field_index(name), field, pa.array([row[number] for row in rows], field.type)
        )
    return table


def _once(table: pa.Table) -> pa.Table:
    """Return the last decision of each pair; of an image with itself there is nothing to decide but its label."""
    last = {
        pair: row for row, pair in enumerate(zip(table["first"].to_pylist(), table["second"].to_pylist(), strict=True))
    }
    labels = table["right_label"].to_pylist()
    rows = sorted(row for (one, other), row in last.items() if one != other or labels[row] is not None)
    kept = table.take(pa.array(rows, pa.int64()))
    return kept.take(pc.sort_indices(kept, [("first", "ascending"), ("second", "ascending")])) if len(kept) else kept
