"""A few images of a class, for figures: the files as they lie in the source, and what became of them."""

import numpy as np
import pyarrow as pa

from tasks.records import Reading
from tasks.storage import tables
from tasks.storage.images import Images, as_rows, thumbnails
from tasks.storage.members import read_members
from tasks.storage.place import Place
from tasks.vocabulary.arrays import RowNumbers

SAMPLES = 20  # images of a class that figures show


def write_samples(
    source: Place,
    index: pa.Table,
    accepted: RowNumbers,
    images: Images,
    reading: Reading,
    photographs: Place,
    target: Place,
) -> None:
    """Write a few images, evenly spaced by name: their ``file`` (for photographs a thumbnail) and their ``gray``.

    Parameters
    ----------
    source : Place
    index : Table
        The members that were to be decoded.
    accepted : ndarray
        Rows of the index that were decoded, int64 (n,).
    images : Images
        What they were decoded to, in the same order.
    reading : Reading
    photographs : Place
        The table that has thumbnails.
    target : Place
    """
    rows = np.unique(np.linspace(0, len(accepted) - 1, min(SAMPLES, len(accepted)), dtype=np.int64))
    ids = images.ids.take(pa.array(rows))
    if reading.kind == "glyphs":
        read = dict(read_members(source, index.take(pa.array(accepted[rows]))))
        files = [read[row] for row in range(len(rows))]
    else:
        seen = thumbnails([photographs], ids.to_pylist())
        files = [seen[name] for name in ids.to_pylist()]
    columns = {
        "id": ids,
        "class_name": images.class_names.take(pa.array(rows)),
        "file": pa.array(files, pa.binary()),
        "gray": pa.array([row.tobytes() for row in as_rows(images.gray[rows])], pa.binary()),
    }
    tables.write(pa.table(columns), target)
