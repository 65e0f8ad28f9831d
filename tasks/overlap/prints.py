"""Look up the fingerprints of a split's rows once, and write its distinct images.

``prints.parquet`` has one row per row of the split: ``id``, ``class_name``, ``label`` (`UNKNOWN` without one), ``rank``
(position in the order of ids) and the columns of `tasks.classes.fingerprints`; for photographs also ``file``, the
number of the file with the gray copy. ``images.parquet`` has one row per distinct image, sorted by their digests, so
that names and the order of files decide nothing; ``of-row.parquet`` has the image number of each row.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import RowNumbers
from tasks.overlap.images import SEVERAL, UNKNOWN
from tasks.overlap.patterns import Patterns
from tasks.records import Drawn, Fingerprints
from tasks.records.conservation import conserve
from tasks.records.overlaps import IMAGES, OF_ROW, PRINTS, SAMPLE
from tasks.storage import Place, disk, tables
from tasks.storage.copies import NAMED_BY
from tasks.storage.shuffle import deal_out
from tasks.vocabulary import UNLABELLED

DEALT = "dealt"
PIECE = 50_000  # rows per row group, or fewer at the end of a file of the split
SAMPLED = 512  # images in the sample of a split's bits
TEXTS = ["class_name", "font"]  # columns with repeated values


def slices(rows: int, size: int) -> list[range]:
    """Cut rows into slices of a size, at least one slice.

    >>> slices(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, rows)) for start in range(0, max(rows, 1), max(size, 1))]


def prints_of(split: Drawn, fingerprints: Sequence[Fingerprints]) -> list[Fingerprints]:
    """Return the fingerprints of the shards that contain the rows of a split."""
    found = [each for each in fingerprints if each.role in split.drawn_from]
    return found or list(fingerprints)  # an audit without validation has no rows in it


def write_prints(split: Drawn, fingerprints: Sequence[Fingerprints], workspace: Place, target: Place) -> dict[str, Any]:
    """Write the fingerprints of a split's rows and its images, with one piece and all numbers in memory.

    `fingerprints` cover all shards, in the order of the split's row numbers. Returns the number of bits, the number of
    distinct images, the numbers of rows whose bits are all equal and of one colour, and the median short side of
    photographs.
    """
    numbers = tables.read(workspace / split.numbers)
    own = prints_of(split, fingerprints)
    sizes = [len(some) for place in split.places(workspace) for some in slices(tables.count(place), PIECE)]
    pieces = [numbers.slice(first, size) for first, size in zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False)]
    piece = deal_out(
        lambda number: _numbered(fingerprints[number], own, workspace),
        [tables.count(workspace / each.table) for each in fingerprints],
        [some["row"].to_numpy() for some in pieces],
        target / DEALT,
    )
    read = (tables.read(place, ["id", "class_name", "label"]) for place in split.places(workspace))
    cut = (rows[some.start : some.stop] for rows in read for some in slices(len(rows), PIECE))
    parts = (
        _beside(rows.append_column("rank", some["rank"]), piece(number), split)
        for number, (some, rows) in enumerate(zip(pieces, cut, strict=True))
    )
    first = next(parts)
    with tables.writer(target / PRINTS, first.schema, use_dictionary=TEXTS) as writer:
        for part in chain([first], parts):
            writer.write_table(part)
    disk.remove(target / DEALT)
    length = int(first.schema.metadata[b"view_bits"])
    return {"length": length} | write_images(target, length, photographs="short_side" in first.column_names)


def write_images(target: Place, length: int, photographs: bool) -> dict[str, Any]:
    """Write the distinct images of the rows in a folder; return the result of `write_prints` except the length."""
    rows = tables.read(target / PRINTS, ["md5", "rank", "label", "one_colour", *["short_side"] * photographs])
    digests = pc.unique(rows["md5"]).sort()
    of_row = pc.index_in(rows["md5"], value_set=digests).to_numpy().astype(np.int64)
    by_id = np.argsort(rows["rank"].to_numpy())
    example = by_id[np.unique(of_row[by_id], return_index=True)[1]]  # the row with the smallest id of each image
    tables.write(pa.table({"image": of_row}), target / OF_ROW)
    order = np.argsort(example)
    columns = ["md5", "bits", *NAMED_BY * photographs]
    images = tables.take_rows(target / PRINTS, example[order], columns).take(pa.array(np.argsort(order)))
    labels = _common_labels(of_row, rows["label"].to_numpy(), len(example))
    tables.write(images.append_column("label", pa.array(labels)), target / IMAGES)
    evenly = np.linspace(0, max(len(images) - 1, 0), min(SAMPLED, len(images))).astype(np.int64)
    tables.write(images.select(["bits"]).take(pa.array(evenly)), target / SAMPLE)
    blank = Patterns.of(tables.bytes_of(images["bits"]), length).blank
    side = int(np.median(rows["short_side"].to_numpy())) if photographs and len(rows) else None
    one_colour = pc.sum(rows["one_colour"], min_count=0).as_py()
    return {"images": len(example), "blank": int(blank[of_row].sum()), "one_colour": one_colour, "short_side": side}


def _common_labels(of_row: RowNumbers, labels: RowNumbers, images: int) -> RowNumbers:
    """Return the label that all labelled rows of an image share, or `SEVERAL`, or `UNKNOWN`, int64 (images,).

    >>> _common_labels(np.array([0, 0, 1, 1, 2]), np.array([7, UNKNOWN, 7, 8, UNKNOWN]), 3).tolist()
    [7, -1, -2]
    """
    low, high = np.full(images, np.iinfo(np.int64).max), np.full(images, UNKNOWN)
    known = labels != UNKNOWN
    np.minimum.at(low, of_row[known], labels[known])
    np.maximum.at(high, of_row, labels)
    return np.where(low < high, SEVERAL, high)


def _numbered(fingerprints: Fingerprints, own: Sequence[Fingerprints], workspace: Place) -> pa.Table:
    table = tables.read(workspace / fingerprints.table)
    number = own.index(fingerprints) if fingerprints in own else -1  # -1: the split has no rows there
    return table.append_column("file", pa.array(np.full(len(table), number)))


def _beside(rows: pa.Table, found: pa.Table, split: Drawn) -> pa.Table:
    same = pc.sum(pc.equal(rows["id"], found["id"]), min_count=0).as_py()
    conserve(f"fingerprints of {split.name}", len(rows), same)  # otherwise rows would get wrong fingerprints
    label = pc.if_else(pc.equal(rows["class_name"], UNLABELLED), UNKNOWN, rows["label"])
    table = rows.set_column(rows.column_names.index("label"), "label", label)
    for name in found.column_names[1:]:
        table = table.append_column(name, found[name])
    return table.combine_chunks().replace_schema_metadata(found.schema.metadata)
