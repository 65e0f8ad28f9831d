"""Nights of batches against a reference that grows, beside brute force: ``ARCHIVE [--nights 100] [--images 1500]``.

Half of the images are a reference, and the others arrive in batches, each accepted. It prints on how many images the
results differ from a greedy pass that compares each image with all accepted ones, in the order of arrival, and how many
similarities differ. Of photographs the pass aligns every pair, where the search aligns ten candidates of each image. It
also prints the seconds of the first nights, of the last, and of a last one that brings nothing new.
"""

import tarfile
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import cyclopts
import numpy as np
import pyarrow.parquet as pq

from flows.arrivals import arrivals
from tasks.arrays import Floats
from tasks.overlap.agreements import agreements
from tasks.records.references import read_reference
from tasks.storage import tables
from tasks.storage.copies import Copies
from tasks.storage.place import Place
from tests.build import write_folder

Members = list[tuple[str, bytes]]


def main(archive: Path, *, nights: int = 100, images: int = 1500, threshold: float = 0.95, seed: int = 0) -> None:
    """Print what differs, and the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        members = shuffled(archive, images, seed)
        batches = [members[: images // 2], *dealt(members[images // 2 :], nights)]
        given: dict[str, Any] = {"against": ("known",), "workspace": f"{folder}/w", "threshold": threshold}
        given["max_quarantine"] = 1  # some files of open fonts are unreadable
        seconds, found = [], {}
        for number, batch in enumerate(batches):
            source = str(write_folder(Path(folder) / f"{number:03d}", dict(batch)))
            start = time.perf_counter()
            results = arrivals(source=source, **given, **({"accept": True} if number else {"whole": True}))
            seconds.append(time.perf_counter() - start)
            if number:
                for row in pq.read_table(Path(results) / "arrived.parquet").to_pylist():
                    found[row["id"].split("/", 1)[1]] = row
        start = time.perf_counter()
        arrivals(source=source, accept=True, **given)
        again = time.perf_counter() - start
        whole = str(write_folder(Path(folder) / "whole", dict(members)))
        arrivals(source=whole, whole=True, **given | {"against": ("all",)})
        best = greedy(batches, threshold, f"{folder}/w")
    differ = [
        name for name, similarity in best.items() if (similarity >= threshold) != (found[name]["result"] != "new")
    ]
    both = [name for name in found if best[name] >= threshold and found[name]["similarity"] is not None]
    other = [name for name in both if abs(found[name]["similarity"] - best[name]) > 1e-9]
    new = sum(row["result"] == "new" for row in found.values())
    print(f"{archive.name}: {len(found):,} images in {nights} nights, {new:,} new")
    print(f"{len(differ)} results differ from the greedy pass, {len(other)} of {len(both)} similarities")
    print(f"seconds of a night: {np.mean(seconds[1:6]):.1f}, at the end {np.mean(seconds[-5:]):.1f}, again {again:.1f}")


def shuffled(archive: Path, images: int, seed: int) -> Members:
    """Return some files of an archive, without its top folder, in an order of the seed."""
    with tarfile.open(archive) as tar:
        names = sorted(one.name for one in tar if one.isfile())
        order = np.random.default_rng(seed).permutation(len(names))[:images].tolist()
        return [(names[at].split("/", 1)[1], tar.extractfile(names[at]).read()) for at in order]  # type: ignore[union-attr]


def dealt(members: Members, nights: int) -> list[Members]:
    """Return the batches of the nights."""
    cuts = np.linspace(0, len(members), nights + 1).astype(int).tolist()
    return [members[start:end] for start, end in pairwise(cuts)]


def greedy(batches: list[Members], threshold: float, workspace: str) -> dict[str, float]:
    """Return the similarity of each later image to its best among all that were accepted before it.

    The fingerprints are those of a reference with all images; every pair is compared, one image at a time.
    """
    space = Place.of(workspace)
    prints = read_reference(space, "all").live[0].prints
    table = tables.read(space / prints.table)
    row = {name.split("/", 1)[1]: number for number, name in enumerate(table["id"].to_pylist())}
    digests, bits = (
        tables.bytes_of(table["md5"]),
        np.unpackbits(tables.bytes_of(table["bits"]), axis=1).astype(np.float64),
    )
    copies = None
    if prints.copies:
        copies = Copies.of([space / file for file in prints.copies], table)
    accepted, best = [row[name] for name, _ in batches[0] if name in row], {}
    for batch in batches[1:]:
        for name in sorted(name for name, _ in batch if name in row):
            one, others = row[name], np.array(accepted)
            if copies:
                found = agreements(copies.take(np.full(len(others), one)), copies.take(others))
            else:
                found = two_sided(bits[one], bits[others])
            found[(digests[others] == digests[one]).all(axis=1)] = 1
            best[name] = float(found.max())
            if best[name] < threshold:
                accepted.append(one)
    return best


def two_sided(one: Floats, others: Floats) -> Floats:
    """Return the smaller of the Jaccard similarities of ink and of paper, by matrix products."""
    sides = []
    for mine, theirs in ((one, others), (1 - one, 1 - others)):
        shared = theirs @ mine
        union = mine.sum() + theirs.sum(axis=1) - shared
        sides.append(np.divide(shared, union, out=np.ones(len(shared)), where=union > 0))
    found: Floats = np.minimum(*sides)
    return found


if __name__ == "__main__":
    cyclopts.run(main)
