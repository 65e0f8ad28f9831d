"""Decisions of people about pairs of images: decisions.parquet, keyed by the images' digests.

A decision therefore applies to every run with the same two images, wherever their files are.
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
from tasks.storage import Place, at, foreign, tables

NAME = "decisions.parquet"  # in a workspace
DIGEST = 16  # bytes: the MD5 of an image's pixels
SCHEMA = pa.schema(
    {
        "first": pa.binary(DIGEST),  # the smaller of the two digests
        "second": pa.binary(DIGEST),
        "same": pa.bool_(),
        "similarity": pa.float64(),  # as measured when the pair was reviewed, or null
        "view": pa.string(),  # that measured it
        "decided": pa.string(),  # when, ISO 8601 in UTC
        "first_id": pa.string(),  # of the reviewed pair, for people
        "second_id": pa.string(),
        "stays": pa.binary(DIGEST),  # digest of the image that stays, if a person chose it
        "right_label": pa.string(),  # class of the image, if a person resolved a label conflict
    }
)
MAX_DECISIONS = 1_000_000
ANSWERS = ("same", "right_label", "stays")  # on which two rows about one pair must agree
Key = tuple[bytes, bytes]
Decision = dict[str, Any]  # keyed by the names of `SCHEMA`


@dataclass(frozen=True)
class Decisions:
    """Decided pairs of images, each pair once."""

    table: pa.Table  # of schema `SCHEMA`

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def by_pair(self) -> dict[Key, bool]:
        """Whether two images show the same, by their digests in order."""
        return {pair: same for pair, same in self._column("same").items() if pair[0] != pair[1]}

    @cached_property
    def right_labels(self) -> dict[Key, str]:
        """The right class of two images, or of one with two labels, by their digests in order."""
        return {pair: label for pair, label in self._column("right_label").items() if label is not None}

    @cached_property
    def staying(self) -> dict[Key, bytes]:
        """The digest of the image that stays of two duplicates, where a person chose it, by their digests in order."""
        return {pair: digest for pair, digest in self._column("stays").items() if digest is not None}

    def _column(self, name: str) -> dict[Key, Any]:
        first, second, values = (self.table[column].to_pylist() for column in ("first", "second", name))
        return dict(zip(zip(first, second, strict=True), values, strict=True))

    def about(self, digests: pa.Array, either: bool = False) -> "Decisions":
        """Return the decisions with both images among these digests, or with at least one."""
        found = [pc.is_in(self.table[name], value_set=digests.cast(pa.binary(DIGEST))) for name in ("first", "second")]
        return Decisions(self.table.filter((pc.or_ if either else pc.and_)(*found)))

    def judged(self, one: Bits, other: Bits, *, same: bool) -> Mask:
        """Return which pairs of digests, uint8 (n, 16) each, people judged to show the same, or different images."""
        judged = [key for (a, b), verdict in self.by_pair.items() if verdict == same for key in (a + b, b + a)]
        keys = np.ascontiguousarray(np.hstack([one, other])).view(f"V{2 * DIGEST}").ravel()
        return np.isin(keys, np.array(judged, keys.dtype))


def read_decisions(place: Place) -> Decisions:
    """Read a file of decisions.

    Raises `DataError` when it is missing, damaged, not a table of decisions, or contradicts itself.
    """
    table = foreign.read_columns(place, SCHEMA.names, MAX_DECISIONS)
    columns = [table[one.name] if one.name in table.column_names else pa.nulls(len(table), one.type) for one in SCHEMA]
    try:
        table = pa.table(columns, names=SCHEMA.names).cast(SCHEMA)
    except pa.ArrowException as error:
        raise DataError(f"{place} is not a table of decisions: {str(error).partition(chr(10))[0]}.") from error
    if any(table[name].null_count for name in ("first", "second", "same")):
        raise DataError(f"{place} has decisions without digests or answer; name a file that review wrote.")
    found: dict[Key, Decision] = {}
    for number, row in enumerate(map(_in_order, table.to_pylist()), 1):
        before = found.get(_key(row), row)
        if differ := [name for name in ANSWERS if before[name] != row[name]]:
            one, other = (row[f"{side}_id"] or row[side].hex() for side in ("first", "second"))
            raise DataError(
                f"{place} has two decisions about {one} and {other} that differ in {differ[0]}, in rows "
                f"{before['number']} and {number}; remove one of the two rows."
            )
        if row["stays"] not in (None, *(_key(row) if row["same"] else ())):
            raise DataError(f"{place} keeps an image in row {number} that is not one of two duplicates; correct it.")
        found[_key(row)] = row | {"number": number}
    return Decisions(_table(found))


def add_decisions(workspace: Place, rows: Sequence[Decision], dropped: Iterable[Key] = ()) -> None:
    """Add decisions to a workspace, replacing earlier ones about the same pairs, and remove `dropped`."""
    place, gone = workspace / NAME, set(dropped)

    def with_rows(part: Place) -> None:
        known = read_decisions(place).table.to_pylist() if at(place).exists() else []
        found = {_key(row): row for row in [*known, *map(_in_order, rows)]}
        tables.write(_table({pair: row for pair, row in found.items() if pair not in gone}), part)

    at(place).revise(with_rows)


def _key(row: Decision) -> Key:
    return row["first"], row["second"]


def _in_order(row: Decision) -> Decision:
    turned = {"first": row["second"], "second": row["first"]}
    turned |= {"first_id": row.get("second_id"), "second_id": row.get("first_id")}
    return row | turned if row["first"] > row["second"] else row


def _table(rows: Mapping[Key, Decision]) -> pa.Table:
    """Return decisions sorted by pair; a pair of an image with itself holds only a decision about its label."""
    kept = [pair for pair, row in rows.items() if pair[0] != pair[1] or row.get("right_label")]
    return pa.Table.from_pylist([rows[pair] for pair in sorted(kept)], schema=SCHEMA)
