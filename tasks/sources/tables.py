"""Images in a column of tables, of Parquet files or others, with a few rows in memory at a time."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from posixpath import splitext
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.columns import Columns, find, group_column, unlabelled
from tasks.errors import DataError
from tasks.sources.numbered import Rows, own_file, row_name, split_in, split_of
from tasks.sources.packed import refuse_bomb
from tasks.storage import Place, at, foreign
from tasks.storage.place import names_below
from tasks.vocabulary import SPLIT_FOLDERS

PARQUET = b"PAR1"  # start of a file


@dataclass(frozen=True)
class TableFile:
    """A file of rows in groups, as Parquet and Arrow keep them."""

    place: Place
    name: str  # unique in its split
    split: str | None  # from its name or folder
    schema: pa.Schema
    sizes: list[int]  # rows of each group
    read: Callable[[int, str], Iterator[pa.Array]]  # yields the values of a column in a group, a few rows at a time


def rows_of(files: Sequence[TableFile], source: Place, columns: Columns, names: frozenset[str]) -> Rows:
    """Return the images of some files as rows; `names` are the files in the folder of the source."""
    every: list[str] = []
    groups: list[str | None] = []
    about: dict[str, Any] = {}
    for file in files:
        names_of = file.schema.names
        found = {what: find(what, names_of, columns, str(source)) for what in ("label", "split", "group")}
        labels, splits, own_groups = (_values(file, name, source) for name in found.values())
        used = found | {"image": image_column(file.schema, columns)}
        about = {"notes": unlabelled(names_of, used), "group_column": group_column(names_of, used)}
        stem = splitext(file.name)[0].replace("/", "-")
        every += [
            row_name(split_of(split, f"row {row + 1:,} of {file.place}") or file.split, label, f"{stem}-{row:06d}")
            for row, (label, split) in enumerate(zip(labels, splits, strict=True))
        ]
        groups += own_groups
    return Rows(every, _Images(files, columns).read, endings=False, files=names, groups=groups, **about)


def image_column(schema: pa.Schema, columns: Columns) -> str | None:
    """Return the column of image bytes, of structs with bytes or of bytes: the given one, or one with a usual name.

    A column of structs may have any name if it is the only one; raises `DataError` if there are several.
    """
    if "image" in columns:
        return columns["image"] if columns["image"] in schema.names else None
    structs = [of.name for of in schema if pa.types.is_struct(of.type) and of.type.get_field_index("bytes") >= 0]
    plain = [of.name for of in schema if pa.types.is_binary(of.type) or pa.types.is_large_binary(of.type)]
    usual = find("image", structs, {}, "") or find("image", plain, {}, "")
    if len(structs) > 1 and not usual:
        raise DataError(f"images are in the columns {', '.join(structs)}; name one: `--columns image={structs[0]}`.")
    return usual or next(iter(structs), None)


class _Images:
    """The images of all groups, with a few rows in memory."""

    def __init__(self, files: Sequence[TableFile], columns: Columns) -> None:
        named = [(file, str(image_column(file.schema, columns))) for file in files]
        self.groups = [(file.read, number, name) for file, name in named for number in range(len(file.sizes))]
        self.starts, self.group = np.cumsum([0, *(size for file in files for size in file.sizes)]), -1
        self.first, self.images = 0, pa.nulls(0)  # the rows of a group in memory
        self.following: Iterator[pa.Array] = iter(())  # the rows after them

    def read(self, row: int) -> bytes | None:
        group = int(np.searchsorted(self.starts, row, side="right")) - 1
        if group != self.group or row < self.first:
            self.group, self.first, self.images = group, int(self.starts[group]), pa.nulls(0)
            read, number, column = self.groups[group]
            self.following = read(number, column)
        while row >= self.first + len(self.images):
            self.first += len(self.images)
            array = next(self.following)
            self.images = array.field("bytes") if pa.types.is_struct(array.type) else array
        return self.images[row - self.first].as_py()


def _values(file: TableFile, name: str | None, source: Place) -> list[str | None]:
    """Return the values of a column, with the file's own names of labels; None for each row without a column."""
    if name is None:
        return [None] * sum(file.sizes)
    arrays = (array for group in range(len(file.sizes)) for array in file.read(group, name))
    foreign.refuse_lists([file.schema.field(name)], file.place)
    values = []
    for array in arrays:
        foreign.refuse_long([array], file.place)
        values += array.to_pylist()
    try:
        names = json.loads((file.schema.metadata or {})[b"huggingface"])["info"]["features"][name]["names"]
    except (KeyError, TypeError, ValueError):
        return [None if value is None else str(value) for value in values]
    if not isinstance(names, list) or not all(
        value is None or (isinstance(value, int) and -1 <= value < len(names))  # -1 means unlabelled
        for value in values
    ):
        raise DataError(f"the column {name} of {source} has labels without a name; give them names, or remove them.")
    return [None if value is None or value < 0 else str(names[value]) for value in values]


def open_parquet(place: Place, columns: Columns) -> Rows | None:
    """Return the images of Parquet files as rows; None unless every file of the source is Parquet with images."""
    if not (files := _files_of(place)):
        return None
    found = []
    for name, file in zip(names_below(files), files, strict=True):
        found.append(_groups_of(file, name, split_in(name) if files != [place] else None))
        if image_column(found[-1].schema, columns) is None:
            return None
    below = frozenset(file.name.removeprefix(place.name).lstrip("/") for file in files)
    return rows_of(found, place, columns, below)


def is_parquet(file: Place) -> bool:
    """Return whether a file starts like Parquet."""
    return at(file).read_bytes(4) == PARQUET


def _groups_of(place: Place, name: str, split: str | None) -> TableFile:
    """Open a Parquet file; raises `DataError` when it is damaged, or larger than its footer or size may say."""
    with foreign.open_parquet(place) as file:
        about, schema = file.metadata, file.schema_arrow
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    refuse_bomb(place, sum(group.total_byte_size for group in groups), at(place).size())

    def read(group: int, column: str) -> Iterator[pa.Array]:
        # Opened for each group: a source may have more files than a process may hold open.
        with foreign.open_parquet(place, about) as file:
            for batch in file.iter_batches(foreign.ROWS, [group], [column]):
                yield batch.column(column)

    return TableFile(place, name, split, schema, [group.num_rows for group in groups], read)


def _files_of(place: Place) -> list[Place]:
    """Return the Parquet files of a source: itself, the matches of its name, or the files in its folders."""
    if at(place).is_folder():
        every = ((folder, name) for folder in _folders_of(place) for name in at(folder).names())
        return [own_file(folder, name) for folder, name in every if name.endswith(".parquet")]
    return [file for file in at(place).expanded() if is_parquet(file)]


def _folders_of(place: Place, depth: int = 2) -> Iterator[Place]:
    """Yield a folder and the folders of Hugging Face in it, such as ``default/train``."""
    yield place
    for name in at(place).names() if depth else ():
        if name.lower() in {"data", "default", *SPLIT_FOLDERS} and at(place / name).is_folder():
            yield from _folders_of(place / name, depth - 1)
