"""Propose, for each photograph, those of another split that its bits are most similar to.

All pairs are compared where ten minutes of one core are expected to suffice. Beyond that MinHash proposes, and what it
misses is measured on a sample.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tasks.overlap.bands import Bands
from tasks.overlap.candidates import lsh_pairs
from tasks.overlap.jaccard import whole_percent
from tasks.overlap.nearest import THREADS, Nearest, nearest
from tasks.overlap.patterns import Patterns
from tasks.overlap.recall import RecallCounts, sampled
from tasks.overlap.search import AFFORDABLE
from tasks.vocabulary.arrays import Floats, RowNumbers

CANDIDATES, FLOOR = 10, 0.50  # of a picture; similarity of bits from which there may be more than one
PAIR = 16.0  # nanoseconds of one core that comparing a form of a row with a pattern takes
JOINED = 4  # times the candidates of all rows: pairs of MinHash that are put together at a time


@dataclass(frozen=True)
class Proposed:
    """Candidates of each row, and of MinHash, where it proposed them, what was found on a sample of the rows."""

    nearest: Nearest
    recall: RecallCounts | None = None


def propose(forms: Sequence[Patterns], others: Patterns, same: RowNumbers, bands: Bands | None, seed: int) -> Proposed:
    """Return the candidates of rows.

    Parameters
    ----------
    forms : sequence of Patterns
        The rows in each form.
    others : Patterns
    same : ndarray
        int64 (n,): the pattern of the very same image, which is no candidate; -1 for none.
    bands : Bands or None
        How MinHash signatures are cut; None compares all pairs, whatever that costs.
    seed : int
        Of the hash positions.
    """
    if bands is None or PAIR * len(forms) * len(forms[0]) * len(others) <= AFFORDABLE:
        return Proposed(nearest(forms, others, CANDIDATES, FLOOR, same))
    found = by_minhash(forms, others, same, bands, seed)
    rows = sampled(len(same), seed)
    truth = nearest([form.take(rows) for form in forms], others, CANDIDATES, FLOOR, same[rows])
    return Proposed(found, _compare(truth, found.take(rows)))


def by_minhash(forms: Sequence[Patterns], others: Patterns, same: RowNumbers, bands: Bands, seed: int) -> Nearest:
    """Return the best of what MinHash finds for rows; see `propose`."""

    def of_form(number: int) -> Nearest:
        form, found = forms[number], Nearest.nothing(len(same), CANDIDATES)
        waiting: list[tuple[RowNumbers, RowNumbers, Floats]] = []
        for pairs in lsh_pairs(others, form, round(100 * FLOOR), bands, seed, tell_fresh=False):
            row, pattern = pairs.second, pairs.first
            similarity = pairs.shared / (form.counts[row] + others.counts[pattern] - pairs.shared)
            # Similar pairs meet in many bands, and only a row's best are kept.
            good = (similarity >= found.similarity[row, -1]) & (pattern != same[row])
            waiting.append((row[good], pattern[good], similarity[good]))
            if sum(len(part[0]) for part in waiting) > JOINED * CANDIDATES * len(same):
                found = _joined(found, waiting, number)
        return _joined(found, waiting, number)

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(of_form, range(len(forms))))
    found = parts[0]
    for part in parts[1:]:
        at, place = np.nonzero(part.row >= 0)
        found = found.joined(at, part.row[at, place], part.similarity[at, place], part.form[at, place])
    return found


def _joined(found: Nearest, waiting: list[tuple[RowNumbers, RowNumbers, Floats]], number: int) -> Nearest:
    if not waiting:
        return found
    row, pattern, similarity = (np.concatenate(part) for part in zip(*waiting, strict=True))
    waiting.clear()
    return found.joined(row, pattern, similarity, np.full(len(row), number))


def _compare(truth: Nearest, found: Nearest) -> RecallCounts:
    """Count the rows by the similarity of their best candidate, and those of which MinHash proposes that one."""
    percent = whole_percent(np.maximum(truth.similarity[:, 0], 0))
    return RecallCounts.of(percent, truth.row[:, 0] >= 0, found.row[:, 0] == truth.row[:, 0])
