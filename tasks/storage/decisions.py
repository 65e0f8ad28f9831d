"""What people decided about pairs of images: decisions.parquet, keyed by the images' digests.

So a decision holds in every run that has the same two images, wherever their files are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Bits, Mask
from tasks.errors import DataError
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.storage.stores import at

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
Row = dict[str, Any]  # a decision, by the names of `SCHEMA`


@dataclass(frozen=True)
class Decisions:
    """Decided pairs of images, each once."""

    table: pa.Table  # of schema `SCHEMA`

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

    def about(self, digests: pa.Array) -> "Decisions":
        """Return the decisions that apply to images with these digests: both images of the pair are among them."""
        both = [pc.is_in(self.table[name], value_set=digests.cast(pa.binary(DIGEST))) for name in ("first", "second")]
        return Decisions(self.table.filter(pc.and_(*both)))

    def are_different(self, one: Bits, other: Bits) -> Mask:
        """Return which pairs of digests, uint8 (n, 16) each, were judged to be different pictures."""
        return self._are(one, other, same=False)

    def are_same(self, one: Bits, other: Bits) -> Mask:
        """Return which pairs of digests, uint8 (n, 16) each, were judged to be the same picture."""
        return self._are(one, other, same=True)

    def _are(self, one: Bits, other: Bits, *, same: bool) -> Mask:
        judged = [key for (a, b), verdict in self.by_pair.items() if verdict == same for key in (a + b, b + a)]
        if not judged or not len(one):
            return np.zeros(len(one), np.bool_)
        keys = np.ascontiguousarray(np.hstack([one, other])).view(f"V{2 * DIGEST}").ravel()
        found: Mask = np.isin(keys, np.array(judged, keys.dtype))
        return found


def read_decisions(place: Place) -> Decisions:
    """Read a file of decisions.

    Raises `DataError` when it is not there, damaged, not a table of decisions, or calls a pair the same and different.
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
    found: dict[Key, Row] = {}
    for number, row in enumerate(map(_in_order, table.to_pylist()), 1):
        before = found.get(_key(row), row)
        if any(before[name] != row[name] for name in ("same", "right_label")):
            one, other = (row[f"{side}_id"] or row[side].hex() for side in ("first", "second"))
            answers = ("of one class", "of another")
            if before["same"] != row["same"]:
                answers = "the same picture", "different"
            raise DataError(
                f"{place} says that {one} and {other} are {answers[0]} and that they are {answers[1]}, in rows "
                f"{before['number']} and {number}; remove one of the two rows."
            )
        found[_key(row)] = row | {"number": number}
    return Decisions(_table(found))


def add_decisions(workspace: Place, rows: Sequence[Row], dropped: Iterable[Key] = ()) -> None:
    """Add decisions to those of a workspace, each in place of an earlier one of its pair, and drop some."""
    place, gone = workspace / NAME, set(dropped)

    def with_rows(part: Place) -> None:
        known = read_decisions(place).table.to_pylist() if at(place).exists() else []
        found = {_key(row): row for row in [*known, *map(_in_order, rows)]}
        tables.write(_table({pair: row for pair, row in found.items() if pair not in gone}), part)

    at(place).revise(with_rows)


def _key(row: Row) -> Key:
    return row["first"], row["second"]


def _in_order(row: Row) -> Row:
    turned = {"first": row["second"], "second": row["first"]}
    turned |= {"first_id": row.get("second_id"), "second_id": row.get("first_id")}
    return row | turned if row["first"] > row["second"] else row


def _table(rows: Mapping[Key, Row]) -> pa.Table:
    """Return decisions in the order of their pairs; of an image with itself there is only its label to decide."""
    kept = [pair for pair, row in rows.items() if pair[0] != pair[1] or row.get("right_label")]
    return pa.Table.from_pylist([rows[pair] for pair in sorted(kept)], schema=SCHEMA)
