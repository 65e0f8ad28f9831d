"""Parquet files with a column of image bytes, as stored by Hugging Face, or a folder of such files."""

from collections.abc import Iterator

import pyarrow as pa

from tasks.columns import Columns
from tasks.errors import DataError
from tasks.sources.numbered import Rows, own_file, split_in
from tasks.sources.packed import is_bomb
from tasks.sources.tables import Groups, image_column, rows_of
from tasks.storage import Place, at, foreign, tables

START = b"PAR1"


def open_parquet(place: Place, columns: Columns) -> Rows | None:
    """Return the images of Parquet files as rows; None unless every file of the source is Parquet with images."""
    folder = at(place).is_folder()
    files = {file.name.removeprefix(place.name).lstrip("/") if folder else file.last: file for file in _files_of(place)}
    several, found = [*files.values()] != [place], []
    for name, file in files.items():
        found.append(_groups_of(file, split_in(name) if several else None))
        if image_column(found[-1].schema, columns) is None:
            return None
    return rows_of(found, place, columns, frozenset(files)) if found else None


def is_parquet(file: Place) -> bool:
    """Return whether a file starts like Parquet."""
    return at(file).read_bytes(4) == START


def _groups_of(place: Place, split: str | None) -> Groups:
    """Open a Parquet file; raises `DataError` when it is damaged, or larger than its footer or size may say."""
    file = foreign.open_parquet(place)
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    if is_bomb(unpacked := sum(group.total_byte_size for group in groups), at(place).size()):
        raise DataError(f"{place} unpacks to {unpacked:,} bytes, too many for images; check where it comes from.")

    def read(group: int, column: str) -> Iterator[pa.Array]:
        with tables.foreign(place):
            for batch in file.iter_batches(foreign.ROWS, [group], [column]):
                yield batch.column(column)

    return Groups(place, split, file.schema_arrow, [group.num_rows for group in groups], read)


def _files_of(place: Place) -> list[Place]:
    """Return the Parquet files of a source: itself, the matches of its name, or the files in its folder or in data."""
    if at(place).is_folder():
        folders = [place, *(place / name for name in ("data",) if at(place / name).is_folder())]
        names = [(folder, name) for folder in folders for name in at(folder).names() if name.endswith(".parquet")]
        return [own_file(folder, name) for folder, name in names]
    return [file for file in at(place).expanded() if is_parquet(file)]
