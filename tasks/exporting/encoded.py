"""Write splits as Parquet files with encoded images, in the layout of `datasets`."""

import json
from collections.abc import Sequence
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from tasks.exporting.originals import BATCH_BYTES, BATCH_ROWS, Originals, cut
from tasks.storage import Place, disk, tables
from tasks.storage.image_files import read_ids, read_labels

MAX_BYTES_PER_FILE = 500_000_000  # the advice of the Hugging Face Hub
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def write_encoded(
    parts: Sequence[Place],
    split: str,
    classes: Sequence[str],
    originals: Originals,
    groups: pa.Table | None,
    folder: Place,
) -> None:
    """Write ``split-00000-of-0000N.parquet`` with the columns ``id``, ``image`` (bytes and path) and ``label``.

    A split without rows gets no file, because `datasets` refuses an empty one. `parts` are the Parquet files of the
    split. `groups` has the group and fold of every image, which become columns; it is None for ungrouped splits.
    """
    disk.make_folder(folder)
    sizes = originals.sizes(ids := read_ids(parts))
    own: list[dict[str, int]] = [{}] * len(ids)
    if groups is not None:
        of_ids = groups.take(pc.index_in(ids, value_set=groups["id"].combine_chunks()))
        own = of_ids.drop_columns(["id", "split"]).to_pylist()
    columns = schema(classes, [*own[0]] if own else [])
    rows = (
        {"id": one.id, "image": {"bytes": one.data, "path": one.id.split("/", 1)[1]}, "label": label, **numbers}
        for one, label, numbers in zip(originals.read(parts), read_labels(parts).tolist(), own, strict=True)
    )
    files = cut(sizes, MAX_BYTES_PER_FILE, len(sizes))
    for number, (start, end) in enumerate(files):
        target = folder / f"{split}-{number:05d}-of-{len(files):05d}.parquet"
        with tables.writer(target, columns, compression="none") as writer:
            for first, last in cut(sizes[start:end], BATCH_BYTES, BATCH_ROWS):
                writer.write_table(pa.Table.from_pylist(list(islice(rows, last - first)), schema=columns))


def schema(classes: Sequence[str], more: Sequence[str]) -> pa.Schema:
    """Return the schema with the metadata of `datasets` for images and classes; `more` names columns of integers."""
    features = {
        "id": {"dtype": "string", "_type": "Value"},
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
    }
    features |= {name: {"dtype": "int64", "_type": "Value"} for name in more}
    columns = pa.schema({"id": pa.string(), "image": IMAGE, "label": pa.int64(), **dict.fromkeys(more, pa.int64())})
    return columns.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
