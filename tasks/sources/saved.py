"""Folders saved by `datasets` with ``save_to_disk``: of Arrow files, or of one such folder per split."""

import json
from collections.abc import Iterator

import pyarrow as pa

from tasks.columns import Columns
from tasks.errors import DataError
from tasks.sources.numbered import Rows, own_file, split_in
from tasks.sources.tables import TableFile, image_column, rows_of
from tasks.storage import Place, at, tables
from tasks.storage.foreign import ROWS, check

STATE, SPLITS = "state.json", "dataset_dict.json"


def open_saved(place: Place, columns: Columns) -> Rows | None:
    """Return the images of a saved dataset as rows; None for another folder."""
    folders: dict[Place, str | None] = {place: None}
    if not at(place / STATE).is_file():
        if not at(place / SPLITS).is_file():
            return None
        below = {name: place / name for name in at(place).folders()}
        folders = {folder: split_in(name) for name, folder in below.items() if at(folder / STATE).is_file()}
    files = [
        _groups_of(own_file(folder, name), split) for folder, split in folders.items() for name in _listed_in(folder)
    ]
    for file in files:
        if image_column(file.schema, columns) is None:
            names = ", ".join(file.schema.names)
            raise DataError(f"{file.place} has no column of images among {names}; give --columns image=NAME.")
    return rows_of(files, place, columns, frozenset(at(place).files_below()))


def _groups_of(place: Place, split: str | None) -> TableFile:
    """Return a stream of Arrow, whose batches stay in the file."""
    try:
        for message in pa.ipc.MessageReader.open_stream(tables.reading(place, mapped=True)):
            if _is_compressed(message):
                raise DataError(f"{place} is compressed, which is not read; save the dataset again.")
        with pa.ipc.open_stream(tables.reading(place, mapped=True)) as stream:
            schema, batches = stream.schema, list(stream)
        check(place, schema.names, [len(batch) for batch in batches])
        for batch in batches:
            batch.validate(full=True)  # the file is not trusted
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{place} is not a readable Arrow stream ({error}); save the dataset again.") from error

    def read(group: int, column: str) -> Iterator[pa.Array]:
        values = batches[group].column(column)
        yield from (values.slice(start, ROWS) for start in range(0, len(values), ROWS))

    return TableFile(place, place.last, split, schema, [len(batch) for batch in batches], read)


def _is_compressed(message: pa.ipc.Message) -> bool:
    """Return whether a batch has compressed buffers, whose sizes it states itself (Message.fbs of Arrow)."""
    data = message.metadata.to_pybytes()

    def field(table: int, number: int) -> int:
        """Return the position of a field of a flatbuffer's table; 0 where it is left out."""
        fields = table - int.from_bytes(data[table : table + 4], "little", signed=True)
        at = fields + 4 + 2 * number
        inside = at < fields + int.from_bytes(data[fields : fields + 2], "little")
        offset = int.from_bytes(data[at : at + 2], "little") if inside else 0
        return table + offset if offset else 0

    header = field(int.from_bytes(data[:4], "little"), 2)
    batch = header + int.from_bytes(data[header : header + 4], "little")
    return message.type in ("record batch", "dictionary") and bool(field(batch, 3))


def _listed_in(folder: Place) -> list[str]:
    """Return the data files in the state of a dataset; raises `DataError`."""
    state = folder / STATE
    try:
        return [str(entry["filename"]) for entry in json.loads(at(state).read_text())["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{state} does not list the files of a dataset; save the dataset again.") from error
