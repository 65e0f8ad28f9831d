"""Parquet files with a column of image bytes, as Hugging Face stores them, or a folder of such files."""

import json
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import DataError
from tasks.storage import disk, tables
from tasks.storage.place import Place
from tasks.storage.rows.numbered import Rows, row_name, split_in

START = b"PAR1"
LABELS = ("label", "labels", "fine_label", "class", "class_name", "category", "target", "y")
IMAGES = ("image", "img", "images", "picture", "photo", "bytes", "data")


def recognises(place: Place) -> bool:
    """Say whether a file is Parquet with images, or a folder holds such files and no others."""
    files = _files(place)
    return bool(files) and all(_image_column(tables.open_foreign(file).schema_arrow) is not None for file in files)


def opened(place: Place) -> Rows:
    """Return the images as rows; raises `DataError`."""
    parts = [_Part(file, place) for file in _files(place)]
    starts = np.cumsum([0, *(len(part.names) for part in parts)])

    def read(row: int) -> bytes | None:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return parts[part].read(row - int(starts[part]))

    files = frozenset(file.name.removeprefix(place.name).lstrip("/") for file in _files(place))
    return Rows([name for part in parts for name in part.names], read, endings=False, files=files)


class _Part:
    """One file, of which one row group at a time is in memory."""

    def __init__(self, file: Place, source: Place) -> None:
        self.source, self.file = file, tables.open_foreign(file)
        schema = self.file.schema_arrow
        self.column = str(_image_column(schema))
        groups = [self.file.metadata.row_group(number).num_rows for number in range(self.file.num_row_groups)]
        self.starts, self.group, self.images = np.cumsum([0, *groups]), -1, pa.nulls(0)
        split = split_in(file.name.removeprefix(source.name)) if file != source else None
        label = next((name for name in LABELS if name in schema.names), None)
        classes: list[Any] = _labels(self.file, schema, label) if label else [None] * int(self.starts[-1])
        stem = PurePosixPath(file.last).stem
        self.names = [row_name(split, name, f"{stem}-{row:06d}") for row, name in enumerate(classes)]

    def read(self, row: int) -> bytes | None:
        group = int(np.searchsorted(self.starts, row, side="right")) - 1
        if group != self.group:
            with tables.foreign(self.source):
                read = self.file.read_row_group(group, [self.column])[self.column]
            self.group, self.images = group, _bytes_of(read)
        data: bytes | None = self.images[row - int(self.starts[group])].as_py()
        return data


def _files(place: Place) -> list[Place]:
    """Return the Parquet files of a source: itself, or what lies in its folder or that folder's data."""
    if disk.is_folder(place):
        folders = [place, *(place / name for name in ("data",) if disk.is_folder(place / name))]
        return [folder / name for folder in folders for name in disk.names_in(folder) if name.endswith(".parquet")]
    with disk.reading(place) as file:
        return [place] if file.read(4) == START else []


def _image_column(schema: pa.Schema) -> str | None:
    """Return the column of image bytes: one of structs with bytes, or one of bytes with the name of images."""
    for field in schema:
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            return str(field.name)
    binary = (field.name for field in schema if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type))
    return next((str(name) for name in binary if name.lower() in IMAGES), None)


def _bytes_of(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array.field("bytes") if pa.types.is_struct(array.type) else array


def _labels(file: pq.ParquetFile, schema: pa.Schema, name: str) -> list[str | None]:
    """Return the class of every row, by the names that the file gives its labels."""
    values = file.read([name])[name].to_pylist()
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[name]["names"]
    except (KeyError, TypeError, ValueError):
        return [None if value is None else str(value) for value in values]
    if not isinstance(names, list) or any(not _has_name(value, len(names)) for value in values):
        raise DataError(f"the column {name} has labels without a name; give them names, or leave them out.")
    return [None if value is None or value < 0 else str(names[value]) for value in values]


def _has_name(value: Any, names: int) -> bool:
    return value is None or (isinstance(value, int) and -1 <= value < names)  # -1 is no label
