"""Decode the members of a part into a Parquet shard; what can't be decoded is listed beside it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.classes import glyphs
from tasks.classes.photographs import read_photographs
from tasks.classes.quarantine import as_glyphs, refused_members
from tasks.classes.samples import write_samples
from tasks.records import ClassCounts, Part, Reading
from tasks.records.conservation import conserve
from tasks.records.inputs import COPIES, PHOTOGRAPHS, QUARANTINE, SAMPLES, SHARD
from tasks.sources.members import Members
from tasks.storage import tables
from tasks.storage.images import Images, write_images
from tasks.storage.place import Place
from tasks.storage.stages import DIGESTS
from tasks.storage.stores import at


def build_shard(part: Part, reading: Reading, workspace: Place, target: Place) -> dict[str, Any]:
    """Write the shard of a part; return the counts of its classes and the digest of its images, for JSON."""
    index = tables.read_rows(workspace / part.index, part.first, part.members)
    members = Members(workspace.locate(part.location), part.columns)
    counts = write_shard(part, index, members, reading, target)
    sha256 = at(target / SHARD).sha256()
    return {"classes": [asdict(one) for one in counts], "sha256": sha256, DIGESTS: {SHARD: sha256}}


def write_shard(
    part: Part, index: pa.Table, members: Members, reading: Reading, target: Place
) -> tuple[ClassCounts, ...]:
    """Write the images (sorted by class and id), the quarantine and the samples of a part into the folder `target`.

    Photographs get a table of their own, too; see `tasks.classes.photographs`. The rows of the index are sorted by
    class and member, and the counts are those of each of these classes, in order.
    """
    if reading.kind == "glyphs":
        index = as_glyphs(index)
    to_decode = index.filter(pc.is_null(index["outcome"]))
    read, photographs = members.read(to_decode), target / PHOTOGRAPHS
    ids = pc.binary_join_element_wise(part.role, to_decode["class_name"], to_decode["member"], "/").combine_chunks()
    mislabelled: Sequence[int] = ()  # glyphs are PNGs by name and content, whole and without complaints
    remarked: Sequence[int] = ()
    if reading.kind == "glyphs":
        accepted, gray, failures = glyphs.read_glyphs(read, len(to_decode), reading.side)
    else:
        names = ids.to_pylist()
        read_in = read_photographs(read, names, reading, photographs, target / COPIES)
        accepted, gray, failures, mislabelled, remarked = read_in
    class_names = to_decode["class_name"].combine_chunks()
    kept = class_names.take(pa.array(accepted))
    labels = np.array([part.labels[name] for name in kept.to_pylist()], np.int64)
    images = Images(ids.take(pa.array(accepted)), kept, labels, gray)
    write_images(images, target / SHARD)
    write_samples(members, to_decode, accepted, images, reading, photographs, target / SAMPLES)
    refused = refused_members(index, failures, part.role)
    tables.write(refused, target / QUARANTINE)
    conserve(f"load {part}", len(index), len(gray), len(refused))
    wrong, odd = (class_names.take(pa.array(rows, pa.int64())) for rows in (mislabelled, remarked))
    return tuple(_count(part, index["class_name"], images, refused, wrong, odd))


def _count(
    part: Part, members: pa.Array, images: Images, refused: pa.Table, wrong: pa.Array, odd: pa.Array
) -> Iterator[ClassCounts]:
    """Yield the counts of each class; of all members, of mislabelled and of remarked ones there are the classes."""
    of_all, of_wrong, of_odd = (Counter(of.to_pylist()) for of in (members, wrong, odd))
    outcomes = Counter((row["class_name"], row["outcome"]) for row in refused.to_pylist())
    ends = np.searchsorted(images.labels, list(part.labels.values()), side="right")
    for (name, label), first, last in zip(part.labels.items(), [0, *ends], ends, strict=False):
        gray = images.gray[first:last]
        yield ClassCounts(
            name, label, of_all[name], len(gray), outcomes[name, "quarantined"], outcomes[name, "ignored"],
            of_wrong[name], of_odd[name], gray.size, *glyphs.sums(gray),
        )  # fmt: skip
