"""MinHash signatures, bit-identical with datasketch, how they are cut into bands, and the recall that follows.

The signature of a set of bit positions under one permutation is the smallest hash among them,
which is the hash of the *first set bit* when positions are visited in the order of their hashes.
Half the bits of a typical pattern are set or unset, so a few visits settle almost every pattern,
and 64 patterns are visited at once with bitwise operations. Of patterns with few bits, all hashes are looked up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Bits, RowNumbers
from tasks.errors import UsageError
from tasks.records.spec import SearchSpec
from tasks.registration.views import VIEWS
from tasks.vocabulary import ViewName

VISITS = 24  # positions visited for all patterns at once; what is left after them is looked up one by one
CHUNK = 32_768  # patterns at a time: their unpacked bits stay below 30 MB
SPARSE = 12  # patterns of which fewer than one bit in so many is set are looked up bit by bit: most visits find nothing
TURN = 512  # patterns that are turned position-major at a time, so that they stay in the cache
EMPTY = np.uint32(0xFFFFFFFF)  # datasketch's value for the empty set


@dataclass(frozen=True)
class Bands:
    """How signatures are cut for the join: a pair is a candidate when all rows of one band agree."""

    bands: int
    rows: int

    def recall_at(self, similarity: float) -> float:
        """Return the probability that a pair of this Jaccard similarity becomes a candidate: 1 - (1 - s^r)^b."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


def choose_bands(num_perm: int, floor_percent: int, recall: float) -> Bands:
    """Return the most selective bands that still reach a recall at the floor.

    The largest rows-per-band r with ``1 - (1 - t^r)^b >= recall`` and b = num_perm // r; see
    Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.

    Raises
    ------
    UsageError
        When no bands reach it.

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
        f"recall {recall} can't be reached from a similarity of {floor_percent / 100} with {num_perm} permutations; "
        f"ask for at most {most:.2f}, raise the floor, or compare all pairs with --exhaustive."
    )


def bands_for(spec: SearchSpec, view: ViewName) -> Bands | None:
    """Return how the signatures of a run are cut; None when it asks for all pairs to be compared, whatever the cost."""
    if spec.exhaustive:
        return None
    found_from = VIEWS[view].recall_from
    percent = spec.floor_percent if found_from is None else round(100 * found_from)
    return choose_bands(VIEWS[view].permutations, percent, spec.recall or VIEWS[view].recall)


@lru_cache
def hash_table(length: int, num_perm: int, seed: int) -> NDArray[np.uint32]:
    """Return datasketch's hash of each position under each permutation, uint32 (num_perm, length)."""
    from datasketch import MinHash  # brings clients of databases, which take as long to import as all of numpy

    sets = ([b"%d" % position] for position in range(length))
    sketches = MinHash.bulk(sets, num_perm=num_perm, seed=seed, scheme="affine32")
    return np.stack([sketch.hashvalues for sketch in sketches], axis=1)


@lru_cache
def visits(length: int, num_perm: int, seed: int) -> RowNumbers:
    """Return the positions that are visited under each permutation, int64 (num_perm, at most VISITS)."""
    return np.argsort(hash_table(length, num_perm, seed), axis=1, kind="stable")[:, :VISITS].copy()


def signatures(bits: Bits, length: int, num_perm: int, seed: int) -> NDArray[np.uint32]:
    """Return the MinHash signatures of packed bit patterns.

    Parameters
    ----------
    bits : ndarray
        uint8, shape (n, ceil(length / 8)), first position in the highest bit.
    length : int
        Bits per pattern.
    num_perm : int
        Permutations.
    seed : int
        That the permutations are drawn from.

    Returns
    -------
    ndarray
        uint32, shape (num_perm, n): column k equals the ``hashvalues`` of
        ``MinHash(num_perm, seed, scheme="affine32")`` updated with ``b"%d" % position`` for
        each set bit of pattern k.

    >>> from datasketch import MinHash
    >>> one = np.packbits(np.array([[0, 1, 1, 0, 0, 0, 0, 0]], np.uint8), axis=1)
    >>> sketch = MinHash(num_perm=16, seed=1, scheme="affine32")
    >>> sketch.update(b"1"); sketch.update(b"2")
    >>> bool((signatures(one, 8, 16, seed=1)[:, 0] == sketch.hashvalues).all())
    True
    """
    result = np.empty((num_perm, len(bits)), np.uint32)
    for start in range(0, len(bits), CHUNK):
        flat = np.unpackbits(bits[start : start + CHUNK], axis=1, count=length)
        few = SPARSE * flat.sum(axis=1, dtype=np.int64) < length
        for which, sign in ((np.flatnonzero(few), _sign_few), (np.flatnonzero(~few), _sign)):
            if len(which):
                for row, signed in zip(result, sign(flat[which], num_perm, seed), strict=True):
                    row[start + which] = signed
    return result


def _sign_few(flat: NDArray[np.uint8], num_perm: int, seed: int) -> Iterator[NDArray[np.uint32]]:
    """Yield the signatures of patterns with few bits set, a permutation at a time: the smallest hash of those."""
    pattern, position = np.nonzero(flat)
    there, start = np.unique(pattern, return_index=True)
    for hashes in hash_table(flat.shape[1], num_perm, seed):
        signed = np.full(len(flat), EMPTY)
        if len(there):
            signed[there] = np.minimum.reduceat(hashes.take(position), start)
        yield signed


def _sign(flat: NDArray[np.uint8], num_perm: int, seed: int) -> Iterator[NDArray[np.uint32]]:
    """Yield the signatures of unpacked patterns, uint8 (n, length), a permutation at a time, uint32 (n,)."""
    n, length = flat.shape
    # Position-major and packed along the patterns: row p holds bit p of 64 patterns per word.
    columns = np.zeros((length, -(-n // 64) * 8), np.uint8)
    for start in range(0, n, TURN):
        turned = np.packbits(np.ascontiguousarray(flat[start : start + TURN].T), axis=1)
        columns[:, start // 8 : start // 8 + turned.shape[1]] = turned
    words = columns.view(np.uint64)
    for hashes, visited in zip(hash_table(length, num_perm, seed), visits(length, num_perm, seed), strict=True):
        ranks, settled = _first_set(words[visited], n)
        signed = hashes[visited].take(ranks)
        late = np.flatnonzero(~settled)
        if len(late):
            signed[late] = np.where(flat[late].astype(bool), hashes, EMPTY).min(axis=1)
        yield signed


def _first_set(visited: NDArray[np.uint64], n: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the number of the first row that has a pattern's bit set, and whether there is one, per pattern."""
    found = np.zeros_like(visited[0])
    planes = np.zeros((max(1, (len(visited) - 1).bit_length()), len(found)), np.uint64)
    for rank, row in enumerate(visited):
        new = row & ~found
        found |= new
        for plane in range(len(planes)):
            if rank >> plane & 1:
                planes[plane] |= new
    ranks = np.zeros(n, np.uint8)
    for plane, word in enumerate(planes):
        ranks |= np.unpackbits(word.view(np.uint8), count=n) << np.uint8(plane)
    return ranks, np.unpackbits(found.view(np.uint8), count=n).astype(bool)
