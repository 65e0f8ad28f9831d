"""Tables with labels of images: Hugging Face's ``metadata.csv``, and Kaggle's ``train.csv`` with ids for names."""

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from tasks.columns import Columns, find
from tasks.formats import IMAGE_ENDINGS
from tasks.sources.coco import MAX_LIST, Document, ends, readable
from tasks.sources.layout import is_below, is_metadata, split_of_folder
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
    by_name = defaultdict[str, list[str]](list)
    for path in images:
        for key in {path, _stem(path)}:
            by_name[key].append(path)
    for name in tables:
        stem = posixpath.basename(name).lower().partition(".")[0]
        if stem == "metadata" or (flat and split_in(stem)):
            with readable(root / name, MAX_LIST) as data:
                table = _table(name, data.decode(), by_name, columns)
            if not images.keys().isdisjoint(table.paths.values()):
                yield table


def _table(name: str, text: str, by_name: Mapping[str, list[str]], columns: Columns) -> Table:
    table = Table(name, split_of_folder(name) or split_in(posixpath.basename(name)), text, {}, {})
    shape, of_path, of_label = None, "", ""
    for number, (row, _) in enumerate(rows_in(name, text)):
        if row.keys() != shape:
            shape, ids = row.keys(), (column for column in row if column.lower() in IDS)
            of_path = columns.get("path") or find("path", row, {}, name) or next(ids, "")
            of_label = columns.get("label") or find("label", row, {}, name) or ""
        path, label = row.get(of_path), row.get(of_label)
        if path not in (None, ""):
            table.paths[number] = _path_of(next(ends(str(path)), ""), table, by_name)
            labels = label if isinstance(label, list) else [label]
            table.labels[number] = None if label in (None, "") else {str(one) for one in labels}
    return table


def _path_of(called: str, table: Table, by_name: Mapping[str, list[str]]) -> str:
    """Return the path of the image with a name or an id, below the folder of its table and in no other split."""
    folder = posixpath.dirname(table.name)
    whole = posixpath.normpath(posixpath.join(folder, called))
    if whole in by_name.get(whole, ()):
        return whole
    near = [path for path in by_name.get(_stem(called), ()) if f"/{called}" in f"/{path}" and is_below(path, folder)]
    of_split = [path for path in near if split_of_folder(path) == table.split]
    own = of_split or [path for path in near if split_of_folder(path) is None]
    if len(own) > 1:
        raise ValueError(f"{called} is the name of {own[0]} and {own[1]}")
    return own[0] if own else whole


def _stem(path: str) -> str:
    stem, ending = posixpath.splitext(posixpath.basename(path))
    return stem if ending.lower() in IMAGE_ENDINGS else stem + ending
