"""The cost of deciding a candidate pair of photographs: ``python -m tests.benchmarks.pairs [--train TAR --test TAR]``.

Candidates of every test image are the ten most similar images of train, at any similarity; one thread decides each
pair. The output is milliseconds of one core per pair, and the number of pairs that small copies do not rule out.
Without archives, the sample of CIFAR-10 is used, if available.
"""

import argparse
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.overlap import agreements as deciding
from tasks.overlap.nearest import nearest
from tasks.overlap.patterns import Patterns
from tasks.overlap.proposals import CANDIDATES
from tasks.registration.views import BITS, LOWEST, SIDE, comparable_bits
from tasks.storage.copies import COPY_SIDE, Copies
from tasks.threads import alone, blas_threads
from tests.benchmarks.verdicts import copies_of
from tests.build import SHARED


def patterns(copies: Copies) -> Patterns:
    """Return the bits of pictures, made from their copies."""
    blocks = copies.read().reshape(len(copies), SIDE, COPY_SIDE // SIDE, SIDE, COPY_SIDE // SIDE)
    return Patterns.of(comparable_bits(np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)), BITS)


def members_of(archive: Path) -> list[str]:
    """Return the names of all pictures of an archive."""
    with tarfile.open(archive) as tar:
        return [member.name for member in tar if member.isfile()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, default=SHARED / "data" / "cifar_train.tar.gz")
    parser.add_argument("--test", type=Path, default=SHARED / "data" / "cifar_test.tar.gz")
    given = parser.parse_args(arguments)
    alone.set()
    with tempfile.TemporaryDirectory() as temporary, blas_threads(1):
        folder = Path(temporary)
        train, test = (
            copies_of(archive, members_of(archive), folder / archive.name) for archive in (given.train, given.test)
        )
        found = nearest(
            [patterns(test)],
            patterns(train),
            CANDIDATES,
            0.0,
            (len(train) + np.arange(len(test)), np.arange(len(train))),
        )
        i, place = np.nonzero(found.row >= 0)
        start = time.process_time()
        agreed = deciding.agreements(test.take(i), train.take(found.row[i, place]))
        seconds = time.process_time() - start
    print(f"{len(i):,} pairs, {1000 * seconds / len(i):.2f} ms of one core a pair")
    print(f"{(agreed >= deciding.GOES_ON).mean():.1%} go on, {(agreed >= LOWEST).mean():.1%} may be twins")


if __name__ == "__main__":
    main()
