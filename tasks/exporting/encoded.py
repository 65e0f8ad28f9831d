"""Write splits as Parquet with the images' own files inside, which `datasets` shows as images."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import pyarrow as pa

from tasks.exporting.originals import BATCH_BYTES, BATCH_ROWS, Originals
from tasks.storage import disk, tables
from tasks.storage.images import read_ids, read_labels
from tasks.storage.place import Place

MAX_BYTES_PER_FILE = 500_000_000  # what the Hugging Face Hub advises
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def write_encoded(
    parts: Sequence[Place], split: str, classes: Sequence[str], originals: Originals, folder: Place
) -> None:
    """Write ``split-00000-of-0000N.parquet``: ``id``, ``image`` (bytes and path), ``label``.

    A split without rows has no file: `datasets` refuses to load one.

    Parameters
    ----------
    parts : sequence of Place
        The split's own Parquet files.
    split : str
    classes : sequence of str
        Names of the labels.
    originals : Originals
    folder : Place
    """
    disk.make_folder(folder)
    sizes = originals.sizes(read_ids(parts))
    files, rows = _cut(sizes, MAX_BYTES_PER_FILE, len(sizes)), _rows(parts, originals)
    for number, (start, end) in enumerate(files):
        target = folder / f"{split}-{number:05d}-of-{len(files):05d}.parquet"
        with tables.writer(target, schema(classes), compression="none") as writer:
            for first, last in _cut(sizes[start:end], BATCH_BYTES, BATCH_ROWS):
                writer.write_table(pa.Table.from_pylist(list(islice(rows, last - first)), schema=schema(classes)))


def schema(classes: Sequence[str]) -> pa.Schema:
    """Return the schema, with the metadata by which `datasets` knows images and classes."""
    features = {
        "id": {"dtype": "string", "_type": "Value"},
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
    }
    columns = pa.schema({"id": pa.string(), "image": IMAGE, "label": pa.int64()})
    return columns.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _rows(parts: Sequence[Place], originals: Originals) -> Iterator[dict[str, object]]:
    for original, label in zip(originals.read(parts), read_labels(parts).tolist(), strict=True):
        image = {"bytes": original.data, "path": original.id.split("/", 1)[1]}
        yield {"id": original.id, "image": image, "label": label}


def _cut(sizes: Sequence[int], most: int, rows: int) -> list[tuple[int, int]]:
    """Return where to cut, so that a piece has at most `rows` rows, and `most` bytes unless one row has more.

    >>> _cut([5, 5, 5, 30, 1], 10, 3)
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    cuts, total = [0], 0
    for row, size in enumerate(sizes):
        if row > cuts[-1] and (total + size > most or row - cuts[-1] == rows):
            cuts.append(row)
            total = 0
        total += size
    return list(pairwise([*cuts, len(sizes)])) if sizes else []
