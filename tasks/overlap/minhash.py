"""MinHash signatures, bit-identical to datasketch, their division into bands, and the resulting recall.

The smallest hash in a set belongs to the *first set bit* when positions are visited by ascending hash. A
typical pattern has half its bits set, so a few visits settle almost every pattern.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Bits
from tasks.errors import UsageError
from tasks.records.spec import SearchSpec

VISITS = 16  # positions visited for all patterns; the remaining patterns are searched in full
CHUNK = 1024  # patterns at a time, so that their unpacked bits fit into the cache
EMPTY = np.uint32(0xFFFFFFFF)  # datasketch's value for the empty set


@dataclass(frozen=True)
class Bands:
    """Division of signatures: a pair is a candidate if all rows of one band are equal."""

    bands: int
    rows: int

    def recall_at(self, similarity: float) -> float:
        """Return the probability that a pair of this Jaccard similarity becomes a candidate: 1 - (1 - s^r)^b."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def choose_bands(num_perm: int, floor_percent: int, recall: float) -> Bands:
    """Return the most selective bands with this recall at the floor; raises `UsageError` if none reach it.

    They have the largest number r of rows with ``1 - (1 - t^r)^b >= recall`` and b = num_perm // r; see Leskovec,
    Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.

    >>> choose_bands(128, 90, 0.99)
    Bands(bands=12, rows=10)
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
    percent = spec.floor_percent if view.recall_from is None else round(100 * view.recall_from)
    return choose_bands(view.permutations, percent, spec.recall or view.recall)


@lru_cache
def hash_table(length: int, num_perm: int, seed: int) -> NDArray[np.uint32]:
    """Return datasketch's hash of each position under each permutation, uint32 (num_perm, length)."""
    from datasketch import MinHash  # imports clients of databases, which takes as long as importing numpy

    sets = ([b"%d" % position] for position in range(length))
    sketches = MinHash.bulk(sets, num_perm=num_perm, seed=seed, scheme="affine32")
    return np.stack([sketch.hashvalues for sketch in sketches], axis=1)


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
    table = hash_table(length, num_perm, seed)
    visited = np.argsort(table, axis=1, kind="stable")[:, :VISITS]
    for start in range(0, len(bits), CHUNK):
        flat = np.unpackbits(bits[start : start + CHUNK], axis=1, count=length).view(np.bool_)
        for signed, hashes, positions in zip(result[:, start : start + CHUNK], table, visited, strict=True):
            is_set = flat[:, positions]
            signed[:] = hashes[positions[is_set.argmax(axis=1)]]
            late = np.flatnonzero(~is_set.any(axis=1))
            signed[late] = np.where(flat[late], hashes, EMPTY).min(axis=1)
    return result
