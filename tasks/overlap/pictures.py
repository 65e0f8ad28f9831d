"""The strategy for photographs: bits propose candidates, and registered gray copies decide.

Where most candidates of a picture are in one component of duplicates, there may be more, and what look-alikes reach is
not seen yet. So more are asked for outside of that component, as long as at least half of them join it: the number of
copies is not limited, and a component looks at each picture at most once in a round.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tasks.arrays import Bits, Floats, Mask, RowNumbers
from tasks.joined import is_first
from tasks.overlap.agreements import agreements
from tasks.overlap.components import MOST, hanging, homes
from tasks.overlap.images import Images, same_images
from tasks.overlap.minhash import Bands
from tasks.overlap.nearest import THREADS, Nearest
from tasks.overlap.pairs import Pairs, in_order, together
from tasks.overlap.patterns import Patterns
from tasks.overlap.proposals import CANDIDATES, affordable, propose
from tasks.overlap.recall import RecallCounts
from tasks.registration.forms import mirrored_form, other_forms
from tasks.registration.photo import BITS
from tasks.storage.copies import Copies
from tasks.threads import blas_threads, of_task

FORMS_AT_ONCE = 128  # pictures whose forms are made at a time, in each thread


def candidate_pairs(
    one: Images, two: Images, bands: Bands | None, seed: int, within: bool, sample: int = 0, mirrored: bool = False
) -> tuple[Pairs, RecallCounts | None]:
    """Return the candidates of pictures with their agreement, and what MinHash finds on a sample, where it proposes.

    Candidates of `one` are sought in `two`; `within` says that both are of one split, and `mirrored` that pictures are
    searched for as they look in a mirror. For the rest see `tasks.overlap.proposals.propose`.
    """
    groups = one.numbers, two.numbers  # by which no picture is a candidate of itself
    if not within:
        i, j = same_images(one.digests, two.digests)
        groups = np.arange(len(one)), len(one) + np.arange(len(two))
        groups[1][j] = i
    with blas_threads(1):
        found, recall = propose(_forms(one, mirrored), two.patterns, groups, bands, seed, sample=sample)
        return _measured(in_order(_listed(found, one.numbers, two.numbers), within), one, two, within, mirrored), recall


def with_more(
    pairs: Pairs, one: Images, two: Images, line: Floats, bands: Bands | None, seed: int, within: bool
) -> Pairs:
    """Return pairs and those of further candidates of pictures most of whose candidates are copies of one picture.

    The pairs are those of `candidate_pairs`, of all pictures of both splits, or of one. The line is float64 (n,):
    agreement from which the pairs of each picture of the first set are duplicates.
    """
    count, going_on = CANDIDATES, np.ones(len(one), np.bool_)
    components, home, inside = _homes(pairs, one, two, line, within)
    while len(asking := np.flatnonzero((inside >= MOST) & going_on)):
        groups, own = (home[asking], components[1]), affordable(bands, len(asking) * len(two))
        with blas_threads(1):
            found, _ = propose(_forms(one.take(asking)), two.patterns, groups, own, seed, count)
            new = in_order(_once(found, asking, home), within)
            new = _measured(new.where(~new.are_in(pairs)), one, two, within)
        pairs, count = in_order(together([pairs, new]), within), 2 * count
        components, home, inside = _homes(pairs, one, two, line, within)
        joined = (found.row >= 0) & (components[1][found.row] == home[asking][:, np.newaxis])
        going_on[asking] = 2 * joined.sum(axis=1) >= joined.shape[1]
    return pairs


def _homes(
    pairs: Pairs, one: Images, two: Images, line: Floats, within: bool
) -> tuple[tuple[RowNumbers, RowNumbers], RowNumbers, RowNumbers]:
    """Return components, which of them each picture of the first set is at home in, and its candidates there."""
    components = hanging(pairs.where(are_duplicates(pairs, line, within)), one, two, within)
    seen = pairs.seen_from(0, within)
    home = homes(seen, components)
    return components, home, np.bincount(seen.first[components[1][seen.second] == home[seen.first]], minlength=len(one))


def are_duplicates(pairs: Pairs, line: Floats, within: bool) -> Mask:
    """Return which pairs reach the line of their first image, or within one set of either image."""
    least = np.minimum(line[pairs.first], line[pairs.second]) if within else line[pairs.first]
    reached: Mask = pairs.similarity >= least
    return reached


def _once(found: Nearest, asking: RowNumbers, home: RowNumbers) -> Pairs:
    """Return for each component and each of its candidates the pair with the most similar bits."""
    pairs = _listed(found, asking, np.arange(int(found.row.max(initial=-1)) + 1))
    order = np.lexsort((pairs.first, -pairs.similarity, pairs.second, home[pairs.first]))
    return pairs.where(order[is_first(home[pairs.first[order]], pairs.second[order])])


def _listed(found: Nearest, first: RowNumbers, second: RowNumbers) -> Pairs:
    row, place = np.nonzero(found.row >= 0)
    return Pairs(first[row], second[found.row[row, place]], found.similarity[row, place])


def _measured(pairs: Pairs, one: Images, two: Images, within: bool, mirrored: bool = False) -> Pairs:
    """Lay pairs over each other: of two splits the second over the searched one, of one the later over the earlier."""
    sides = [(one.numbers, one.gray), (two.numbers, two.gray)]
    if within:  # either picture of a pair may be among those that were searched for
        numbers, at = np.unique(np.append(one.numbers, two.numbers), return_index=True)
        sides = [(numbers, Copies.concatenated([one.gray, two.gray]).take(at))] * 2
    first, second = (
        gray.take(np.searchsorted(numbers, end)) for (numbers, gray), end in zip(sides, pairs[:2], strict=True)
    )
    return pairs._replace(similarity=agreements(first, second, mirrored))


def _forms(images: Images, mirrored: bool = False) -> list[Patterns]:
    """Return pictures in all forms in which they are searched for, as they are first; or as they look in a mirror."""

    def made(start: int) -> list[Bits]:
        copies = images.gray.take(np.arange(start, min(start + FORMS_AT_ONCE, len(images)))).read()
        return [mirrored_form(copies)] if mirrored else other_forms(copies)

    with ThreadPoolExecutor(of_task(THREADS)) as pool:
        parts = list(pool.map(made, range(0, max(1, len(images)), FORMS_AT_ONCE)))
    forms = [Patterns.of(np.concatenate(form), BITS) for form in zip(*parts, strict=True)]
    return forms if mirrored else [images.patterns, *forms]
