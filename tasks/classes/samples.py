"""A few images of each class of a part, for figures: the files as they lie in the source, and what became of them."""

from itertools import pairwise

import numpy as np
import pyarrow as pa

from tasks.arrays import Labels, RowNumbers
from tasks.records import Reading
from tasks.sources.members import Members
from tasks.storage import tables
from tasks.storage.image_files import thumbnails
from tasks.storage.images import Images, as_rows
from tasks.storage.place import Place

SAMPLES = 20  # images of a class that figures show


def write_samples(
    members: Members,
    index: pa.Table,
    accepted: RowNumbers,
    images: Images,
    reading: Reading,
    photographs: Place,
    target: Place,
) -> None:
    """Write a few images of each class, evenly spaced by name.

    Their ``file`` is as it lies in the source, for photographs a thumbnail of the table `photographs`; their ``gray``
    is what models see. `accepted` are the rows of the index that were decoded, int64 (n,), to `images`.
    """
    rows = _spaced(images.labels)
    ids = images.ids.take(pa.array(rows))
    if reading.kind == "glyphs":
        files = [data for _, data in sorted(members.read(index.take(pa.array(accepted[rows]))))]
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


def _spaced(labels: Labels) -> RowNumbers:
    """Return rows that are evenly spaced over those of each label; the labels are sorted."""
    starts = np.flatnonzero(np.diff(labels, prepend=-1)).tolist()
    spaced = (
        np.unique(np.linspace(first, end - 1, min(SAMPLES, end - first), dtype=np.int64))
        for first, end in pairwise([*starts, len(labels)])
    )
    return np.concatenate([np.empty(0, np.int64), *spaced])
