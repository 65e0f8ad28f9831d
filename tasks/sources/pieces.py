"""Cut the members of a class into pieces, each with a digest, so that a few new members change few pieces."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from tasks.records import Piece

USUAL, MOST = 1024, 4096  # members of a piece


class Row(NamedTuple):
    """One row of the index; sorts by class, member and place. The class name is empty outside the class folders."""

    class_name: str
    member: str
    offset: int
    size: int
    digest: bytes | None
    outcome: str | None
    reason: str | None
    group: str | None = None


def pieces_of(rows: Sequence[Row]) -> Iterator[Piece]:
    """Yield the pieces of all classes, given the rows of an index in their order.

    A piece ends behind a member whose digest says so, as it does for one in `USUAL` members, or is full.
    """
    for class_name, members in groupby(rows, lambda row: row.class_name):
        if not class_name:
            continue
        piece: list[Row] = []
        for row in members:
            piece.append(row)
            ends = row.digest is not None and int.from_bytes(row.digest[:4]) % USUAL == 0
            if ends or len(piece) == MOST:
                yield _piece(class_name, piece)
                piece = []
        if piece:
            yield _piece(class_name, piece)


def _piece(class_name: str, rows: Sequence[Row]) -> Piece:
    """Return a piece with the digest of its members, which does not depend on where they lie."""
    sha = hashlib.sha256()
    for row in rows:
        sha.update(f"{row.member}\0{row.size}\0{row.outcome}\0{row.reason}\0".encode() + (row.digest or b""))
    return Piece(class_name, len(rows), sha.hexdigest(), sum(row.size for row in rows))
