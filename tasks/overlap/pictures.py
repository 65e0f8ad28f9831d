"""The strategy for photographs: bits propose candidates, and registered gray copies decide.

Each picture gets its most similar ones as candidates, see `tasks.overlap.proposals`. Where most of them are copies of
one picture, that is in one component of duplicates, there may be more, and what look-alikes reach is not seen yet. So
more are asked for outside of that component, as long as at least half of them join it: a picture that hangs together
with another one by duplicates need not be laid over it. So the number of copies is not limited, and a component looks
at each picture at most once in a round.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from tasks.arrays import Floats, Gray, Mask, RowNumbers
from tasks.joined import groups_of
from tasks.overlap.agreements import agreements
from tasks.overlap.images import Images, same_images
from tasks.overlap.nearest import THREADS, Nearest
from tasks.overlap.pairs import NO_PAIRS, Pairs, in_order, together
from tasks.overlap.patterns import Patterns
from tasks.overlap.proposals import CANDIDATES, How, propose
from tasks.overlap.recall import RecallCounts
from tasks.overlap.threshold import MOST, homes
from tasks.registration.forms import mirrored_form, other_forms
from tasks.registration.photo import BITS
from tasks.storage.copies import Copies
from tasks.threads import blas_threads, of_task

T = TypeVar("T")
Side = tuple[Images, RowNumbers]  # pictures, and their numbers in the split

FORMS_AT_ONCE = 128  # pictures whose forms are made at a time, in each thread


class Looked(NamedTuple):
    """Pairs that were laid over each other, and what MinHash found on a sample, where it proposed them."""

    pairs: Pairs
    recall: RecallCounts | None = None


def candidate_pairs(one: Side, two: Side, how: How, within: bool, sample: int = 0) -> Looked:
    """Return the candidates of pictures with their agreement; the numbers are those of the split.

    Parameters
    ----------
    one, two : tuple of Images and ndarray
        Those that are searched for and those among which, each with their numbers, int64 (n,).
    how : How
    within : bool
        Whether both are of one split.
    sample : int
        See `tasks.overlap.proposals.propose`.
    """
    with blas_threads(1):
        found = propose(_forms(one[0]), two[0].patterns, _apart(one, two, within=within), how, sample=sample)
        pairs = _listed(found.nearest, one[1], two[1])
        return Looked(_measured(in_order(pairs, within), one, two, within), found.recall)


def mirrored_pairs(one: Side, two: Side, how: How) -> Pairs:
    """Return the candidates of pictures as they look in a mirror."""
    with blas_threads(1):
        forms = [Patterns.of(np.concatenate(_made(mirrored_form, one[0].gray)), BITS)]
        pairs = _listed(propose(forms, two[0].patterns, _apart(one, two, within=False), how).nearest, one[1], two[1])
        return _measured(in_order(pairs, within=False), one, two, within=False, mirrored=True)


def with_more(pairs: Pairs, one: Images, two: Images, lines: tuple[Floats, Floats], how: How, within: bool) -> Pairs:
    """Return pairs and those of further candidates of pictures most of whose candidates are copies of one picture.

    Parameters
    ----------
    pairs : Pairs
        As `candidate_pairs` returns them, of all pictures of the first set.
    one, two : Images
    lines : tuple of ndarray
        float64 (n,): agreement from which the pairs of each picture of either set are duplicates; the lower one counts.
    how : How
    within : bool
    """
    count, going_on = CANDIDATES, np.ones(len(one), np.bool_)
    components, home, inside = _homes(pairs, one, two, lines, within)
    while len(asking := np.flatnonzero((inside >= MOST) & going_on)):
        searched, own = one.take(asking), How(how.bands, how.seed, len(asking) * len(two))
        with blas_threads(1):
            found = propose(_forms(searched), two.patterns, (home[asking], components[1]), own, count).nearest
            new = _unseen(_once(found, asking, home), pairs, within)
            new = _measured(new, (one, np.arange(len(one))), (two, np.arange(len(two))), within)
        pairs, count = in_order(together([pairs, new]), within), 2 * count
        components, home, inside = _homes(pairs, one, two, lines, within)
        joined = (found.row >= 0) & (components[1][found.row] == home[asking][:, np.newaxis])
        going_on[asking] = 2 * joined.sum(axis=1) >= joined.shape[1]
    return pairs


def _homes(
    pairs: Pairs, one: Images, two: Images, lines: tuple[Floats, Floats], within: bool
) -> tuple[tuple[RowNumbers, RowNumbers], RowNumbers, RowNumbers]:
    """Return components, which of them each picture of the first set is at home in, and its candidates there."""
    components = hanging(pairs.where(are_duplicates(pairs, lines)), one, two, within)
    of, other = pairs.ends(0)
    if within:
        of, other = np.append(of, other), np.append(other, of)
    home = homes(of, components, other)
    return components, home, np.bincount(of[components[1][other] == home[of]], minlength=len(one))


def are_duplicates(pairs: Pairs, lines: tuple[Floats, Floats]) -> Mask:
    """Return which pairs reach the line of one of their images."""
    reached: Mask = pairs.similarity >= np.minimum(lines[0][pairs.first], lines[1][pairs.second])
    return reached


def hanging(duplicates: Pairs, one: Images, two: Images, within: bool) -> tuple[RowNumbers, RowNumbers]:
    """Return the component of each image of two sets, or of one, that hang together by duplicates."""
    if within:
        groups = groups_of(len(one), [(duplicates.first, duplicates.second)])
        return groups, groups
    i, j = same_images(one.digests, two.digests)
    links = [(duplicates.first, duplicates.second + len(one)), (i, j + len(one))]
    groups = groups_of(len(one) + len(two), links)
    return groups[: len(one)], groups[len(one) :]


def _once(found: Nearest, asking: RowNumbers, home: RowNumbers) -> Pairs:
    """Return for each component and each of its candidates the pair with the most similar bits."""
    pairs = _listed(found, asking, np.arange(int(found.row.max(initial=-1)) + 1))
    order = np.lexsort((pairs.first, -pairs.similarity, pairs.second, home[pairs.first]))
    key = home[pairs.first[order]], pairs.second[order]
    new = np.append(True, (np.diff(key[0]) != 0) | (np.diff(key[1]) != 0))[: len(order)]
    return pairs.where(order[new])


def _unseen(new: Pairs, pairs: Pairs, within: bool) -> Pairs:
    """Return the new ones among pairs."""
    new, width = in_order(new, within), int(max(new.second.max(initial=0), pairs.second.max(initial=0))) + 1
    return new.where(~np.isin(new.first * width + new.second, pairs.first * width + pairs.second))


def _apart(one: Side, two: Side, within: bool) -> tuple[RowNumbers, RowNumbers]:
    """Return groups by which no picture is a candidate of itself."""
    if within:
        return one[1], two[1]
    i, j = same_images(one[0].digests, two[0].digests)
    own, others = np.arange(len(one[0])), len(one[0]) + np.arange(len(two[0]))
    others[j] = i
    return own, others


def _listed(found: Nearest, first: RowNumbers, second: RowNumbers) -> Pairs:
    row, place = np.nonzero(found.row >= 0)
    return Pairs(first[row], second[found.row[row, place]], found.similarity[row, place])


def _measured(pairs: Pairs, one: Side, two: Side, within: bool, mirrored: bool = False) -> Pairs:
    """Lay pairs over each other: of two splits the second over the searched one, of one the later over the earlier."""
    if not len(pairs.first):
        return NO_PAIRS
    sides = [one, two]
    if within:  # either picture of a pair may be among those that were searched for
        numbers, at = np.unique(np.concatenate([one[1], two[1]]), return_index=True)
        both = Copies.concatenated([one[0].gray, two[0].gray]).take(at)
        copies = both.take(np.searchsorted(numbers, pairs.first)), both.take(np.searchsorted(numbers, pairs.second))
    else:
        ends = zip(sides, (pairs.first, pairs.second), strict=True)
        copies = tuple(side[0].gray.take(np.searchsorted(side[1], end)) for side, end in ends)  # type: ignore[assignment]
    return pairs._replace(similarity=agreements(*copies, mirrored))


def _forms(images: Images) -> list[Patterns]:
    """Return pictures in all forms in which they are searched for, as they are first."""
    others = [np.concatenate(form) for form in zip(*_made(other_forms, images.gray), strict=True)]
    return [images.patterns, *(Patterns.of(bits, BITS) for bits in others)]


def _made(make: Callable[[Gray], T], copies: Copies) -> list[T]:
    """Return what is made of all copies, some at a time."""

    def made(start: int) -> T:
        return make(copies.take(np.arange(start, min(start + FORMS_AT_ONCE, len(copies)))).read())

    with ThreadPoolExecutor(of_task(THREADS)) as pool:
        return list(pool.map(made, range(0, max(1, len(copies)), FORMS_AT_ONCE)))
