"""Images in memory and as Parquet, written one row group at a time."""

import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from tasks.arrays import Gray, Labels, Pixels, RowNumbers
from tasks.storage import Place, at, disk, tables

CENTRE, SCALE = 127.5, 255.0
ROW_GROUP = 8192
MAX_ROWS_PER_FILE = 100_000
AT_ONCE = 2  # files: Arrow encodes and decodes Parquet without the interpreter's lock


@dataclass(frozen=True)
class ImageRows:
    """Rows of a shard or split: ids and class names (strings), labels int64 (n,), gray uint8 (n, side, side)."""

    ids: pa.Array
    class_names: pa.Array
    labels: Labels
    gray: Gray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: RowNumbers) -> "ImageRows":
        """Return some rows, in the order of their numbers in `rows`."""
        at = pa.array(rows)
        return ImageRows(self.ids.take(at), self.class_names.take(at), self.labels[rows], self.gray[rows])


def concatenate(parts: Sequence[ImageRows]) -> ImageRows:
    """Concatenate the rows of several records."""
    return ImageRows(
        pa.concat_arrays([part.ids for part in parts]),
        pa.concat_arrays([part.class_names for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.gray for part in parts]),
    )


def as_file(image: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    """Return an image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return buffer.getvalue()


def as_rows(gray: Gray) -> Gray:
    """Reshape images (n, side, side) to rows of pixels (n, side * side)."""
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
    """Return the gray values of normalized pixels, the exact inverse of `normalize`.

    >>> gray = np.arange(256, dtype=np.uint8)
    >>> bool((restore(normalize(gray)) == gray).all())
    True
    """
    gray = pixels * np.float32(SCALE)
    gray += np.float32(CENTRE + 0.5)  # the conversion below truncates
    return gray.astype(np.uint8)


def mean_and_deviation(pixels: int, total: int, squares: int) -> tuple[float, float]:
    """Return mean and standard deviation of normalized pixels from exact sums of gray values and of their squares.

    >>> mean_and_deviation(2, 255, 65025)
    (0.0, 0.5)
    """
    return (total / pixels - CENTRE) / SCALE, math.sqrt(pixels * squares - total**2) / pixels / SCALE


def schema(side: int, classes: Sequence[str] | None = None) -> pa.Schema:
    """Return the schema of shards and splits: ``id``, ``class_name``, ``label``, ``pixels``.

    Without `classes` it is that of a shard, whose pixels are side x side bytes. With them it is that of a split, whose
    pixels are float32 [side, side].
    """
    columns = {"id": pa.string(), "class_name": pa.string(), "label": pa.int64()}
    if classes is None:
        return pa.schema(columns | {"pixels": pa.binary(side * side)})
    return for_datasets(columns | {"pixels": pa.list_(pa.list_(pa.float32(), side), side)}, classes)


def for_datasets(columns: Mapping[str, pa.DataType], classes: Sequence[str]) -> pa.Schema:
    """Return a schema with the metadata that `datasets` reads; ``label`` is the number of a class."""
    features = {name: _feature(kind) for name, kind in columns.items()}
    features["label"] = {"names": list(classes), "_type": "ClassLabel"}
    return pa.schema(columns, {"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_fixed_size_list(kind):
        return {"feature": _feature(kind.value_type), "length": kind.list_size, "_type": "List"}
    if pa.types.is_struct(kind):  # of bytes and path
        return {"_type": "Image"}
    return {"dtype": {"float": "float32"}.get(str(kind), str(kind)), "_type": "Value"}


def write_images(images: ImageRows, target: Place, classes: Sequence[str] | None = None) -> None:
    """Write images to one Parquet file: a shard or, with class names, part of a split."""
    columns = schema(images.gray.shape[1], classes)
    encoded = ["id", "class_name", "label"] if classes is None else True
    with tables.writer(target, columns, use_dictionary=encoded) as writer:
        for start in range(0, len(images), ROW_GROUP):
            part = slice(start, start + ROW_GROUP)
            gray = images.gray[part]
            pixels = tables.binary(as_rows(gray))
            if classes is not None:
                rows = pa.FixedSizeListArray.from_arrays(pa.array(normalize(gray).ravel()), gray.shape[2])
                pixels = pa.FixedSizeListArray.from_arrays(rows, gray.shape[1])
            arrays = [images.ids[part], images.class_names[part], pa.array(images.labels[part]), pixels]
            writer.write_table(pa.table(arrays, schema=columns))


ReadRows = Callable[[], ImageRows]  # of a file


def per_file(rows: RowNumbers) -> list[RowNumbers]:
    """Return the rows of each file of a split, at most 100,000; an empty split has one empty file."""
    return [rows[start : start + MAX_ROWS_PER_FILE] for start in range(0, max(len(rows), 1), MAX_ROWS_PER_FILE)]


def write_split(files: Sequence[ReadRows], name: str, classes: Sequence[str], folder: Place) -> dict[str, Any]:
    """Write the images that each function returns to a file ``name-00000-of-0000N.parquet``; threads call them.

    Returns the facts that `tasks.records.Split.of` takes: rows, file names and their sha256.
    """
    disk.make_folder(folder)
    paths = [folder / f"{name}-{i:05d}-of-{len(files):05d}.parquet" for i in range(len(files))]

    def write(read: ReadRows, path: Place) -> int:
        images = read()
        write_images(images, path, classes)
        return len(images)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        written = sum(pool.map(write, files, paths))
    return {"rows": written, "files": [p.last for p in paths], "sha256": [at(p).sha256() for p in paths]}


def of_table(table: pa.Table) -> ImageRows:
    """Return the images in a table with the columns of a shard or a split."""
    ids, class_names = (table[name].combine_chunks() for name in ("id", "class_name"))
    return ImageRows(ids, class_names, table["label"].to_numpy(), _to_gray(table["pixels"]))


def _to_gray(pixels: pa.ChunkedArray) -> Gray:
    if pa.types.is_fixed_size_binary(pixels.type):
        gray = tables.bytes_of(pixels)
        side = math.isqrt(gray.shape[1])
    else:
        side = pixels.type.list_size
        gray = restore(pixels.combine_chunks().flatten().flatten().to_numpy())
    return gray.reshape(-1, side, side)
