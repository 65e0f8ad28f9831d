"""A manifest: CSV, TSV or JSON lines with a path per image, relative to it, and perhaps its label and split."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from tasks.errors import DataError
from tasks.storage import disk
from tasks.storage.place import Place
from tasks.storage.rows.numbered import MAX_ROWS, Rows, last_part, row_name
from tasks.vocabulary import SPLIT_FOLDERS

PATHS = ("path", "file", "filename", "file_name", "filepath", "image", "image_path")
LABELS = ("label", "labels", "class", "class_name", "category", "target")
SPLITS = ("split", "subset", "partition", "fold")
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson")


def recognises(place: Place) -> bool:
    """Say whether a file has the name of a manifest."""
    return disk.is_file(place) and last_part(place).endswith(ENDINGS)


def opened(place: Place) -> Rows:
    """Return the images as rows; raises `DataError`."""
    names, paths = [], []
    for number, row in enumerate(_rows(place), 1):
        path, label, split = (_value(row, columns) for columns in (PATHS, LABELS, SPLITS))
        if path is None:
            raise DataError(f"row {number:,} of {place} has no path; name the column one of {', '.join(PATHS)}.")
        if path.startswith("/") or ".." in path.replace("\\", "/").split("/"):
            raise DataError(f"row {number:,} of {place} has the path {path!r}, which leads out of its folder.")
        if split is not None and split.lower() not in SPLIT_FOLDERS:
            raise DataError(f"row {number:,} of {place} has the split {split!r}; known are {', '.join(SPLIT_FOLDERS)}.")
        names.append(row_name(split and split.lower(), label, path))
        paths.append(path)
        if number > MAX_ROWS:
            raise DataError(f"{place} has more than {MAX_ROWS:,} rows.")
    folder = place.parent

    def read(row: int) -> bytes | None:
        try:
            return disk.read_bytes(folder / paths[row]) if disk.is_inside(folder / paths[row], folder) else None
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    return Rows(names, read)


def _rows(place: Place) -> Iterator[dict[str, Any]]:
    try:
        lines = disk.read_text(place).splitlines()
        if last_part(place).endswith((".jsonl", ".ndjson")):
            for line in filter(str.strip, lines):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise DataError(f"{place} has a line that is no JSON object: {line[:60]!r}.")
                yield row
        else:
            yield from csv.DictReader(lines, delimiter="\t" if last_part(place).endswith(".tsv") else ",", strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError, RecursionError) as error:
        raise DataError(f"{place} is no manifest that can be read ({error}).") from error


def _value(row: dict[str, Any], columns: tuple[str, ...]) -> str | None:
    """Return the first of some columns that a row has, whatever the case of its name."""
    lower = {str(name).lower(): value for name, value in row.items()}
    value = next((lower[name] for name in columns if lower.get(name) not in (None, "")), None)
    return None if value is None else str(value)
