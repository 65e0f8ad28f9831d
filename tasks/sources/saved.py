"""What `datasets` saves with ``save_to_disk``: a folder of Arrow files, or one with a folder for each split."""

import json
from collections.abc import Iterator, Sequence

import pyarrow as pa

from tasks.columns import Columns
from tasks.errors import DataError
from tasks.sources.numbered import Rows, split_in
from tasks.sources.tables import File, image_column, rows_of
from tasks.storage import disk
from tasks.storage.place import Place

STATE, SPLITS = "state.json", "dataset_dict.json"


def recognises(place: Place, _columns: Columns) -> bool:
    """Say whether a folder is one that `datasets` saved."""
    return disk.is_file(place / STATE) or disk.is_file(place / SPLITS)


def opened(place: Place, columns: Columns) -> Rows:
    """Return the images as rows; raises `DataError`."""
    folders: dict[str, str | None] = {"": None}
    if not disk.is_file(place / STATE):
        folders = {f"{name}/": split_in(name) for name in disk.folders_in(place) if disk.is_file(place / name / STATE)}
    files = []
    for folder, split in folders.items():
        for name in _files_of(place / f"{folder}{STATE}"):
            groups = _ArrowGroups(place / f"{folder}{name}")
            names = ", ".join(groups.schema.names)
            if image_column(groups.schema, columns) is None:
                raise DataError(f"{groups.place} has no column of images among {names}; give --columns image=NAME.")
            files.append(File(groups.place, split, groups))
    return rows_of(files, place, columns, frozenset(disk.names_below(place)))


class _ArrowGroups:
    """The batches of a stream of Arrow; see `tasks.sources.tables.Groups`."""

    def __init__(self, place: Place) -> None:
        self.place = place
        try:
            with pa.ipc.open_stream(disk.mapped(place)) as stream:
                self.schema, self.batches = stream.schema, list(stream)
            for batch in self.batches:
                batch.validate(full=True)  # nobody says that the file is what it seems
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"{place} is no Arrow stream that can be read ({error}); save the dataset again."
            ) from error
        self.sizes: Sequence[int] = [len(batch) for batch in self.batches]

    def read(self, group: int, column: str) -> Iterator[pa.Array]:
        """Yield the values of a column in a batch, which lie in the file."""
        yield self.batches[group].column(column)


def _files_of(state: Place) -> list[str]:
    """Return the data files that the state of a dataset lists; raises `DataError`."""
    try:
        names = [entry["filename"] for entry in json.loads(disk.read_text(state))["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{state} does not list the files of a dataset; save the dataset again.") from error
    return names
