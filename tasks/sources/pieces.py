"""Cut the members of a class into pieces, and the pieces of a source into parts of about equal cost, one per task.

Both ends depend on the digests around them (content-defined chunking: Muthitacharoen, Chen and Mazieres, 2001): a few
additional images change few pieces and their own part, and seldom the next one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import RowNumbers
from tasks.records import Archive, Part, Piece, Reading
from tasks.storage import tables

USUAL_MEMBERS, MOST_MEMBERS = 1024, 4096  # of a piece
AT_ONCE = 1 << 14  # rows as bytes in memory
MISSING = b"None"  # stands for a missing outcome or reason
ALONE_UP_TO = 20  # classes in a source; with more, a part may contain several
LEAST, MOST = 64_000, 128_000  # work in a part, in glyphs; only the last part may be smaller, and pieces are not cut
PHOTOGRAPH, BYTES_PER_GLYPH = 10, 2048  # work of a photograph, and of its bytes; its pixels cost more than both


def pieces_of(index: pa.Table) -> list[Piece]:
    """Return the pieces of all classes, given the rows of an index in its order.

    A piece ends when it is full, or after a member whose digest is chosen to end one, on average every `USUAL_MEMBERS`.
    Its own digest covers its members, but not their positions.
    """
    if not len(index):
        return []
    names, sizes = index["class_name"].fill_null(""), np.cumsum([0, *index["size"].to_numpy()])
    changes = np.flatnonzero(pc.not_equal(names[1:], names[:-1]).to_numpy()) + 1
    digests = index["digest"]
    last_bits = np.ascontiguousarray(tables.bytes_of(digests)[:, :4]).view(">u4").ravel() & (USUAL_MEMBERS - 1)
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
        cuts += [*range(cuts[-1] + MOST_MEMBERS, end, MOST_MEMBERS), end]
    return cuts


def _lines(index: pa.Table) -> Iterator[bytes]:
    for start in range(0, len(index), AT_ONCE):
        rows = index.slice(start, AT_ONCE)
        texts = [rows["member"], pc.cast(rows["size"], pa.string()), rows["outcome"], rows["reason"]]
        columns = [pc.fill_null(pc.cast(text, pa.binary()), MISSING) for text in texts]
        digests = pc.fill_null(pc.cast(rows["digest"], pa.binary()), b"")
        yield from pc.binary_join_element_wise(*columns, digests, b"\0").to_pylist()


def parts_of(archive: Archive, classes: Sequence[str], reading: Reading) -> Iterator[Part]:
    """Yield the parts of a source in the order of its index; the position of a class in `classes` is its label."""
    labels = {name: label for label, name in enumerate(classes)}
    row = sum(archive.outside.values())
    starts: dict[str, int] = {}  # row of the first member of each class
    for run in _runs(archive.pieces, reading, alone=len(archive.members) <= ALONE_UP_TO):
        first = row
        for piece in run:
            starts.setdefault(piece.class_name, row)
            row += piece.members
        yield Part(
            role=archive.role,
            location=archive.location,
            columns=archive.columns,
            index=archive.index,
            first=first,
            members=row - first,
            bytes=sum(piece.bytes for piece in run),
            labels={piece.class_name: labels[piece.class_name] for piece in run},
            digest=hashlib.sha256("".join(piece.digest for piece in run).encode()).hexdigest(),
            before=first - starts[run[0].class_name],
        )


def work_of(part: Part | Piece, reading: Reading) -> int:
    """Return the cost of decoding some members, in glyphs."""
    return part.members if reading.kind == "glyphs" else PHOTOGRAPH * part.members + part.bytes // BYTES_PER_GLYPH


def _runs(pieces: Sequence[Piece], reading: Reading, *, alone: bool) -> Iterator[list[Piece]]:
    """Yield runs of consecutive pieces; with `alone`, each run has a single class."""
    run, work, ends = list[Piece](), 0, False
    for piece in pieces:
        if run and (ends or work >= MOST or (alone and piece.class_name != run[-1].class_name)):
            yield run
            run, work = [], 0
        run.append(piece)
        own = work_of(piece, reading)
        work += own
        ends = work >= LEAST and int(piece.digest[:8], 16) * (MOST - LEAST) < own << 32  # about once between the two
    if run:
        yield run
