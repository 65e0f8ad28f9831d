"""What `datasets` saves with ``save_to_disk``: a folder of Arrow files, or one with a folder for each split."""

import json
from collections.abc import Iterator, Sequence

import pyarrow as pa

from tasks.columns import Columns
from tasks.errors import DataError
from tasks.sources.numbered import Rows, split_in
from tasks.sources.tables import File, image_column, rows_of
from tasks.storage.place import Place
from tasks.storage.stores import at

STATE, SPLITS = "state.json", "dataset_dict.json"


def recognises(place: Place, _columns: Columns) -> bool:
    """Say whether a folder is one that `datasets` saved."""
    return at(place / STATE).is_file() or at(place / SPLITS).is_file()


def opened(place: Place, columns: Columns) -> Rows:
    """Return the images as rows; raises `DataError`."""
    folders: dict[str, str | None] = {"": None}
    if not at(place / STATE).is_file():
        folders = {f"{name}/": split_in(name) for name in at(place).folders() if at(place / name / STATE).is_file()}
    files = []
    for folder, split in folders.items():
        for name in _files_of(place / f"{folder}{STATE}"):
            groups = _ArrowGroups(place / f"{folder}{name}")
            names = ", ".join(groups.schema.names)
            if image_column(groups.schema, columns) is None:
                raise DataError(f"{groups.place} has no column of images among {names}; give --columns image=NAME.")
            files.append(File(groups.place, split, groups))
    return rows_of(files, place, columns, frozenset(at(place).files_below()))


class _ArrowGroups:
    """The batches of a stream of Arrow; see `tasks.sources.tables.Groups`."""

    def __init__(self, place: Place) -> None:
        self.place = place
        try:
            with pa.ipc.open_stream(at(place).arrow_input(mapped=True)) as stream:
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
        names = [entry["filename"] for entry in json.loads(at(state).read_text())["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{state} does not list the files of a dataset; save the dataset again.") from error
    return names
