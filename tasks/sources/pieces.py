"""Cut the members of a class into pieces, each with a digest, so that a few new members change few pieces."""

import hashlib
from collections.abc import Iterator
from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import RowNumbers
from tasks.records import Piece
from tasks.storage import tables

USUAL, MOST = 1024, 4096  # members of a piece
AT_ONCE = 1 << 14  # rows as bytes in memory
NOTHING = b"None"  # stands for a missing outcome or reason


def pieces_of(index: pa.Table) -> list[Piece]:
    """Return the pieces of all classes, given the rows of an index in its order.

    A piece ends when it is full, or after a member whose digest is chosen to end one, on average every `USUAL` members.
    Its own digest covers its members, but not their positions.
    """
    if not len(index):
        return []
    names, sizes = index["class_name"].fill_null(""), np.cumsum([0, *index["size"].to_numpy()])
    changes = np.flatnonzero(pc.not_equal(names[1:], names[:-1]).to_numpy()) + 1
    digests = index["digest"]
    last_bits = np.ascontiguousarray(tables.bytes_of(digests)[:, :4]).view(">u4").ravel() & (USUAL - 1)
    ends = np.flatnonzero((last_bits == 0) & digests.is_valid().to_numpy()) + 1
    lines, pieces = _lines(index), []
    for start, stop in pairwise([0, *changes.tolist(), len(index)]):
        name = names[start].as_py()
        for first, end in pairwise(_cuts(start, stop, ends)):
            digest = hashlib.sha256(b"".join(islice(lines, end - first))).hexdigest()
            if name:
                pieces.append(Piece(name, end - first, digest, int(sizes[end] - sizes[first])))
    return pieces


def _cuts(start: int, stop: int, ends: RowNumbers) -> list[int]:
    """Return the boundaries of pieces between the first and the last row of a class."""
    cuts = [start]
    for end in np.union1d(ends[(ends > start) & (ends < stop)], [stop]).tolist():
        cuts += [*range(cuts[-1] + MOST, end, MOST), end]
    return cuts


def _lines(index: pa.Table) -> Iterator[bytes]:
    for start in range(0, len(index), AT_ONCE):
        rows = index.slice(start, AT_ONCE)
        texts = [rows["member"], pc.cast(rows["size"], pa.string()), rows["outcome"], rows["reason"]]
        columns = [pc.fill_null(pc.cast(text, pa.binary()), NOTHING) for text in texts]
        digests = pc.fill_null(pc.cast(rows["digest"], pa.binary()), b"")
        yield from pc.binary_join_element_wise(*columns, digests, b"\0").to_pylist()
