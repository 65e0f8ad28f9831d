"""Propose, for each photograph, those of another split that its bits are most similar to.

All pairs are compared where ten minutes of one core are expected to suffice. Beyond that MinHash proposes, and what it
misses is measured on a sample.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from tasks.arrays import Floats, RowNumbers
from tasks.overlap.candidates import AT_ONCE, Signed, met
from tasks.overlap.complete import AFFORDABLE
from tasks.overlap.minhash import Bands
from tasks.overlap.nearest import THREADS, Nearest, nearest
from tasks.overlap.patterns import Patterns, least_shared, whole_percent
from tasks.overlap.recall import RecallCounts, sampled
from tasks.records.overlaps import Method
from tasks.registration.forms import FORMS
from tasks.threads import of_task

Groups = tuple[RowNumbers, RowNumbers]

CANDIDATES, FLOOR = 10, 0.50  # of a picture; similarity of bits from which there may be more than one
PAIR = 16.0  # nanoseconds of one core that comparing a form of a row with a pattern takes in sets of look-alikes
BANDS_APART = 4  # into so many parts bands are dealt, of which two are searched at the same time
JOINED = 4  # times the candidates of all rows: pairs of MinHash that are put together at a time


@dataclass(frozen=True)
class Proposed:
    """Candidates of each row, and what MinHash found on a sample of rows, where it proposed them and that was asked."""

    nearest: Nearest
    recall: RecallCounts | None = None


class How(NamedTuple):
    """How candidates are searched.

    Attributes
    ----------
    bands : Bands or None
        How MinHash signatures are cut; None compares all pairs, whatever that costs.
    seed : int
        Of the hash positions.
    pairs : int
        Pairs of rows of the whole search, of which this may be a tile: what they cost decides.
    """

    bands: Bands | None
    seed: int
    pairs: int

    @property
    def method(self) -> Method:
        """All pairs where they are affordable, MinHash elsewhere."""
        return "all pairs" if self.bands is None or cost_of(self.pairs) <= AFFORDABLE else "minhash"


def propose(
    forms: Sequence[Patterns], others: Patterns, groups: Groups, how: How, count: int = CANDIDATES, sample: int = 0
) -> Proposed:
    """Return the candidates of rows.

    Parameters
    ----------
    forms : sequence of Patterns
        The rows in each form.
    others : Patterns
    groups : tuple of ndarray
        See `tasks.overlap.nearest.nearest`.
    how : How
    count : int
        Candidates of a row.
    sample : int
        Rows that are compared with all where MinHash proposes, to measure what it misses.
    """
    if how.bands is None or how.method == "all pairs":
        return Proposed(nearest(forms, others, count, FLOOR, groups))
    found = by_minhash(forms, others, groups, how.bands, how.seed, count)
    if not sample:
        return Proposed(found)
    rows = sampled(len(groups[0]), how.seed, sample)
    truth = nearest([form.take(rows) for form in forms], others, count, FLOOR, (groups[0][rows], groups[1]))
    return Proposed(found, _compare(truth, found.take(rows)))


def cost_of(pairs: int, forms: int = FORMS) -> float:
    """Return the nanoseconds of one core that comparing all pairs takes."""
    return PAIR * forms * pairs


def by_minhash(
    forms: Sequence[Patterns], others: Patterns, groups: Groups, bands: Bands, seed: int, count: int
) -> Nearest:
    """Return the best of what MinHash finds for rows; see `propose`.

    Signed are set bits alone, whose similarity counts here.
    """
    percent = round(100 * FLOOR)
    need, best = least_shared(percent, others.length), _Best(len(groups[0]), count)
    in_turn = [range(bands.bands)[start::BANDS_APART] for start in range(BANDS_APART)]

    def sign(form: Patterns) -> Signed:
        return Signed.on("set", form, percent, bands, seed)

    def search(start: int, part: Signed, some: Sequence[int]) -> None:
        for in_band in map(part.sorted_by, some):
            for number, form in enumerate(signed):
                for pairs in met(form.sorted_by(in_band.band), in_band, need, best.least()):
                    row, pattern = pairs.first, pairs.second + start
                    similarity = pairs.shared / (forms[number].counts[row] + others.counts[pattern] - pairs.shared)
                    other = groups[1][pattern] != groups[0][row]
                    best.add(row[other], pattern[other], similarity[other], number)

    with ThreadPoolExecutor(of_task(THREADS)) as pool:
        signed = list(pool.map(sign, forms))
        for start in range(0, len(others), AT_ONCE):
            part = sign(others[start : start + AT_ONCE])
            list(pool.map(partial(search, start, part), in_turn))
    return best.found()


class _Best:
    """The best candidates of rows among pairs that come in any order and from several threads."""

    def __init__(self, rows: int, count: int) -> None:
        self._best, self._lock = Nearest.nothing(rows, count), threading.Lock()
        self._waiting: list[tuple[RowNumbers, ...]] = []

    def add(self, row: RowNumbers, pattern: RowNumbers, similarity: Floats, form: int) -> None:
        """Take in pairs; those that are less similar than what a row has already are left out."""
        good = similarity >= self._best.similarity[row, -1]
        columns = row[good], pattern[good], similarity[good], np.full(good.sum(), form)
        with self._lock:
            self._waiting.append(columns)
            if sum(len(part[0]) for part in self._waiting) > JOINED * self._best.row.size:
                self._join()

    def least(self) -> Floats:
        """Return the similarity from which a pattern is of interest to each row."""
        return np.maximum(self._best.similarity[:, -1], FLOOR)

    def found(self) -> Nearest:
        """Return the best candidates."""
        self._join()
        return self._best

    def _join(self) -> None:
        if self._waiting:
            self._best = self._best.joined(*(np.concatenate(part) for part in zip(*self._waiting, strict=True)))
            self._waiting.clear()


def _compare(truth: Nearest, found: Nearest) -> RecallCounts:
    """Count the rows by the similarity of their best candidate, and those of which MinHash proposes that one."""
    percent = whole_percent(np.maximum(truth.similarity[:, 0], 0))
    return RecallCounts.of(percent, truth.row[:, 0] >= 0, found.row[:, 0] == truth.row[:, 0])
