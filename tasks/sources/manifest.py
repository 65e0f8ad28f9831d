"""A manifest: CSV, TSV, JSON lines or Parquet with relative paths of images, and optionally label, split and group."""

import csv
import json
from collections.abc import Iterator
from shlex import quote
from typing import Any

from tasks.columns import Columns, find
from tasks.errors import DataError
from tasks.sources.numbered import MAX_ROWS, Rows, row_name, split_of
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.storage.stores import at

JSON_LINES, PARQUET = (".jsonl", ".ndjson"), ".parquet"
ENDINGS = (".csv", ".tsv", *JSON_LINES, PARQUET)


def open_manifest(place: Place, columns: Columns) -> Rows | None:
    """Return the images that a manifest names as rows; None for a file with another extension; raises `DataError`."""
    if not at(place).is_file() or not place.last.lower().endswith(ENDINGS):
        return None
    names, paths, groups, folder = [], [], [], place.parent
    first: dict[str, Any] = {}
    for number, row in enumerate(_rows(place), 1):
        first = first or row
        path, label, split, group = (_value(row, what, columns, place) for what in ("path", "label", "split", "group"))
        where = f"row {number:,} of {place}"
        if path is None:
            raise DataError(f"{where} has no path; {_path_column(row, folder)}.")
        if _leads_out(path):
            raise DataError(f"{where} has the path {path!r}, which leads out of its folder.")
        names.append(row_name(split_of(split, where), label, path))
        paths.append(path)
        groups.append(group)
        if number > MAX_ROWS:
            raise DataError(f"{place} has more than {MAX_ROWS:,} rows.")

    def read(row: int) -> bytes | None:
        try:
            return at(folder / paths[row]).read_bytes() if at(folder / paths[row]).is_inside(folder) else None
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    return Rows(names, read, groups=groups, first=first)


def _path_column(row: dict[str, Any], folder: Place) -> str:
    """Return the columns of a row, and the option that names the first with the path of a file."""
    paths = {name: value for name, value in row.items() if isinstance(value, str) and value and not _leads_out(value)}
    found = next((name for name, path in paths.items() if at(folder / path).is_file()), None)
    option = f"add `--columns {quote(f'path={found}')}`" if found else "none of them has the path of a file"
    return f"its columns are {', '.join(map(str, row))}; {option}"


def _leads_out(path: str) -> bool:
    return path.startswith("/") or ".." in path.replace("\\", "/").split("/")


def _rows(place: Place) -> Iterator[dict[str, Any]]:
    name = place.last.lower()
    if name.endswith(PARQUET):
        with tables.foreign(place):
            for batch in tables.open_foreign(place).iter_batches():
                yield from batch.to_pylist()
        return
    try:
        lines = at(place).read_text().splitlines()
        if name.endswith(JSON_LINES):
            for line in filter(str.strip, lines):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise DataError(f"{place} has a line that is not a JSON object: {line[:60]!r}.")
                yield row
        else:
            yield from csv.DictReader(lines, delimiter="\t" if name.endswith(".tsv") else ",", strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError, RecursionError) as error:
        raise DataError(f"{place} is not a readable manifest ({error}).") from error


def _value(row: dict[str, Any], what: str, columns: Columns, place: Place) -> str | None:
    column = find(what, [str(name) for name in row], columns, str(place))
    value = None if column is None else row[column]
    return None if value in (None, "") else str(value)
