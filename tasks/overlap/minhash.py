"""MinHash signatures, bit-identical to datasketch, their division into bands, and the stated and the measured recall.

The recall is the share of images with a near-duplicate whose best one MinHash finds. The smallest hash in a set belongs
to the *first set bit* when positions are visited by ascending hash. A typical pattern has half its bits set, so a few
visits settle almost every pattern.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks import kernel
from tasks.arrays import Bits, Mask, RowNumbers
from tasks.errors import UsageError
from tasks.overlap.pairs import Pairs
from tasks.overlap.patterns import whole_percent
from tasks.records.rows import MeasuredRecall
from tasks.records.spec import SearchSpec

VISITS = 16  # positions visited for all patterns; the remaining patterns are searched in full
CHUNK = 1024  # patterns at a time, so that their unpacked bits fit into the cache
EMPTY = np.uint32(0xFFFFFFFF)  # datasketch's value for the empty set
SAMPLE_ROWS = 500  # to measure the recall on


@dataclass(frozen=True)
class Bands:
    """Division of signatures: a pair is a candidate if all rows of one band are equal; the seed is of the hashes."""

    bands: int
    rows: int
    seed: int = 0

    def recall_at(self, similarity: float) -> float:
        """Return the probability that a pair of this Jaccard similarity becomes a candidate: 1 - (1 - s^r)^b."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def choose_bands(num_perm: int, floor_percent: int, recall: float) -> Bands:
    """Return the most selective bands with this recall at the floor; raises `UsageError` if none reach it.

    They have the largest number r of rows with ``1 - (1 - t^r)^b >= recall`` and b = num_perm // r; see Leskovec,
    Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.

    >>> choose_bands(128, 90, 0.99)
    Bands(bands=12, rows=10, seed=0)
    >>> round(choose_bands(128, 90, 0.99).recall_at(0.9), 4)
    0.9942
    """
    for rows in range(num_perm, 0, -1):
        bands = Bands(num_perm // rows, rows)
        if bands.recall_at(floor_percent / 100) >= recall:
            return bands
    most = bands.recall_at(floor_percent / 100)
    raise UsageError(
        f"recall {recall} cannot be reached from a similarity of {floor_percent / 100} with {num_perm} permutations; "
        f"ask for at most {most:.2f}, raise the floor, or compare all pairs with --exhaustive."
    )


def bands_for(spec: SearchSpec) -> Bands | None:
    """Return the bands of the signatures of a run; None if it compares all pairs at any cost."""
    if spec.exhaustive:
        return None
    view = spec.compared_by
    return choose_bands(view.permutations, view.recall_from or spec.floor_percent, spec.recall or view.recall)


def hash_table(length: int, num_perm: int, seed: int) -> NDArray[np.uint32]:
    """Return datasketch's hash of each position under each permutation, uint32 (num_perm, length)."""
    from datasketch import MinHash  # imports clients of databases, which takes as long as importing numpy

    sets = ([b"%d" % position] for position in range(length))
    sketches = MinHash.bulk(sets, num_perm=num_perm, seed=seed, scheme="affine32")
    return np.stack([sketch.hashvalues for sketch in sketches], axis=1)


@lru_cache(2)  # each join has its own seed, and megabytes of tables
def _visits(length: int, num_perm: int, seed: int) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
    """Return the positions by ascending hash under each permutation, and these hashes, (num_perm, length) each."""
    table = hash_table(length, num_perm, seed)
    order = np.argsort(table, axis=1, kind="stable")
    return order.astype(np.int32), np.take_along_axis(table, order, axis=1)


def signatures(bits: Bits, length: int, num_perm: int, seed: int) -> NDArray[np.uint32]:
    """Return the MinHash signatures, uint32 (num_perm, n), of packed bit patterns, uint8 (n, ceil(length / 8)).

    Column k equals the ``hashvalues`` of ``MinHash(num_perm, seed, scheme="affine32")`` after an update with
    ``b"%d" % position`` for each set bit of pattern k; the first position is the highest bit of a byte.

    >>> from datasketch import MinHash
    >>> one = np.packbits(np.array([[0, 1, 1, 0, 0, 0, 0, 0]], np.uint8), axis=1)
    >>> sketch = MinHash(num_perm=16, seed=1, scheme="affine32")
    >>> sketch.update(b"1"); sketch.update(b"2")
    >>> bool((signatures(one, 8, 16, seed=1)[:, 0] == sketch.hashvalues).all())
    True
    """
    result = np.empty((num_perm, len(bits)), np.uint32)
    visits, hashes = _visits(length, num_perm, seed)
    if compiled := kernel.functions:
        compiled.signatures(bits, *bits.shape, visits, hashes, num_perm, length, result)
        return result
    for start in range(0, len(bits), CHUNK):
        flat = np.unpackbits(bits[start : start + CHUNK], axis=1, count=length).view(np.bool_)
        for signed, positions, ascending in zip(result[:, start : start + CHUNK], visits, hashes, strict=True):
            is_set = flat[:, positions[:VISITS]]
            signed[:] = ascending[is_set.argmax(axis=1)]
            late = np.flatnonzero(~is_set.any(axis=1))
            signed[late] = np.where(flat[late][:, positions], ascending, EMPTY).min(axis=1)
    return result


@dataclass(frozen=True)
class RecallCounts:
    """Number of images; by the percent of the best near-duplicate, how many have one, and for how many it was found."""

    rows: int
    true: list[int]
    found: list[int]

    @classmethod
    def of(cls, percent: RowNumbers, near: Mask, named: Mask) -> "RecallCounts":
        """Count rows by the percent of their best match: rows with a near one, and rows whose best one was found."""
        true, found = (np.bincount(percent[rows], minlength=101).tolist() for rows in (near, named))
        return cls(len(percent), true, found)

    def at(self, percent: int) -> tuple[int, int]:
        """Return the number of rows whose best match is near and reaches this percent, and how many were found."""
        return sum(self.true[percent:]), sum(self.found[percent:])

    def __add__(self, other: "RecallCounts") -> "RecallCounts":
        """Add the counts."""
        true, found = np.add([self.true, self.found], [other.true, other.found]).tolist()
        return RecallCounts(self.rows + other.rows, true, found)


def count_named(truth: Pairs, found: Pairs) -> RecallCounts:
    """Count the first images of pairs by the percent of their best one, and how many of these are in `found`."""
    best = truth.best()
    return RecallCounts.of(whole_percent(best.similarity), np.ones(len(best.first), bool), best.are_in(found.best()))


def sampled(rows: int, seed: int, count: int = SAMPLE_ROWS) -> RowNumbers:
    """Return the rows to search exhaustively, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


def interval(true: int, found: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a recall, by Clopper and Pearson (1934); [0, 1] without rows."""
    if not true:
        return 0.0, 1.0
    from scipy.stats import binomtest

    bounds = binomtest(found, true).proportion_ci(0.95, method="exact")
    return float(bounds.low), float(bounds.high)


def measured_recall(counts: RecallCounts, floor: int, threshold: int, sampled: bool) -> MeasuredRecall:
    """Return the recall of MinHash at the floor and at the threshold, with an interval for a sample."""
    at_floor, at_threshold = (counts.at(percent) for percent in (floor, threshold))
    low, high = interval(*at_floor) if sampled else (None, None)
    return MeasuredRecall(counts.rows, *at_floor, *at_threshold, low, high)
