"""Tables with labels of images: Hugging Face's ``metadata.csv``, and Kaggle's ``train.csv`` with ids for names."""

import posixpath
from collections.abc import Collection, Iterator, Mapping

from tasks.columns import Columns, find
from tasks.formats import IMAGE_ENDINGS
from tasks.sources.coco import MAX_LIST, Document, by_stem, path_named, readable
from tasks.sources.layout import is_metadata, split_of_folder
from tasks.sources.manifest import JSON_LINES, rows_in
from tasks.sources.numbered import split_in
from tasks.storage import Place

IDS = "image_id", "id"  # columns of names without an extension


class Table(Document):
    """A table, whose ids are the numbers of its rows."""

    def only(self, stay: Collection[str]) -> str:
        """Return the text with the rows of the images that stay, by path; they and the header keep their bytes."""
        rows = enumerate(rows_in(self.name, self.text))
        return "".join(text for row, (_, text) in rows if row not in self.paths or self.paths[row] in stay)


def label_tables(root: Place, names: Collection[str], columns: Columns) -> Iterator[Table]:
    """Yield the tables that name an image of the folder, given its files; raises `DataError` for damage.

    ``metadata`` tables count anywhere. Tables named after a split count if no split has two folders of images, which
    may be classes.
    """
    tables = [name for name in names if name.lower().endswith((".csv", ".tsv", *JSON_LINES))]
    named = (path for path in names if path.lower().endswith((*IMAGE_ENDINGS,))) if tables else ()
    images = dict.fromkeys(path for path in named if not is_metadata(path))
    folders = {posixpath.dirname(path) for path in images}
    flat = len(folders) == len({split_of_folder(f"{folder}/") for folder in folders})
    held = by_stem(images)
    for name in tables:
        stem = posixpath.basename(name).lower().partition(".")[0]
        if stem == "metadata" or (flat and split_in(stem)):
            with readable(root / name, MAX_LIST) as data:
                table = _table(name, data.decode(), held, columns)
            if not images.keys().isdisjoint(table.paths.values()):
                yield table


def _table(name: str, text: str, held: Mapping[str, list[str]], columns: Columns) -> Table:
    table = Table(name, split_of_folder(name) or split_in(posixpath.basename(name)), text, {}, {})
    shape, of_path, of_label = None, "", ""
    for number, (row, _) in enumerate(rows_in(name, text)):
        if row.keys() != shape:
            shape, ids = row.keys(), (column for column in row if column.lower() in IDS)
            of_path = columns.get("path") or find("path", row, {}, name) or next(ids, "")
            of_label = columns.get("label") or find("label", row, {}, name) or ""
        path, label = row.get(of_path), row.get(of_label)
        if path not in (None, ""):
            table.paths[number] = path_named(str(path), table.split, held, posixpath.dirname(name))
            labels = label if isinstance(label, list) else [label]
            table.labels[number] = None if label in (None, "") else {str(one) for one in labels}
    return table
