"""The cost of deduplicating a large set of glyphs: ``python -m tests.benchmarks.dedupe [--rows 500000]``.

The rows are generated fingerprints like notMNIST's: families of blobs, a third of the rows copies of others with a few
changed pixels, and a template that a twentieth of them share. The output is seconds and peak memory of the search
inside the set, those of the join of a tenth of it with the rest in the same process, and the result.
"""

import argparse
import hashlib
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.records import Prints
from tests.overlap.engine import measure, write_split

LENGTH, AT_ONCE = 784, 20_000


def made(rows: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return packed bits of glyphs that come in families."""
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
    return np.concatenate(packed)


def split_of(folder: Path, name: Any, packed: NDArray[np.uint8]) -> Prints:
    """Write glyphs as a split; glyphs with equal bits are the same image."""
    digests = [hashlib.md5(row.tobytes(), usedforsecurity=False).digest() for row in packed]
    return write_split(folder, name, packed, LENGTH, digests, None)


def peak() -> float:
    """Return the largest memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    count = parser.parse_args().rows
    packed = made(count)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        whole = split_of(folder, "train", packed)
        print(f"{count:,} rows, {peak():,.0f} MB before the search", flush=True)
        start = time.monotonic()
        measured = measure(folder, whole, whole, "ink", asked=0.95)
        searched = time.monotonic()
        found = measured.groups()
        grouped = time.monotonic()
        goes = int((found.row != found.twin).sum())
        print(f"inside the set {searched - start:.1f} s, groups {grouped - searched:.1f} s, peak {peak():,.0f} MB")
        print(f"{found.group.max() + 1:,} groups, {goes:,} rows go, {len(measured.settled.pairs.first):,} pairs kept")
        first, second = (
            split_of(folder, name, part)
            for name, part in (("validation", packed[count // 10 :]), ("test", packed[: count // 10]))
        )
        start = time.monotonic()
        measure(folder, first, second, "ink", asked=0.95)
        joined = time.monotonic() - start
    pairs = 0.9 * 0.1 * 2
    print(f"a tenth with the rest {joined:.1f} s: {joined / pairs:.1f} s for as many pairs as inside the set")


if __name__ == "__main__":
    main()
