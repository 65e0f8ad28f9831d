"""Tables with labels of images: Hugging Face's ``metadata.csv``, and Kaggle's ``train.csv`` with ids for names."""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.columns import Columns, find
from tasks.errors import UsageError
from tasks.formats import is_image_name
from tasks.sources.coco import MAX_LIST, Document, by_stem, path_named, readable, stem_of
from tasks.sources.layout import are_flat, is_metadata, split_of_folder
from tasks.sources.manifest import ENDINGS, PARQUET, rows_in, rows_of_table
from tasks.sources.numbered import split_in
from tasks.storage import Place, at, tables

IDS = "image_id", "id"  # columns of names without an extension
BETWEEN, LOOK = r"[\0-\x20,;\"/\ufffd]+", 1 << 20  # characters between names in any table; bytes to search


class Table(Document):
    """A table, whose ids are the numbers of its rows."""

    def only(self, stay: Collection[str]) -> bytes:
        """Return the table with the rows of the images that stay, by path; rows and header of text keep their bytes."""
        gone = {row for row, path in self.paths.items() if path not in stay}
        if not self.name.lower().endswith(PARQUET):
            rows = enumerate(rows_in(self.name, self.data.decode()))
            return "".join(text for row, (_, text) in rows if row not in gone).encode()
        with tables.foreign(Place(self.name)):
            table, out = pq.read_table(pa.BufferReader(self.data)), pa.BufferOutputStream()
        pq.write_table(table.filter(pa.array([row not in gone for row in range(len(table))], pa.bool_())), out)
        return out.getvalue().to_pybytes()


def label_tables(root: Place, names: Collection[str], columns: Columns) -> Iterator[Table]:
    """Yield the tables that name an image of the folder, given its files; raises `DataError` for damage.

    ``metadata`` tables count anywhere. If no split has two folders of images, which may be classes, tables named after
    a split count, too. Others that name images have only a note.
    """
    listed = [name for name in names if name.lower().endswith(ENDINGS)]
    named = (path for path in names if is_image_name(path)) if listed else ()
    images = [path for path in named if not is_metadata(path)]
    flat, held = are_flat(images), by_stem(images)
    for name in listed:
        stem, is_read = posixpath.basename(name).lower().partition(".")[0], False
        if stem == "metadata" or (flat and split_in(stem)):
            table, is_read = _table(root / name, name, held, columns), True
            if any(path in held.get(path, ()) for path in table.paths.values()):
                yield table._replace(note="`--columns label=NAME` names the column of labels")
                continue
        words = re.split(BETWEEN, at(root / name).read_bytes(LOOK).decode(errors="replace"))
        if any(held.get(stem_of(word)) for word in words if is_read or not word.isdecimal()):
            of_columns = "`--columns path=NAME label=NAME` names its columns; paths start from its folder"
            as_list = "a table with labels is named metadata.csv"
            if _lists_splits(root / name, name, held):
                as_list = f"`cleansplit audit {quote(str(root / name))}` reads it as a list"
            why = of_columns if is_read else as_list
            yield Table(name, None, b"", {}, {}, why)


def _lists_splits(place: Place, name: str, held: Mapping[str, list[str]]) -> bool:
    """Return whether the first row has the path of an image below the folder of the table, and tells its split."""
    with readable(place, MAX_LIST) as data:
        is_text = not name.lower().endswith(PARQUET)
        rows = (row for row, _ in rows_in(name, data.decode())) if is_text else rows_of_table(place, {})
        row = next(filter(None, rows), {})
    texts = [posixpath.join(posixpath.dirname(name), cell) for cell in row.values() if isinstance(cell, str)]
    paths = [path for path in map(posixpath.normpath, texts) if path in held.get(path, ())]
    return any(find("split", row, {}, name) or split_of_folder(path) for path in paths)


def _table(place: Place, name: str, held: Mapping[str, list[str]], columns: Columns) -> Table:
    with readable(place, MAX_LIST) as data:
        table = Table(name, split_of_folder(name) or split_in(posixpath.basename(name)), data, {}, {})
        shape, of_path, of_label = None, "", ""
        is_text = not name.lower().endswith(PARQUET)
        rows = (row for row, _ in rows_in(name, data.decode())) if is_text else rows_of_table(place, {})
        for number, row in enumerate(rows):
            if row.keys() != shape or not of_path:
                shape, of_label = row.keys(), columns.get("label") or find("label", row, {}, name) or ""
                of_path = columns.get("path") or find("path", row, {}, name) or _naming(row, held, of_label, name)
            path, label = row.get(of_path), row.get(of_label)
            if path not in (None, ""):
                table.paths[number] = path_named(str(path), table.split, held, posixpath.dirname(name))
                labels = label if isinstance(label, list) else [label]
                table.labels[number] = None if label in (None, "") else {str(one) for one in labels}
    return table


def _naming(row: Mapping[str, Any], held: Mapping[str, list[str]], of_label: str, name: str) -> str:
    """Return the column of a row that has the name of an image, or an id, or nothing."""
    texts = {column: value for column, value in row.items() if isinstance(value, str) and not value.isdecimal()}
    found = [column for column, value in texts.items() if column != of_label and held.get(stem_of(value))]
    ids = [column for column in found or row if column.lower() in IDS]
    if of_label and len(found) > 1 and not ids:
        some = f"{found[0]} and {found[1]}"
        raise UsageError(f"{name} names images in its columns {some}; add `--columns path={found[0]}` or another.")
    return (ids or found or [""])[0]
