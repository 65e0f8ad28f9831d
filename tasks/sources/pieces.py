"""Cut the members of a class into pieces, each with a digest, so that a few new members change few pieces."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import RowNumbers
from tasks.records import Piece
from tasks.storage import tables

USUAL, MOST = 1024, 4096  # members of a piece
NOTHING = b"None"  # what stands for an outcome or a reason that is not there
SEPARATOR = pa.scalar(b"\0", pa.large_binary())


def pieces_of(index: Iterable[pa.Table]) -> Iterator[Piece]:
    """Yield the pieces of all classes, given the rows of an index in its order, some at a time.

    A piece ends behind a member whose digest says so, as it does for one in `USUAL` members, or is full. Its own digest
    is that of its members, and does not depend on where they lie.
    """
    left: pa.Table | None = None
    for rows in index:
        table = rows if left is None else pa.concat_tables([left, rows])
        pieces, cut = _cut(table, closed=False)
        yield from pieces
        left = table.slice(cut)
    if left is not None:
        yield from _cut(left, closed=True)[0]


def _cut(index: pa.Table, *, closed: bool) -> tuple[list[Piece], int]:
    """Return pieces, and where the last one ends; if there may be further rows, but for what they can change."""
    if not len(index):
        return [], 0
    index = index.combine_chunks()
    names, sizes = index["class_name"].fill_null(""), np.cumsum([0, *index["size"].to_numpy()])
    changes = np.flatnonzero(pc.not_equal(names[1:], names[:-1]).to_numpy(zero_copy_only=False)) + 1
    ends, lines, pieces, cuts = _ends(index), _Lines(index), [], [0]
    for start, stop in pairwise([0, *changes.tolist(), len(index)]):
        class_name = names[start].as_py()
        cuts = _cuts(start, stop, ends, closed=closed or stop < len(index)) if class_name else [stop]
        for first, end in pairwise(cuts):
            digest = hashlib.sha256(lines[first:end]).hexdigest()
            pieces.append(Piece(class_name, end - first, digest, int(sizes[end] - sizes[first])))
    return pieces, cuts[-1]


def _ends(index: pa.Table) -> RowNumbers:
    """Return behind which rows a piece ends, whatever is before it."""
    digests = index["digest"]
    last_bits = np.ascontiguousarray(tables.bytes_of(digests)[:, :4]).view(">u4").ravel() & (USUAL - 1)
    return np.flatnonzero((last_bits == 0) & digests.is_valid().to_numpy()) + 1


def _cuts(start: int, stop: int, ends: RowNumbers, *, closed: bool) -> list[int]:
    """Return where pieces begin and end between two rows, of which the latter is the end of a class if it is closed."""
    inside = ends[np.searchsorted(ends, start, side="right") : np.searchsorted(ends, stop, side="right")]
    cuts = [start]
    for end in np.union1d(inside, [stop]).tolist():
        cuts.extend(range(cuts[-1] + MOST, end, MOST))
        if closed or end < stop or end in inside[-1:]:
            cuts.append(end)
    return cuts


class _Lines:
    """What rows are, as bytes one behind the other: member, size, outcome, reason and digest."""

    def __init__(self, index: pa.Table) -> None:
        texts = [index["member"], pc.cast(index["size"], pa.string()), index["outcome"], index["reason"]]
        columns = [pc.fill_null(pc.cast(text, pa.large_binary()), NOTHING) for text in texts]
        digests = pc.fill_null(pc.cast(index["digest"], pa.large_binary()), b"")
        lines = pc.binary_join_element_wise(*columns, digests, SEPARATOR).combine_chunks()
        _, offsets, self.data = lines.buffers()
        self.starts = np.frombuffer(offsets, np.int64)[lines.offset :]

    def __getitem__(self, rows: slice) -> memoryview:
        return memoryview(self.data)[self.starts[rows.start] : self.starts[rows.stop]]
