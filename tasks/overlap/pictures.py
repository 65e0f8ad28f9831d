"""Find the twins of photographs: candidates by their bits, each decided on registered gray copies.

Of each picture the most similar ones of the other split are candidates, see `tasks.overlap.proposals`. A pair that is
decided counts for both its rows, so a picture of the other split has those twins that name it as a candidate.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from tasks.overlap.agreements import REFUSED, agreements
from tasks.overlap.bands import Bands
from tasks.overlap.exact import EqualRows, equal_groups, group
from tasks.overlap.find import Side, Stream, Twins, merged
from tasks.overlap.forms import mirrored_form, other_forms
from tasks.overlap.nearest import THREADS
from tasks.overlap.patterns import Patterns
from tasks.overlap.proposals import Proposed, propose
from tasks.overlap.recall import RecallCounts
from tasks.storage.copies import Copies
from tasks.storage.decisions import Decisions
from tasks.threads import blas_threads, of_task
from tasks.views.photo import BITS, LOWEST
from tasks.vocabulary.arrays import Bits, Floats, Gray, RowNumbers

T = TypeVar("T")

CROWD = 5  # place of the candidate that says what look-alikes of a picture reach
FORMS_AT_ONCE = 512  # pictures whose forms are made at a time, in each thread


@dataclass(frozen=True)
class Pictures:
    """A split of photographs as the engine sees it, and the gray copy of each row."""

    side: Side
    copies: Copies


@dataclass(frozen=True)
class PictureTwins:
    """Twins in both directions; those of the first in a mirror, if asked for; what MinHash found, if it proposed.

    `crowd` is, for each row of the first split, the agreement of the fifth best of its candidates, 0 where there are
    fewer: what a mere look-alike of it reaches, unless it has as many copies. Of a split that is compared in slices, it
    is that of the slice in which it is highest.
    """

    of_first: Twins
    of_second: Twins
    crowd: Floats
    mirrored: Twins | None
    recall: RecallCounts | None


def find_picture_twins(
    first: Pictures,
    second: Pictures,
    mirrored: bool,
    bands: Bands | None,
    seed: int,
    pairs: int | None = None,
    sample: int = 0,
    but: Decisions | None = None,
) -> PictureTwins:
    """Find the twins of two splits in each other, searching for those of the first.

    Parameters
    ----------
    first, second : Pictures
    mirrored : bool
        Search also for pictures of the first split as they look in a mirror.
    bands, seed, pairs, sample
        See `tasks.overlap.proposals.propose`; by default, these two splits are all that is searched.
    but : Decisions, optional
        Pairs that were judged to be different are no twins.
    """
    with blas_threads(1):
        groups = _distinct(first.side), _distinct(second.side)
        join = _Join((first, second), groups, bands, seed, pairs, but)
        plain = [first.side.bits[groups[0].example], *_forms(first.copies.take(groups[0].example))]
        of_first, of_second, found = join.twins(plain, mirrored=False, sample=sample)
        seen = None
        if mirrored:
            seen, _, _ = join.twins([_mirrored(first.copies.take(groups[0].example))], mirrored=True)
    return PictureTwins(of_first, of_second, found.crowd[groups[0].of_row], seen, found.recall)


@dataclass(frozen=True)
class PicturePairs:
    """Candidates that were looked at: numbers of distinct pictures and their agreement; see `PictureTwins`."""

    first: RowNumbers
    second: RowNumbers
    agreed: Floats
    crowd: Floats
    recall: RecallCounts | None


def picture_pairs(
    parts: tuple[Pictures, Pictures],
    numbers: tuple[range, range],
    bands: Bands | None,
    seed: int,
    pairs: int,
    but: Decisions | None = None,
) -> PicturePairs:
    """Return the pairs of some pictures of a set with others that may be the same, in either order or in both.

    Parameters
    ----------
    parts : tuple of Pictures
        Those that are searched for, and those that they are searched in. No picture of the set is there twice.
    numbers : tuple of range
        Their numbers in the set, which are those of the result.
    bands, seed, pairs, but
        See `find_picture_twins`.
    """
    with blas_threads(1):
        own, others = (np.array(some, np.int64) for some in numbers)
        one, two = (Patterns.of(part.side.bits, BITS) for part in parts)
        same = np.where(np.isin(own, others), own - numbers[1].start, -1)
        forms = [one, *(Patterns.of(bits, BITS) for bits in _forms(parts[0].copies))]
        proposed = propose(forms, two, same, bands, seed, pairs)
        copies = Copies.concatenated([part.copies for part in parts])

        def agree(i: RowNumbers, j: RowNumbers) -> Floats:
            """Lay each pair over each other once, in an order that does not depend on which of them proposes it."""
            a, b = own[i], others[j]
            smaller, larger = np.minimum(a, b), np.maximum(a, b)
            _, at, of_pair = np.unique(
                smaller * (larger.max(initial=0) + 1) + larger, return_index=True, return_inverse=True
            )
            ahead, i, j = (a < b)[at], i[at], j[at] + len(own)
            first, second = np.where(ahead, i, j), np.where(ahead, j, i)
            return agreements(copies.take(first), copies.take(second), mirrored=False)[of_pair]

        found = _decide(proposed, agree, (parts[0].side.digests, parts[1].side.digests), but)
    known = found.agreed >= 0
    first, second = own[found.first[known]], others[found.second[known]]
    return replace(found, first=first, second=second, agreed=found.agreed[known])


@dataclass(frozen=True)
class _Join:
    """Two splits whose equal pictures are collapsed to one."""

    parts: tuple[Pictures, Pictures]
    groups: tuple[EqualRows, EqualRows]
    bands: Bands | None
    seed: int
    pairs: int | None
    but: Decisions | None

    def twins(self, forms: Sequence[Bits], mirrored: bool, sample: int = 0) -> tuple[Twins, Twins, PicturePairs]:
        """Return the twins of the pictures in some forms, in both directions."""
        sides = self.parts[0].side, self.parts[1].side
        others = Patterns.of(sides[1].bits[self.groups[1].example], BITS)
        same = np.full(len(self.groups[0]), -1)
        i, j = equal_groups(*self.groups, sides[0].digests, sides[1].digests)
        same[i] = j
        pairs = self.pairs or len(sides[0]) * len(others)
        patterns = [Patterns.of(bits, BITS) for bits in forms]
        proposed = propose(patterns, others, same, self.bands, self.seed, pairs, sample)
        examples = [of.example for of in self.groups]
        one, two = (part.copies.take(rows) for part, rows in zip(self.parts, examples, strict=True))
        digests = sides[0].digests[examples[0]], sides[1].digests[examples[1]]
        found = _decide(proposed, lambda i, j: agreements(one.take(i), two.take(j), mirrored), digests, self.but)
        return *merged(sides, self.groups, self.groups, _stream(found, same)), found


def _decide(
    proposed: Proposed,
    agree: Callable[[RowNumbers, RowNumbers], Floats],
    digests: tuple[Bits, Bits],
    but: Decisions | None,
) -> PicturePairs:
    """Lay proposed pairs over each other, as `agree` does for their places on both sides."""
    near = proposed.nearest.row
    first, place = np.nonzero(near >= 0)
    second = near[first, place]
    agreed = agree(first, second)
    if but:
        agreed[but.are_different(digests[0][first], digests[1][second])] = REFUSED
    of_all = np.zeros(near.shape)
    of_all[first, place] = np.maximum(agreed, 0)
    crowd = -np.sort(-of_all, axis=1)[:, CROWD - 1]
    return PicturePairs(first, second, agreed, crowd, proposed.recall)


def _stream(found: PicturePairs, same: RowNumbers) -> Stream:
    """Yield the pairs; those that may be the same picture count, and those that are."""
    of_same = np.flatnonzero(same >= 0)
    yield of_same, same[of_same], np.ones(len(of_same)), np.ones(len(of_same), np.bool_)
    known = found.agreed >= 0
    agreed = found.agreed[known]
    yield found.first[known], found.second[known], agreed, agreed >= LOWEST


def _distinct(side: Side) -> EqualRows:
    return group(side.digests, side.labels, side.ranks)


def _forms(copies: Copies) -> list[Bits]:
    return [np.concatenate(form) for form in zip(*_made(other_forms, copies), strict=True)]


def _mirrored(copies: Copies) -> Bits:
    return np.concatenate(_made(mirrored_form, copies))


def _made(make: Callable[[Gray], T], copies: Copies) -> list[T]:
    """Return what is made of all copies, some at a time."""

    def made(start: int) -> T:
        return make(copies.take(np.arange(start, min(start + FORMS_AT_ONCE, len(copies)))).read())

    with ThreadPoolExecutor(of_task(THREADS)) as pool:
        return list(pool.map(made, range(0, max(1, len(copies)), FORMS_AT_ONCE)))
