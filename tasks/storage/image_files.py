"""Read images from the Parquet files of shards and splits, one row group at a time, verifying page checksums."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.arrays import Gray, Labels, RowNumbers
from tasks.errors import DataError
from tasks.storage import Place, tables
from tasks.storage.images import ImageRows, concatenate, of_table
from tasks.vocabulary import SET, UNLABELLED


def read_images(files: Iterable[Place]) -> ImageRows:
    """Read all images of Parquet files."""
    return concatenate([*iterate_images(files)])


def iterate_images(files: Iterable[Place]) -> Iterator[ImageRows]:
    """Read images one row group at a time, after an empty part of each file, so that there is at least one part."""
    for path in files:
        with tables.opened(path) as file:
            _side_of(file, path)
            yield of_table(file.schema_arrow.empty_table())
            for group in range(file.num_row_groups):
                yield of_table(file.read_row_group(group))


def take_images(files: Sequence[Place], rows: RowNumbers) -> ImageRows:
    """Read rows of all files by their numbers, int64 (n,), in this order, holding only a few row groups in memory."""
    first, parts = 0, list[ImageRows]()
    ascending, back = np.unique(rows, return_inverse=True)
    for path in files:
        with tables.opened(path) as file:  # a group at a time: float32 takes four times the memory
            _side_of(file, path)
            end = first + file.metadata.num_rows
            here = ascending[np.searchsorted(ascending, first) : np.searchsorted(ascending, end)] - first
            parts += map(of_table, tables.taken(file, here))
            first = end
    images = concatenate(parts)
    return images if np.array_equal(ascending, rows) else images.take(back)


def shape_of(files: Sequence[Place]) -> tuple[int, int]:
    """Return the number and the side of the images in Parquet files, from their footers."""
    rows, side = 0, 0
    for path in files:
        with tables.opened(path) as file:
            rows, side = rows + file.metadata.num_rows, _side_of(file, path)
    return rows, side


def read_labels(files: Iterable[Place]) -> Labels:
    """Read only the labels, int64 (n,)."""
    return pa.concat_tables([tables.read(path, ["label"]) for path in files])["label"].to_numpy()


def read_ids(files: Iterable[Place]) -> pa.Array:
    """Read only the ids, in row order."""
    return pa.concat_tables([tables.read(path, ["id"]) for path in files])["id"].combine_chunks()


def images_in(index: Place, role: str) -> pa.Table:
    """Return the rows of the index of a source that are images, each with its ``id``, which starts with the role."""
    rows = tables.read(index, filters=pc.field("outcome").is_null() & pc.field("class_name").is_valid())
    return rows.append_column("id", pc.binary_join_element_wise(role, rows["class_name"], rows["member"], "/"))


def paths_of(ids: pa.Array) -> pa.Array:
    """Return the paths of images from their ids, which start with the role and the class.

    >>> paths_of(pa.array(["large/A/1.png", f"test/{UNLABELLED}/b/2.png", "test/{A}/3.png", None])).to_pylist()
    ['A/1.png', 'b/2.png', '3.png', None]
    """
    return pc.replace_substring_regex(ids, rf"^[^/]*/(?:(?:{re.escape(UNLABELLED)}|{re.escape(SET)}[^/]*)/)?", "")


def gray_of(files: Sequence[Place], ids: Iterable[str]) -> dict[str, Gray]:
    """Return the given images of a run or shard, uint8 (side, side) each, by id."""
    parts = map(of_table, _rows_of(files, ids))
    return {name: gray for part in parts for name, gray in zip(part.ids.to_pylist(), part.gray, strict=True)}


def thumbnails(files: Sequence[Place], ids: Iterable[str]) -> dict[str, bytes]:
    """Return the thumbnails of the given photographs, JPEG files, by id."""
    parts = _rows_of(files, ids, ["id", "thumbnail"])
    return {row["id"]: row["thumbnail"] for part in parts for row in part.to_pylist()}


def _rows_of(files: Sequence[Place], ids: Iterable[str], columns: Sequence[str] | None = None) -> list[pa.Table]:
    """Return the rows with the given ids, at least one table per file."""
    wanted, parts = pa.array(sorted(set(ids)), pa.string()), list[pa.Table]()
    for path in files:
        with tables.opened(path) as file:
            rows = np.flatnonzero(pc.is_in(file.read(["id"])["id"], value_set=wanted).to_numpy())
            parts += tables.taken(file, rows, columns)
    return parts


def _side_of(file: pq.ParquetFile, path: Place) -> int:
    """Return the side of the images in a file; raises `DataError` when damage changed the type of their column."""
    schema, side = file.schema_arrow, 0
    kind = schema.field("pixels").type if "pixels" in schema.names else None
    if isinstance(kind, pa.FixedSizeListType):
        side = kind.list_size
    elif isinstance(kind, pa.FixedSizeBinaryType) and math.sqrt(kind.byte_width).is_integer():
        side = math.isqrt(kind.byte_width)
    if not side:
        raise DataError(f"{path} is damaged; do the run again, which rebuilds it.")
    return side
