"""Parquet files with a column of image bytes, as Hugging Face stores them; or a folder of such files."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from tasks.columns import Columns
from tasks.sources.numbered import Rows, split_in
from tasks.sources.tables import File, image_column, rows_of
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.storage.stores import at

START = b"PAR1"
ROWS = 64  # in memory at a time: a dictionary of one large image may stand for any number of rows


def recognises(place: Place, columns: Columns) -> bool:
    """Say whether a file is Parquet with images, or a folder or pattern names such files and no others."""
    files = files_of(place)
    return bool(files) and all(image_column(tables.open_foreign(f).schema_arrow, columns) is not None for f in files)


def opened(place: Place, columns: Columns) -> Rows:
    """Return the images as rows; raises `DataError`."""
    places = files_of(place)
    several = places != [place]
    files = [File(file, split_in(_below(file, place)) if several else None, ParquetGroups(file)) for file in places]
    return rows_of(files, place, columns, frozenset(_below(file, place) for file in places))


class ParquetGroups:
    """The row groups of a Parquet file that somebody else wrote; see `tasks.sources.tables.Groups`."""

    def __init__(self, place: Place) -> None:
        self.place, self.file = place, tables.open_foreign(place)
        self.schema = self.file.schema_arrow
        about = self.file.metadata
        self.sizes: Sequence[int] = [about.row_group(number).num_rows for number in range(self.file.num_row_groups)]

    def read(self, group: int, column: str) -> Iterator[pa.Array]:
        """Yield the values of a column in a row group, a few rows at a time; raises `DataError` when it is damaged."""
        with tables.foreign(self.place):
            for batch in self.file.iter_batches(ROWS, [group], [column]):
                yield batch.column(column)


def files_of(place: Place) -> list[Place]:
    """Return the Parquet files of a source: itself, what matches its name, or what its folder or data in it holds."""
    if at(place).is_folder():
        folders = [place, *(place / name for name in ("data",) if at(place / name).is_folder())]
        return [folder / name for folder in folders for name in at(folder).names() if name.endswith(".parquet")]
    return [file for file in at(place).expanded() if is_parquet(file)]


def is_parquet(file: Place) -> bool:
    """Say whether a file starts as Parquet does."""
    with at(file).reading() as opened_file:
        return opened_file.read(4) == START


def _below(file: Place, source: Place) -> str:
    """Return the name of a file in the folder of its source, or of one that matches a pattern, by itself."""
    return file.name.removeprefix(source.name).lstrip("/") if at(source).is_folder() else file.last
