"""A manifest: CSV, TSV, JSON lines or Parquet with relative paths of images, and optionally label, split and group.

A text file is a list, with a path on each line, and optionally a label after a space or a comma.
"""

import csv
import errno
import json
import posixpath
import re
from collections.abc import Iterator
from io import StringIO
from itertools import zip_longest
from shlex import quote
from typing import Any

import pyarrow as pa

from tasks.columns import Columns, find, group_column, unlabelled
from tasks.errors import DataError
from tasks.formats import IMAGE_ENDINGS
from tasks.sources.archive import MAX_MEMBER_BYTES
from tasks.sources.coco import readable
from tasks.sources.numbered import Rows, row_name, split_of
from tasks.storage import Place, at
from tasks.storage.foreign import ROWS, check, open_parquet, refuse_lists, refuse_long

JSON_LINES, PARQUET, LIST = (".jsonl", ".ndjson"), ".parquet", ".txt"
LINE = re.compile(rf"(.*(?:{'|'.join(map(re.escape, IMAGE_ENDINGS))}))(?:[\s,]+(.*))?", re.IGNORECASE)  # of a list
MAX_BYTES = 4 << 30
USES = "path", "label", "split", "group"
ENDINGS = (".csv", ".tsv", *JSON_LINES, PARQUET)


def open_manifest(place: Place, columns: Columns) -> Rows | None:
    """Return the images that a manifest names as rows; None for a file with another extension; raises `DataError`."""
    if not at(place).is_file() or not place.last.lower().endswith((*ENDINGS, LIST)):
        return None
    names, paths, groups, folder = [], [], [], place.parent
    shape, found, about = None, dict[str, str | None](), dict[str, Any]()
    for number, row in enumerate(_rows(place, columns), 1):
        if row.keys() != shape:
            shape = row.keys()
            check(place, [str(name) for name in row], [])
            found = {what: find(what, map(str, row), columns, str(place)) for what in USES}
            about = {"notes": unlabelled(row, found), "group_column": group_column(row, found)}
        values = (name and row[name] for name in map(found.get, USES))
        path, label, split, group = (None if value in (None, "") else str(value) for value in values)
        where = f"row {number:,} of {place}"
        if path is None:
            raise DataError(f"{where} has no path; {_path_column(row, folder)}.")
        path = posixpath.normpath(path.removeprefix(f"{folder}/"))  # of an absolute path
        if _leads_out(path):
            raise DataError(f"{where} has the path {path!r}, which leads out of its folder.")
        names.append(row_name(split_of(split, where), label, path))
        paths.append(path)
        groups.append(group)

    def read(row: int) -> bytes | None:
        file = at(folder / paths[row])
        try:
            return file.read_bytes(MAX_MEMBER_BYTES + 1) if file.is_inside(folder) and file.is_file() else None
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
                raise
            return None

    return Rows(names, read, groups=groups, listed=True, **about)


def _path_column(row: dict[str, Any], folder: Place) -> str:
    """Return the columns of a row, and the option that names the first with the path of a file."""
    cells = (cell for cell in (*row, *row.values()) if isinstance(cell, str) and cell and not _leads_out(cell))
    files = [cell for cell in cells if at(folder / cell).is_file()]
    if not row.keys().isdisjoint(files):
        return "its first line names an image, so it has no header; add one, such as path,label,split"
    found = next((name for name, value in row.items() if value in files), None)
    ids = f"none of them has the path of a file; if one has ids of images, run `cleansplit audit {quote(str(folder))}`"
    option = f"add `--columns {quote(f'path={found}')}`" if found else ids
    return f"its columns are {', '.join(map(str, row))}; {option}"


def _leads_out(path: str) -> bool:
    return path.startswith("/") or "\0" in path or ".." in path.replace("\\", "/").split("/")


def _rows(place: Place, columns: Columns) -> Iterator[dict[str, Any]]:
    name = place.last.lower()
    if name.endswith(PARQUET):
        yield from rows_of_table(place, columns)
        return
    with readable(place, MAX_BYTES, "manifest") as data:
        if name.endswith(LIST):
            for line in filter(None, map(str.strip, data.decode("utf-8-sig").splitlines())):
                path, label = found.groups() if (found := LINE.fullmatch(line)) else (line, None)
                yield {"path": path, "label": label}
        else:
            yield from (row for row, _ in rows_in(name, data.decode()) if row)


def rows_in(name: str, text: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the rows of CSV, TSV or JSON lines, each with its text; a header and an empty line have no columns."""
    lines = [*StringIO(text, newline="")]
    if name.lower().endswith(JSON_LINES):
        yield from ((dict(json.loads(line.removeprefix("\ufeff"))) if line.strip() else {}, line) for line in lines)
        return
    names = re.sub('"[^"]*"', "", next(filter(str.strip, lines), ""))
    delimiter = max("\t,;" if name.lower().endswith(".tsv") else ",;\t", key=names.count)
    plain = (line.removeprefix("\ufeff") for line in lines)  # of Excel
    reader = csv.reader(plain, delimiter=delimiter, skipinitialspace=True, strict=True)
    header, start = list[str](), 0
    for cells in reader:
        row = zip_longest(header, cells[: len(header)]) if cells else ()
        yield dict(row), "".join(lines[start : reader.line_num])
        header = header or cells
        start = reader.line_num


def rows_of_table(place: Place, columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield rows with None for lists and structs: a few bytes of Parquet can encode any number of values."""
    with open_parquet(place) as file:
        schema = file.schema_arrow
        used = {name for what in USES if (name := find(what, schema.names, columns, str(place)))}
        shown = used | {field.name for field in schema if not pa.types.is_nested(field.type)}
        refuse_lists([schema.field(name) for name in used], place)
        for batch in file.iter_batches(ROWS, columns=[name for name in schema.names if name in shown]):
            refuse_long([batch.column(name) for name in used], place)
            yield from (dict.fromkeys(schema.names) | row for row in batch.to_pylist())
