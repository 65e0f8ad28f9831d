"""Gray copies of photographs, 64 x 64 bytes each, many in a file: duplicates are decided by comparing them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tasks.arrays import Gray, Mask, Pixels, RowNumbers
from tasks.errors import DataError
from tasks.storage import Place, tables
from tasks.storage.disk import storage_errors

COPY_SIDE = 64


@dataclass(frozen=True)
class Copies:
    """The copy of each row: the number of its file and its position there, int64 (n,), and its texture, float32 (n,).

    Texture is a share from 0 to 1, see `tasks.registration.forms.texture`.
    """

    files: Sequence[Place]
    file: RowNumbers
    place: RowNumbers
    texture: Pixels

    @classmethod
    def of(cls, files: Sequence[Place], table: pa.Table) -> "Copies":
        """Return the copies that the rows of a table name."""
        return cls(files, *(table[name].to_numpy() for name in ("file", "copy", "texture")))

    @classmethod
    def concatenated(cls, parts: "Sequence[Copies]") -> "Copies":
        """Concatenate the rows of several records."""
        starts = np.cumsum([0, *(len(part.files) for part in parts)]).tolist()
        file = np.concatenate([part.file + start for part, start in zip(parts, starts, strict=False)])
        files = [file for part in parts for file in part.files]
        place, texture = (np.concatenate([getattr(part, name) for part in parts]) for name in ("place", "texture"))
        return cls(files, file, place, texture)

    def __len__(self) -> int:
        return len(self.file)

    def take(self, rows: RowNumbers | Mask | slice) -> "Copies":
        """Return the copies of some rows, in the order of `rows`."""
        return Copies(self.files, self.file[rows], self.place[rows], self.texture[rows])

    def read(self) -> Gray:
        """Return the copies, uint8 (n, 64, 64); raises `DataError` when a file is truncated or missing."""
        gray = np.empty((len(self), COPY_SIDE, COPY_SIDE), np.uint8)
        for number in np.unique(self.file).tolist():
            rows = np.flatnonzero(self.file == number)
            places, of_row = np.unique(self.place[rows], return_inverse=True)  # an image is in many pairs
            gray[rows] = _read(self.files[number], places)[of_row]
        return gray


def _read(file: Place, places: RowNumbers) -> Gray:
    at_once = len(places) if places[-1] - places[0] < len(places) else 1  # copies without a gap, or single ones
    size, starts = at_once * COPY_SIDE**2, (places[::at_once] * COPY_SIDE**2).tolist()
    try:
        with storage_errors(file), tables.reading(file) as opened:
            data = b"".join([opened.read_at(size, start) for start in starts])
        return np.frombuffer(data, np.uint8).reshape(len(places), COPY_SIDE, COPY_SIDE)
    except (FileNotFoundError, ValueError) as error:  # it is gone, or cut
        raise DataError(f"{file} is damaged or gone; run the same command again to rebuild it.") from error
