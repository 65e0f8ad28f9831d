"""What deduplicating a large set of glyphs costs: ``python -m tests.benchmarks.dedupe [--rows 500000]``.

The rows are fingerprints of notMNIST's kind, made here: families of blobs, a third of the rows copies of others with a
few pixels changed, and a template that a twentieth of them share. Printed are seconds and peak memory of the
search inside the set, beside the join of a tenth of it with the rest in the same process, and what was found.
"""

import argparse
import resource
import time

import numpy as np
import pyarrow as pa

from tasks.overlap.find import Search, Side, find_twins
from tasks.overlap.likeness import Likeness
from tasks.overlap.tables import SplitFingerprints
from tasks.overlap.within.keeping import find_duplicates, find_groups
from tasks.overlap.within.search import search_within, self_join
from tasks.threads import blas_threads
from tasks.views import VIEWS

LENGTH, AT_ONCE = 784, 20_000


def made(rows: int, seed: int = 0) -> SplitFingerprints:
    """Return fingerprints of glyphs that come in families."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:28, :28]
    packed = []
    for start in range(0, rows, AT_ONCE):
        count = min(AT_ONCE, rows - start)
        centre, radius = rng.uniform(9, 19, (2, count, 1, 1)), rng.uniform(4, 12, (2, count, 1, 1))
        turned = rng.uniform(0, np.pi, (count, 1, 1))
        across = (y - centre[0]) * np.cos(turned) + (x - centre[1]) * np.sin(turned)
        along = (x - centre[1]) * np.cos(turned) - (y - centre[0]) * np.sin(turned)
        bits = ((across / radius[0]) ** 2 + (along / radius[1]) ** 2 < 1).reshape(count, LENGTH)
        bits ^= rng.random((count, LENGTH)) < 0.06
        template = rng.random(count) < 0.05
        bits[template] = bits[0] ^ (rng.random((int(template.sum()), LENGTH)) < 0.03)
        copies = np.flatnonzero(rng.random(count) < 0.33)
        bits[copies] = bits[rng.integers(0, count, len(copies))]
        bits[copies] ^= rng.random((len(copies), LENGTH)) < rng.choice([0, 0.004, 0.01], (len(copies), 1))
        packed.append(np.packbits(bits, axis=1))
    every = np.concatenate(packed)
    digests = np.zeros((rows, 16), np.uint8)
    digests[:, :8] = np.unique(every, axis=0, return_inverse=True)[1].astype(np.uint64)[:, None].view(np.uint8)
    names = pa.array(np.char.mod("%08d", np.arange(rows)))
    side = Side(digests, every, np.zeros(rows, np.int64), np.arange(rows))
    return SplitFingerprints(names, names, names, np.zeros(rows, np.bool_), side, LENGTH, side.ranks)


def peak() -> float:
    """Return the largest memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    count = parser.parse_args().rows
    rows = made(count)
    print(f"{count:,} rows, {peak():,.0f} MB before the search", flush=True)
    start = time.monotonic()
    join = self_join(rows, VIEWS["ink"], 95, None, 1)
    links = search_within(join)
    searched = time.monotonic()
    groups = find_groups(rows.digests, join.distinct, links.forest, 95)
    members = rows.take(groups.row)
    likeness = Likeness(members, members, on_pixels=False)
    found = find_duplicates(likeness, groups, 95, np.arange(len(members)), "keep")
    grouped = time.monotonic()
    goes = int((found.row != found.twin).sum())
    print(f"inside the set {searched - start:.1f} s, groups {grouped - searched:.1f} s, peak {peak():,.0f} MB")
    print(
        f"{found.group.max() + 1:,} groups, {goes:,} rows go, {len(links.forest.first):,} pairs in the forest",
        flush=True,
    )
    part = np.arange(count) < count // 10
    first, second = (rows.side.take(np.flatnonzero(which)) for which in (~part, part))
    start = time.monotonic()
    with blas_threads(1):
        find_twins(first, second, Search(LENGTH, 95))
    joined = time.monotonic() - start
    pairs = (len(first) * len(second)) / (count * count / 2)
    print(f"a tenth with the rest {joined:.1f} s: {joined / pairs:.1f} s for as many pairs as inside the set")


if __name__ == "__main__":
    main()
