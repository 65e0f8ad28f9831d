"""The strategy for photographs: bits propose candidates, and aligned gray copies decide.

Bits show only the outline of some kinds, so in a small set other pairs are aligned, too, and count if near-identical.
An image in a frame, or with cropped sides, has other bits than the same one without. So the bits inside bars, and of
the middle with the shape of the other images, propose candidates, too.

If most candidates of an image are in one component of duplicates, there may be more copies, and its look-alikes are not
known yet. So further candidates outside that component are requested, as long as at least half of them join it. The
number of copies is therefore unlimited. In each round, a component compares itself with an image at most once, and not
at all if the image has joined it meanwhile.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tasks.arrays import Bits, Floats, RowNumbers
from tasks.joined import groups_of, is_first
from tasks.overlap.agreements import agreements
from tasks.overlap.components import MOST, are_duplicates, components_of, forest, homes
from tasks.overlap.images import NOTHING, Images, same_images
from tasks.overlap.join import Join
from tasks.overlap.minhash import Bands, RecallCounts
from tasks.overlap.nearest import Nearest, RowGroups
from tasks.overlap.pairs import NO_PAIRS, Pairs, concatenated, in_order
from tasks.overlap.patterns import Patterns
from tasks.overlap.prints import slices
from tasks.overlap.proposals import CANDIDATES, affordable, propose
from tasks.overlap.threshold import NEAR_IDENTICAL
from tasks.registration.forms import are_trimmed, mirrored_form, other_forms, shapes, trimmed_form
from tasks.registration.views import BITS
from tasks.storage.copies import Copies
from tasks.storage.started import advance
from tasks.threads import blas_threads, several_threads

FEWEST, SHARE = 128, 16  # images between two steps of the progress bar; the others per image, so that setup pays
SEARCHED = 100_000  # images to search for at a time by MinHash, whose keys in all forms take 300 MB
FORMS_AT_ONCE, TRIMMED_AT_ONCE = 128, 1024  # images whose forms are computed at a time, in each thread
ALIGNED = 50_000  # largest number of pairs to align them all, which takes a few seconds
STEPS = 4  # to measure further candidates
Trimmed = tuple[RowNumbers, Patterns]  # which images are trimmed, and the bits of their middles


def candidate_pairs(
    one: Images, two: Images, bands: Bands | None, within: bool, sample: int = 0, mirrored: bool = False
) -> tuple[Pairs, RecallCounts | None]:
    """Return the candidates of images with their agreement and, if MinHash proposes, its counts on a sample.

    Candidates of `one` are sought in `two`; `within` is whether both belong to one split, and `mirrored` whether to
    search for mirrored images. The other parameters are explained in `tasks.overlap.proposals.propose`.
    """
    groups = one.numbers, two.numbers  # so that no image is its own candidate
    if not within:
        i, j = same_images(one.digests, two.digests)
        groups = np.arange(len(one)), len(one) + np.arange(len(two))
        groups[1][j] = i
    pairs = NO_PAIRS
    with blas_threads(1):
        forms = _forms(one, two.gray.usual_aspect, mirrored)
        others = None if mirrored else trimmed(two, one.gray.usual_aspect)
        for some in slices(len(one), len(one) if bands else max(FEWEST, len(two) // SHARE)):
            part = slice(some.start, some.stop)
            asking = [form[part] for form in forms], two.patterns, (groups[0][part], groups[1])
            found, recall = propose(*asking, bands, sample=sample)
            if others:
                found = found.merged_with(in_middles(asking[0][0], others, asking[2], bands))
            new = in_order(_listed(found, one.numbers[part], two.numbers), within)
            pairs = concatenated([pairs, measured(new.where(~new.are_in(pairs)), one, two, within, mirrored)])
            advance(0 if mirrored else len(some))
        if len(one) * len(two) <= ALIGNED:
            i, j = np.nonzero(groups[0][:, None] != groups[1])
            rest = in_order(Pairs(one.numbers[i], two.numbers[j], np.zeros(len(i))), within)
            rest = measured(rest.where(~rest.are_in(pairs)), one, two, within, mirrored)
            pairs = concatenated([pairs, rest.where(rest.similarity >= NEAR_IDENTICAL)])
    return in_order(pairs, within), recall


def with_more(join: Join, pairs: Pairs, line: Floats, count: int = CANDIDATES, one_first: bool = False) -> Pairs:
    """Return pairs, and further candidates of images whose candidates are mostly copies of one image.

    The pairs are the results of `candidate_pairs` for all images of both splits, or of one. `line`, float64 (n,), is
    the lowest agreement of duplicates of each image of the searched side, and `count` the number of further candidates
    to request first. With `one_first`, one image of each component does, which finds most; then the others request few.
    """
    if not len(pairs.first):
        return pairs
    (one, two), within = join.both[::-1] if join.searched else join.both, join.within
    pairs, going_on = pairs.seen_from(join.searched), np.ones(len(one), np.bool_)
    components, home, inside = _homes(pairs, one, two, line, within)
    usual, others = two.gray.usual_aspect, trimmed(two, one.gray.usual_aspect) if (inside >= MOST).any() else None
    while others and len(asking := np.flatnonzero((inside >= MOST) & going_on)):
        if one_first:
            asking = np.sort(asking[np.unique(home[asking], return_index=True)[1]])
        groups, bands = (home[asking], components[1]), affordable(join.bands, join.pairs)
        with blas_threads(1):
            found = Nearest.concatenated(
                propose(_forms(one.take(some), usual), two.patterns, (home[some], groups[1]), bands, count)[0]
                for some in np.split(asking, range(SEARCHED, len(asking), SEARCHED))
            )
            found = found.merged_with(in_middles(one.patterns[asking], others, groups, bands, count))
            new = in_order(_once(found, asking, home), within)
            new = _connecting(new.where(~new.are_in(pairs)), components, one, two, line, within)
        pairs, count = in_order(concatenated([pairs, new]), within), CANDIDATES if one_first else 2 * count
        components, home, inside = _homes(pairs, one, two, line, within)
        joined = (found.row >= 0) & (components[1][found.row] == home[asking][:, np.newaxis])
        going_on[asking] = (2 * joined.reshape(len(asking), 2, -1).sum(axis=2) >= joined.shape[1] // 2).any(axis=1)
        one_first = False
        del found, new, joined  # before the next search takes as much memory
    return in_order(pairs.seen_from(join.searched), within)


def _homes(
    pairs: Pairs, one: Images, two: Images, line: Floats, within: bool
) -> tuple[tuple[RowNumbers, RowNumbers], RowNumbers, RowNumbers]:
    """Return components, the home component of each image of the first set, and its number of candidates there."""
    components = components_of(pairs.where(are_duplicates(pairs, line, within)), one, two, within)
    seen = pairs.seen_from(0, within)
    home = homes(seen, components)
    return components, home, np.bincount(seen.first[components[1][seen.second] == home[seen.first]], minlength=len(one))


def _connecting(
    new: Pairs, components: tuple[RowNumbers, RowNumbers], one: Images, two: Images, line: Floats, within: bool
) -> Pairs:
    """Measure pairs that may connect components, the most similar bits first, and skip those between connected ones.

    Each of the first steps measures a spanning forest, which suffices where all are duplicates; the last the rest.
    """
    parts, count = [NO_PAIRS], 1 + int(max(part.max(initial=-1) for part in components))
    for step in range(STEPS):
        ends = Pairs(components[0][new.first], components[1][new.second], new.similarity)
        some = np.flatnonzero(ends.first != ends.second)
        some = some if step == STEPS - 1 else some[forest(ends.where(some), count)]
        part = measured(new.where(some), one, two, within)
        same = part.where(are_duplicates(part, line, within))
        group = groups_of(count, [(components[0][same.first], components[1][same.second])])
        components = group[components[0]], group[components[1]]
        new = new.where(np.delete(np.arange(len(new.first)), some))
        parts.append(part)
    return concatenated(parts)


def _once(found: Nearest, asking: RowNumbers, home: RowNumbers) -> Pairs:
    """Return the pair with the most similar bits for each component and each of its candidates."""
    pairs = _listed(found, asking, np.arange(int(found.row.max(initial=-1)) + 1))
    order = np.lexsort((pairs.first, -pairs.similarity, pairs.second, home[pairs.first]))
    return pairs.where(order[is_first(home[pairs.first[order]], pairs.second[order])])


def _listed(found: Nearest, first: RowNumbers, second: RowNumbers) -> Pairs:
    row, place = np.nonzero(found.row >= 0)
    return Pairs(first[row], second[found.row[row, place]], found.similarity[row, place])


def measured(pairs: Pairs, one: Images, two: Images, within: bool, mirrored: bool = False) -> Pairs:
    """Measure pairs by the agreement of their copies."""
    sides = [(one.numbers, one.gray), (two.numbers, two.gray)]
    if within:  # either image of a pair may be a searched one
        numbers, at = np.unique(np.append(one.numbers, two.numbers), return_index=True)
        sides = [(numbers, Copies.concatenated([one.gray, two.gray]).take(at))] * 2
    first, second = (
        gray.take(np.searchsorted(numbers, end)) for (numbers, gray), end in zip(sides, pairs[:2], strict=True)
    )
    return pairs._replace(similarity=agreements(first, second, mirrored))


def _forms(images: Images, usual: float, mirrored: bool = False) -> list[Patterns]:
    """Return images in all searched forms, the original first, or in the mirrored forms; see `shapes` for `usual`."""
    if mirrored:
        return _made(images.gray, usual, FORMS_AT_ONCE, lambda copies, *_: [mirrored_form(copies)])
    return [images.patterns, *_made(images.gray, usual, FORMS_AT_ONCE, other_forms)]


def trimmed(images: Images, usual: float) -> Trimmed:
    """Return the trimmed images; see `shapes` for `usual`."""
    rows = np.flatnonzero(are_trimmed(shapes(images.gray.aspect, usual), images.gray.framed))
    (found,) = _made(images.gray.take(rows), usual, TRIMMED_AT_ONCE, lambda *facts: [trimmed_form(*facts)])
    some = found.counts > 0
    return rows[some], found[some]


def _made(gray: Copies, usual: float, at_once: int, make: Callable[..., list[Bits]]) -> list[Patterns]:
    """Return forms of copies; they are read in the order of their files, since digests are in any order."""
    order = np.lexsort((gray.place, gray.file))
    parts = [gray.take(some) for some in np.split(order, range(at_once, len(order), at_once))]
    with several_threads() as pool:
        made = list(pool.map(lambda part: make(part.read(), part.framed, shapes(part.aspect, usual)), parts))
    return [Patterns.of(np.concatenate(form)[np.argsort(order)], BITS) for form in zip(*made, strict=True)]


def in_middles(
    images: Patterns, others: Trimmed, groups: RowGroups, bands: Bands | None, count: int = CANDIDATES
) -> Nearest:
    """Return the candidates of images among trimmed ones; see `propose`."""
    rows, patterns = others
    found, _ = propose([images], patterns, (groups[0], groups[1][rows]), bands, count)
    return replace(found, row=np.append(rows, NOTHING)[found.row])
