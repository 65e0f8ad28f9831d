"""How time and memory of the overlap engine grow, at notMNIST's size and on glyphs that are all duplicates.

    python -m tests.benchmarks.scale FOLDER [--plot FILE.png]

FOLDER holds notMNIST_large.tar.gz and notMNIST_small.tar.gz: the real archives, or archives of their size. Each point
runs in its own process, once comparing all pairs and once by MinHash only. In the same run, datasketch's bulk
signatures and MinHashLSH, used as documented, find the near-duplicates of 200,000 training and 20,000 other rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from tasks.overlap import join as joining
from tasks.overlap.join import Join
from tasks.overlap.minhash import choose_bands, signatures
from tasks.overlap.search import FoundPairs, write_join
from tasks.registration.views import VIEWS
from tasks.storage.place import Place
from tests.overlap.engine import glyph_split
from tests.overlap.sets import Gray, ink
from tests.real import read_gray

ROWS = (20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
QUERIES = 20_000
HEAVY = (2_500, 5_000, 10_000, 20_000)
METHODS = ("all pairs", "minhash")


def measure(train: Gray, test: Gray, method: str) -> dict[str, Any]:
    """Time one join at the floor 0.90 by one method, and report the peak memory of this process without the images."""
    bands = choose_bands(128, 90, 0.99) if method == "minhash" else None
    if bands:  # however few pairs there are
        vars(joining)["AFFORDABLE"] = -1
    with tempfile.TemporaryDirectory() as temporary:
        place = Place.of(temporary)
        sides = glyph_split(Path(temporary), "train", ink(train)), glyph_split(Path(temporary), "test", ink(test))
        join = Join(*sides, place, VIEWS["ink"], 90, bands)
        start = time.perf_counter()
        facts = write_join(join, (), place)
        seconds = time.perf_counter() - start
        rows = len(np.unique(FoundPairs.read(place, facts).pairs.second))
    return {"seconds": round(seconds, 2), "peak_mb": peak_memory() - (train.nbytes + test.nbytes >> 20), "rows": rows}


def peak_memory() -> int:
    """Return the most memory that this process itself ever held, in MB (getrusage inherits its parent's)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) >> 10


def near_equal(count: int) -> Gray:
    """Return distinct variants of one glyph, a few pixels flipped in each."""
    rng = np.random.default_rng(count)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 4:24, 8:20] = 255
    flat = images.reshape(count, 784)
    flat[np.repeat(np.arange(count), 4), rng.integers(0, 784, 4 * count)] ^= 255
    return images


def datasketch_baseline(train: Gray, test: Gray) -> dict[str, Any]:
    """Find near-duplicates as the libraries' documentation recommends."""

    def sketch(images: Gray) -> Any:
        inked = images.reshape(len(images), -1) > 127
        return MinHash.bulk(([b"%d" % p for p in np.flatnonzero(row)] for row in inked), num_perm=128)

    start = time.perf_counter()
    lsh = MinHashLSH(threshold=0.9, num_perm=128)
    with lsh.insertion_session() as session:
        for row, signature in enumerate(sketch(train)):
            session.insert(row, signature, check_duplication=False)
    rows = sum(bool(lsh.query(signature)) for signature in sketch(test))
    return {"seconds": round(time.perf_counter() - start, 2), "rows": rows}


def compare_signatures(images: Gray) -> dict[str, Any]:
    """Time the signatures of the ink of images against `MinHash.bulk`, and check that they are equal."""
    bits = np.packbits(images.reshape(len(images), -1) > 127, axis=1)
    signatures(bits[:64], 784, 128, seed=1)
    start = time.perf_counter()
    ours = signatures(bits, 784, 128, seed=1)
    middle = time.perf_counter()
    sets = ([b"%d" % p for p in np.flatnonzero(np.unpackbits(row))] for row in bits)
    theirs = np.stack([sketch.hashvalues for sketch in MinHash.bulk(sets, num_perm=128)], axis=1)
    end = time.perf_counter()
    ratio = (end - middle) / (middle - start)
    return {"images": len(images), "ratio": round(ratio, 1), "equal": bool(np.array_equal(ours, theirs))}


def child(arguments: list[str]) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    done = subprocess.run([sys.executable, "-m", __spec__.name, *arguments], capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def load(path: Path, rows: int) -> Gray:
    """Return images; where there are too few, some of them again with other pixels."""
    images: NDArray[np.uint8] = np.load(path, mmap_mode="r")[:rows]
    again = np.array(images[: rows - len(images)])
    flat, rng = again.reshape(len(again), images[0].size), np.random.default_rng(0)
    flat[np.repeat(np.arange(len(again)), 40), rng.integers(0, images[0].size, 40 * len(again))] ^= 255
    return np.concatenate([images, again])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run_one(arguments.folder, *arguments.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        large = read_gray(arguments.folder / "notMNIST_large.tar.gz")
        np.save(f"{folder}/large.npy", large[np.random.default_rng(0).permutation(len(large))])
        small = read_gray(arguments.folder / "notMNIST_small.tar.gz")
        np.save(f"{folder}/small.npy", np.concatenate([small, large])[:QUERIES])
        del large, small
        measured: dict[str, dict[str, dict[int, dict[str, Any]]]] = {"growth": {}, "heavy": {}}
        for what, sizes in (("growth", ROWS), ("heavy", HEAVY)):
            for method in METHODS:
                measured[what][method] = {rows: child([folder, "--one", what, str(rows), method]) for rows in sizes}
                for rows, found in measured[what][method].items():
                    print(f"{what}, {rows:>9,} rows, {method}: {found}", flush=True)
        print("signatures against MinHash.bulk:", child([folder, "--one", "signatures", "20000", ""]), flush=True)
        baseline = child([folder, "--one", "baseline", "200000", ""])
        ratio = baseline["seconds"] / measured["growth"]["all pairs"][200_000]["seconds"]
        print(f"MinHash.bulk + MinHashLSH, 200,000 x {QUERIES:,}: {baseline}; all pairs are {ratio:.1f} times faster")
    if arguments.plot:
        draw(measured["growth"], arguments.plot)


def run_one(folder: Path, what: str, rows: str, method: str) -> dict[str, Any]:
    if what == "heavy":
        return measure(near_equal(int(rows)), near_equal(int(rows) + 1), method)
    large = load(folder / "large.npy", int(rows))
    if what == "signatures":
        return compare_signatures(large)
    small = load(folder / "small.npy", QUERIES)
    return datasketch_baseline(large, small) if what == "baseline" else measure(large, small, method)


def draw(growth: dict[str, dict[int, dict[str, Any]]], target: Path) -> None:
    """Plot seconds and peak memory against rows, for both methods."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name, label in ((axes[0], "seconds", "seconds"), (axes[1], "peak_mb", "peak memory, MB")):
        for (method, points), marker in zip(growth.items(), "os", strict=True):
            axis.plot(list(points), [point[name] for point in points.values()], marker=marker, label=method)
        axis.set(xlabel=f"train rows, against {QUERIES:,}", ylabel=label, ylim=(0, None), xlim=(0, None))
        axis.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    main()
