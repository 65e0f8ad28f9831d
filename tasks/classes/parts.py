"""Cut a source into parts of about equal cost, one per task.

The end of a part depends on the digests of the pieces around it (content-defined chunking: Muthitacharoen, Chen and
Mazieres, 2001): a few additional images change their own part, and seldom the next one.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from tasks.records import Archive, Part, Piece, Reading

ALONE_UP_TO = 20  # classes in a source; with more, a part may contain several
LEAST, MOST = 64_000, 128_000  # work in a part, in glyphs; only the last part may be smaller, and pieces are not cut
PHOTOGRAPH, BYTES_PER_GLYPH = 10, 2048  # work of a photograph, and of its bytes; its pixels cost more than both


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
            digest=sha256("".join(piece.digest for piece in run).encode()).hexdigest(),
            before=first - starts[run[0].class_name],
        )


def work_of(part: Part | Piece, reading: Reading) -> int:
    """Return the cost of decoding some members, in glyphs."""
    return part.members if reading.kind == "glyphs" else PHOTOGRAPH * part.members + part.bytes // BYTES_PER_GLYPH


def _runs(pieces: Sequence[Piece], reading: Reading, *, alone: bool) -> Iterator[list[Piece]]:
    """Yield runs of consecutive pieces; with `alone`, each run has a single class."""
    run: list[Piece] = []
    work = 0
    for piece in pieces:
        if run and (work >= MOST or (alone and piece.class_name != run[-1].class_name)):
            yield run
            run, work = [], 0
        run.append(piece)
        own = work_of(piece, reading)
        work += own
        if work >= LEAST and int(piece.digest[:8], 16) * (MOST - LEAST) < own << 32:  # about once between the two
            yield run
            run, work = [], 0
    if run:
        yield run
