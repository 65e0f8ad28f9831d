"""Images in memory and as Parquet: the one place that knows their columns.

In memory an image is side x side bytes of gray, and so it is in a shard. In the file of a split, which others read, it
is float32, (gray - 127.5) / 255, which dictionary encoding makes as small, but takes ten times as long. Files are
written and read a row group at a time.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import DataError
from tasks.storage import disk, tables
from tasks.storage.place import Place
from tasks.vocabulary.arrays import AnyArray, Gray, Labels, Pixels, RowNumbers

CENTRE, SCALE = 127.5, 255.0
ROW_GROUP = 8192
MAX_ROWS_PER_FILE = 100_000
AT_ONCE = 2  # files: encoding and decoding Parquet run outside the interpreter


@dataclass(frozen=True)
class Images:
    """Rows of a shard or split: ids and class names (strings), labels int64 (n,), gray uint8 (n, side, side)."""

    ids: pa.Array
    class_names: pa.Array
    labels: Labels
    gray: Gray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> "Images":
        return Images(self.ids[rows], self.class_names[rows], self.labels[rows], self.gray[rows])

    def take(self, rows: AnyArray) -> "Images":
        """Return the rows of a mask or of an array of row numbers."""
        where = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        at = pa.array(where)
        return Images(self.ids.take(at), self.class_names.take(at), self.labels[where], self.gray[where])


def concatenate(parts: Sequence[Images]) -> Images:
    """Return the rows of several images records, one behind the other."""
    return Images(
        pa.concat_arrays([part.ids for part in parts]),
        pa.concat_arrays([part.class_names for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.gray for part in parts]),
    )


def as_rows(gray: Gray) -> Gray:
    """Return images (n, side, side) as rows of pixels (n, side * side)."""
    return gray.reshape(len(gray), gray.shape[1] * gray.shape[2])


def normalize(gray: Gray) -> Pixels:
    """Return ``(gray - 127.5) / 255`` as float32, in [-0.5, 0.5].

    >>> normalize(np.array([0, 255], np.uint8)).tolist()
    [-0.5, 0.5]
    """
    pixels: Pixels = np.subtract(gray, np.float32(CENTRE), dtype=np.float32)
    pixels /= np.float32(SCALE)
    return pixels


def restore(pixels: Pixels) -> Gray:
    """Return the gray values of normalized pixels; the inverse of `normalize`, without loss.

    >>> gray = np.arange(256, dtype=np.uint8)
    >>> bool((restore(normalize(gray)) == gray).all())
    True
    """
    gray = pixels * np.float32(SCALE)
    gray += np.float32(CENTRE + 0.5)  # the conversion below cuts the fraction off
    return gray.astype(np.uint8)


def mean_and_deviation(pixels: int, total: int, squares: int) -> tuple[float, float]:
    """Return mean and standard deviation of normalized pixels, from the exact sums of gray values and their squares.

    >>> mean_and_deviation(2, 255, 65025)
    (0.0, 0.5)
    """
    return (total / pixels - CENTRE) / SCALE, math.sqrt(pixels * squares - total**2) / pixels / SCALE


def schema(side: int, classes: Sequence[str] | None = None) -> pa.Schema:
    """Return the schema of shards and splits: ``id``, ``class_name``, ``label``, ``pixels``.

    Pixels of a shard are side x side bytes; those of a split, which has class names, float32 [side, side], and it
    carries the metadata by which `datasets` knows both.
    """
    columns = {"id": pa.string(), "class_name": pa.string(), "label": pa.int64()}
    if classes is None:
        return pa.schema(columns | {"pixels": pa.binary(side * side)})
    pixels = pa.list_(pa.list_(pa.float32(), side), side)
    text, value = {"dtype": "string", "_type": "Value"}, {"dtype": "float32", "_type": "Value"}
    features = {
        "id": text,
        "class_name": text,
        "label": {"names": list(classes), "_type": "ClassLabel"},
        "pixels": {"feature": {"feature": value, "length": side, "_type": "List"}, "length": side, "_type": "List"},
    }
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema(columns | {"pixels": pixels}, about)


def write_images(images: Images, target: Place, classes: Sequence[str] | None = None) -> None:
    """Write images to one Parquet file, a shard or, with class names, a part of a split.

    Without rows, the file has the schema alone.
    """
    columns = schema(images.gray.shape[1], classes)
    encoded, of_gray = (True, _to_pixels) if classes is not None else (["id", "class_name", "label"], _to_bytes)
    with tables.writer(target, columns, use_dictionary=encoded) as writer:
        for start in range(0, len(images), ROW_GROUP):
            part = images[start : start + ROW_GROUP]
            arrays = [part.ids, part.class_names, pa.array(part.labels), of_gray(part.gray)]
            writer.write_table(pa.table(arrays, schema=columns))


def file_starts(rows: int) -> range:
    """Return where the files of a split start; without rows, it is one."""
    return range(0, max(rows, 1), MAX_ROWS_PER_FILE)


def write_split(
    rows: int, piece: Callable[[int, int], Images], name: str, classes: Sequence[str], folder: Place
) -> dict[str, Any]:
    """Write ``name-00000-of-0000N.parquet``, at most 100,000 rows a file; an empty split is one file without rows.

    Parameters
    ----------
    rows : int
    piece : callable
        Returns the rows of the split from one number to another; a file's at a time, from several threads.
    name : str
    classes : sequence of str
    folder : Place

    Returns
    -------
    dict
        What `tasks.records.Split.of` takes: rows, file names and their sha256.
    """
    disk.make_folder(folder)
    starts = file_starts(rows)
    paths = [folder / f"{name}-{i:05d}-of-{len(starts):05d}.parquet" for i in range(len(starts))]

    def write(start: int, path: Place) -> int:
        images = piece(start, min(start + starts.step, rows))
        write_images(images, path, classes)
        return len(images)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        written = sum(pool.map(write, starts, paths))
    return {"rows": written, "files": [p.last for p in paths], "sha256": [disk.sha256_of(p) for p in paths]}


def read_images(files: Iterable[Place], rows: int | None = None) -> Images:
    """Read images from Parquet files, all or the first `rows`, page checksums verified."""
    parts: list[Images] = []
    for part in iterate_images(files):
        parts.append(part)
        if rows is not None and sum(map(len, parts)) >= rows:
            break
    return concatenate(parts)[:rows]


def iterate_images(files: Iterable[Place]) -> Iterator[Images]:
    """Read images a row group at a time; of each file, first an empty part, so that there always is one."""
    for path in files:
        with tables.opened(path) as file:
            yield _nothing(_side_of(file, path))
            for group in range(file.num_row_groups):
                yield of_table(file.read_row_group(group))


def take_images(files: Sequence[Place], rows: RowNumbers) -> Images:
    """Read some rows, their numbers over all files ascending, int64 (n,), in memory for these and some row groups."""
    starts = np.cumsum([0, *(shape_of([path])[0] for path in files)])
    ends = np.searchsorted(rows, starts)

    def read(number: int) -> list[Images]:
        here = rows[ends[number] : ends[number + 1]] - starts[number]
        return [*map(of_table, tables.taken(files[number], here))]  # of float32, which takes four times the memory

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return concatenate([*chain.from_iterable(pool.map(read, range(len(files))))])


def shape_of(files: Sequence[Place]) -> tuple[int, int]:
    """Return rows and side of the images in Parquet files, from their footers alone."""
    rows, side = 0, 0
    for path in files:
        with tables.opened(path) as file:
            rows, side = rows + file.metadata.num_rows, _side_of(file, path)
    return rows, side


def read_labels(files: Iterable[Place]) -> Labels:
    """Read the labels alone, int64 (n,)."""
    return pa.concat_tables([tables.read(path, ["label"]) for path in files])["label"].to_numpy()


def read_ids(files: Iterable[Place]) -> pa.Array:
    """Read the ids alone, in row order."""
    return pa.concat_tables([tables.read(path, ["id"]) for path in files])["id"].combine_chunks()


def gray_of(files: Sequence[Place], ids: Iterable[str]) -> dict[str, Gray]:
    """Return some images of a run or shard, uint8 (side, side) each, by id."""
    wanted = pa.array(sorted(set(ids)), pa.string())

    def read(path: Place) -> dict[str, Gray]:
        rows = np.flatnonzero(pc.is_in(read_ids([path]), value_set=wanted).to_numpy(zero_copy_only=False))
        parts = map(of_table, tables.taken(path, rows))
        return {name: gray for part in parts for name, gray in zip(part.ids.to_pylist(), part.gray, strict=True)}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {name: gray for part in pool.map(read, files) for name, gray in part.items()}


def thumbnails(files: Sequence[Place], ids: Sequence[str]) -> dict[str, bytes]:
    """Return the thumbnails of some photographs, JPEG files, by id."""
    wanted = pc.field("id").isin(pa.array(ids, pa.string()))
    found = (tables.read(path, ["id", "thumbnail"], filters=wanted) for path in files)
    return {row["id"]: row["thumbnail"] for table in found for row in table.to_pylist()}


def _side_of(file: pq.ParquetFile, path: Place) -> int:
    """Return the side of the images in a file; one flipped bit can give its columns another type."""
    place = file.schema_arrow.get_field_index("pixels")
    kind = file.schema_arrow.field(place).type if place >= 0 else None
    side = 0
    if kind is not None and pa.types.is_fixed_size_list(kind):
        side = kind.list_size
    elif kind is not None and pa.types.is_fixed_size_binary(kind) and math.sqrt(kind.byte_width).is_integer():
        side = math.isqrt(kind.byte_width)
    if not side:
        raise DataError(f"{path} is damaged; run the same command again to rebuild it.")
    return side


def of_table(table: pa.Table) -> Images:
    """Return the rows of a table that has the columns of a shard or a split."""
    ids, class_names = (table[name].combine_chunks() for name in ("id", "class_name"))
    return Images(ids, class_names, table["label"].to_numpy(), _to_gray(table["pixels"]))


def _to_pixels(gray: Gray) -> pa.Array:
    flat = pa.array(normalize(gray).ravel())
    rows = pa.FixedSizeListArray.from_arrays(flat, gray.shape[2])
    return pa.FixedSizeListArray.from_arrays(rows, gray.shape[1])


def _to_bytes(gray: Gray) -> pa.Array:
    return tables.binary(as_rows(gray))


def _to_gray(pixels: pa.ChunkedArray) -> Gray:
    if pa.types.is_fixed_size_binary(pixels.type):
        gray = tables.bytes_of(pixels)
        side = math.isqrt(gray.shape[1])
    else:
        side = pixels.type.list_size
        gray = restore(pixels.combine_chunks().flatten().flatten().to_numpy())
    return gray.reshape(-1, side, side)


def _nothing(side: int) -> Images:
    no_names = pa.array([], pa.string())
    return Images(no_names, no_names, np.empty(0, np.int64), np.empty((0, side, side), np.uint8))
