"""Gray copies of photographs, 64 x 64 bytes each, many in a file: duplicates are decided by comparing them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tasks.arrays import Bits, Gray, Mask, Pixels, RowNumbers
from tasks.errors import DataError
from tasks.storage import Place, tables
from tasks.storage.disk import storage_errors

COPY_SIDE = 64
FACTS = ("texture", "framed", "colours", "aspect")
NAMED_BY = ("file", "copy", *FACTS)  # columns of tables with copies


@dataclass(frozen=True)
class Copies:
    """The copy of each row: the number of its file and its position there, int64 (n,), and facts about it.

    These are the share with texture, from 0 to 1, whether it is framed, its colours, uint8 (n, 32), and its width over
    its height; the others are (n,).
    """

    files: Sequence[Place]
    file: RowNumbers
    place: RowNumbers
    texture: Pixels
    framed: Mask
    colours: Bits
    aspect: Pixels

    @classmethod
    def of(cls, files: Sequence[Place], table: pa.Table) -> "Copies":
        """Return the copies that the rows of a table name."""
        columns = {name: table[name].to_numpy() for name in NAMED_BY if name != "colours"}
        return cls(files, colours=tables.bytes_of(table["colours"]), place=columns.pop("copy"), **columns)

    @classmethod
    def concatenated(cls, parts: "Sequence[Copies]") -> "Copies":
        """Concatenate the rows of several records."""
        starts = np.cumsum([0, *(len(part.files) for part in parts)]).tolist()
        file = np.concatenate([part.file + start for part, start in zip(parts, starts, strict=False)])
        files = [file for part in parts for file in part.files]
        rest = (np.concatenate([getattr(part, name) for part in parts]) for name in ("place", *FACTS))
        return cls(files, file, *rest)

    def __len__(self) -> int:
        return len(self.file)

    @property
    def usual_aspect(self) -> float:
        """The median aspect; 1 without copies."""
        return float(np.median(self.aspect)) if len(self) else 1.0

    def take(self, rows: RowNumbers | Mask | slice) -> "Copies":
        """Return the copies of some rows, in the order of `rows`."""
        facts = (getattr(self, name)[rows] for name in FACTS)
        return Copies(self.files, self.file[rows], self.place[rows], *facts)

    def read(self) -> Gray:
        """Return the copies, uint8 (n, 64, 64); raises `DataError` when a file is truncated or missing."""
        gray = np.empty((len(self), COPY_SIDE, COPY_SIDE), np.uint8)
        for number in np.unique(self.file).tolist():
            rows = np.flatnonzero(self.file == number)
            places, of_row = np.unique(self.place[rows], return_inverse=True)  # an image is in many pairs
            gray[rows] = read_copies(self.files[number], places)[of_row]
        return gray


def read_copies(file: Place, places: RowNumbers) -> Gray:
    """Return the copies at ascending places of a file, uint8 (n, 64, 64); raises `DataError` as `Copies.read` does."""
    without_gap = len(places) > 1 and places[-1] - places[0] < len(places)
    at_once = len(places) if without_gap else 1
    size, starts = at_once * COPY_SIDE**2, (places[::at_once] * COPY_SIDE**2).tolist()
    try:
        with storage_errors(file), tables.reading(file) as opened:
            data = b"".join([opened.read_at(size, start) for start in starts])
        return np.frombuffer(data, np.uint8).reshape(len(places), COPY_SIDE, COPY_SIDE)
    except (FileNotFoundError, ValueError) as error:  # it is gone, or cut
        raise DataError(f"{file} is damaged or gone; do the run again, which rebuilds it.") from error
