"""Compare the overlap engine with brute force, the exact join, and datasketch used as its documentation says.

    python -m tests.benchmarks.overlap

Prints, for real notMNIST images and for open-font glyphs at several thresholds: pairs and test rows
found, the recall of both against brute force, candidates per true pair, and seconds. Needs the shared
data folder.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from tasks.overlap import candidates, complete, patterns
from tasks.overlap.minhash import choose_bands
from tasks.registration.views import VIEWS
from tasks.threads import blas_threads
from tests.benchmarks.brute_force import Truth, compare_all
from tests.build import SHARED
from tests.overlap.sets import Gray, ink
from tests.real import read_gray

PERCENTS = (85, 90, 95, 97, 99)
NUM_PERM = VIEWS["ink"].permutations
Result = tuple[int, NDArray[np.bool_], int]  # true pairs found, test rows found, candidates


@dataclass
class Counter:
    """Candidates that MinHash proposed."""

    candidates: int = 0


@contextmanager
def counting() -> Iterator[Counter]:
    """Count the candidates that MinHash proposes inside the block."""
    counter, verify = Counter(), patterns.verified

    def wrapped(first: Any, second: Any, i: Any, j: Any, need: Any) -> Any:
        counter.candidates += len(i)
        return verify(first, second, i, j, need)

    module: Any = candidates
    module.verified = wrapped
    try:
        yield counter
    finally:
        module.verified = verify


def engine(train: Gray, test: Gray, percent: int, exhaustive: bool) -> Result:
    """Find near-duplicates with the engine; MinHash yields a pair once for each equal band."""
    one, two = (patterns.Patterns.of(np.packbits(ink(side), axis=1), train[0].size) for side in (train, test))
    with counting() as counter, blas_threads(1):
        if exhaustive:
            stream = complete.complete_pairs(one, two, percent)
        else:
            stream = candidates.lsh_pairs(one, two, percent, choose_bands(NUM_PERM, percent, 0.99))
        keys = np.unique(np.concatenate([np.empty(0, np.int64), *(i * len(test) + j for i, j, _ in stream)]))
    rows = np.zeros(len(test), np.bool_)
    rows[keys % len(test)] = True
    return len(keys), rows, len(train) * len(test) if exhaustive else counter.candidates


def datasketch_lsh(sketches: tuple[list[MinHash], list[MinHash]], lsh: MinHashLSH, near: Callable[..., Any]) -> Result:
    """Find candidates with MinHashLSH and verify each."""
    train, test = sketches
    with lsh.insertion_session() as session:
        for row, sketch in enumerate(train):
            session.insert(row, sketch, check_duplication=False)
    pairs, candidates_found, rows = 0, 0, np.zeros(len(test), np.bool_)
    for row, sketch in enumerate(test):
        hits = np.array(lsh.query(sketch), np.int64)
        candidates_found += len(hits)
        true = int(near(hits, row).sum()) if len(hits) else 0
        pairs, rows[row] = pairs + true, true > 0
    return pairs, rows, candidates_found


def sketch(patterns: NDArray[np.bool_]) -> list[MinHash]:
    """Sign the ink of images with datasketch's own bulk method."""
    sets = ([b"%d" % position for position in np.flatnonzero(row)] for row in patterns)
    return list(MinHash.bulk(sets, num_perm=NUM_PERM))


def near_test(train: NDArray[np.bool_], test: NDArray[np.bool_], percent: int) -> Callable[..., NDArray[np.bool_]]:
    """Return a function that says which train rows are near-duplicates of a test row."""
    counts, length = train.sum(axis=1), train.shape[1]

    def near(rows: NDArray[np.int64], row: int) -> NDArray[np.bool_]:
        shared = (train[rows] & test[row]).sum(axis=1)
        total = counts[rows] + test[row].sum()
        union = total - shared
        both: NDArray[np.bool_] = (100 * shared >= percent * union) & (
            100 * (length - union) >= percent * (length - shared)
        )
        return both

    return near


def compare(name: str, train: Gray, test: Gray, console: Console) -> None:
    """Print one table for one pair of splits."""
    a, b = ink(train), ink(test)
    start = time.perf_counter()
    nothing = np.zeros(len(a), np.int64), np.zeros(len(b), np.int64)
    truth = compare_all(a, b, list(PERCENTS), *nothing)
    brute = (time.perf_counter() - start) / len(PERCENTS)
    start = time.perf_counter()
    sketches = sketch(a), sketch(b)
    signing = time.perf_counter() - start
    table = Table(title=f"{name}: {len(train):,} train, {len(test):,} test rows", title_justify="left", box=SIMPLE)
    for column in ("threshold", "method", "pairs", "rows", "recall of pairs", "recall of rows", "candidates/pair", "s"):
        table.add_column(column, justify="left" if column == "method" else "right", no_wrap=True)
    for percent in PERCENTS:
        bands, near = choose_bands(NUM_PERM, percent, 0.99), near_test(a, b, percent)
        methods: dict[str, Callable[[], Result]] = {
            f"only MinHash, {bands.bands} x {bands.rows}": lambda p=percent: engine(train, test, p, False),  # type: ignore[misc]
            "cleansplit, all pairs": lambda p=percent: engine(train, test, p, True),  # type: ignore[misc]
            "MinHash.bulk + MinHashLSH": lambda p=percent, n=near: datasketch_lsh(  # type: ignore[misc]
                sketches, MinHashLSH(threshold=p / 100, num_perm=NUM_PERM), n
            ),
            "the same, with our bands": lambda c=bands, n=near: datasketch_lsh(  # type: ignore[misc]
                sketches, MinHashLSH(num_perm=NUM_PERM, params=(c.bands, c.rows)), n
            ),
        }
        add_row(table, percent, "brute force", (truth[percent].pairs, truth[percent].second, 0), truth[percent], brute)
        for method, find in methods.items():
            start = time.perf_counter()
            try:
                result = find()
            except ValueError as error:
                console.print(f"{method} at {percent / 100:.2f}: {error}")
                continue
            seconds = time.perf_counter() - start + method.startswith(("MinHash.bulk", "the same")) * signing
            add_row(table, percent, method, result, truth[percent], seconds)
        table.add_section()
    console.print(table)


def add_row(table: Table, percent: int, method: str, result: Result, truth: Truth, seconds: float) -> None:
    """Add what one method found."""
    pairs, rows, checked = result
    shares = (pairs / truth.pairs, (rows & truth.second).sum() / truth.second.sum()) if truth.pairs else (1.0, 1.0)
    per_pair = f"{checked / truth.pairs:.1f}" if checked else ""
    texts = (f"{percent / 100:.2f}", method, f"{pairs:,}", f"{rows.sum():,}", *(f"{share:.4f}" for share in shares))
    table.add_row(*texts, per_pair, f"{seconds:.2f}")


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not SHARED.is_dir():
        raise SystemExit(f"This benchmark needs the shared data folder {SHARED}.")
    console = Console(width=130)
    real = read_gray(SHARED / "data" / "notmnist_real_5k.tar.gz")
    order = np.random.default_rng(0).permutation(len(real))
    compare("notMNIST", real[order[:4000]], real[order[4000:]], console)
    large, small = (read_gray(SHARED / "data" / f"openfonts_{role}.tar.gz") for role in ("large", "small"))
    compare("open fonts", large, small, console)


if __name__ == "__main__":
    main()
