"""Find the twins of photographs: candidates by their bits, each decided on registered gray copies.

Of each picture the most similar ones of the other split are candidates, see `tasks.overlap.proposals`. A pair that is
decided counts for both its rows, so a picture of the other split has those twins that name it as a candidate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.overlap.agreements import REFUSED, agreements
from tasks.overlap.bands import Bands
from tasks.overlap.exact import EqualRows, equal_groups, group
from tasks.overlap.find import Side, Stream, Twins, merged
from tasks.overlap.forms import mirrored_form, other_forms
from tasks.overlap.patterns import Patterns
from tasks.overlap.proposals import Proposed, propose
from tasks.overlap.recall import RecallCounts
from tasks.storage.copies import Copies
from tasks.storage.decisions import Decisions
from tasks.threads import blas_threads
from tasks.views.photo import BITS, LOWEST
from tasks.vocabulary.arrays import Bits, Floats, RowNumbers

CROWD = 5  # place of the candidate that says what look-alikes of a picture reach
FORMS_AT_ONCE = 1024  # pictures whose forms are made at a time


@dataclass(frozen=True)
class Pictures:
    """A split of photographs as the engine sees it, and the gray copy of each row."""

    side: Side
    copies: Copies


@dataclass(frozen=True)
class PictureTwins:
    """Twins in both directions; those of the first in a mirror, if asked for; what MinHash found, if it proposed.

    `crowd` is, for each row of the first split, the agreement of the fifth best of its candidates, 0 where there are
    fewer: what a mere look-alike of it reaches, unless it has as many copies.
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
    of: int | None = None,
    but: Decisions | None = None,
) -> PictureTwins:
    """Find the twins of two splits in each other, searching for those of the first.

    Parameters
    ----------
    first, second : Pictures
    mirrored : bool
        Search also for pictures of the first split as they look in a mirror.
    bands, seed, of
        See `tasks.overlap.proposals.propose`; by default, the first split is all that is searched for.
    but : Decisions, optional
        Pairs that were judged to be different are no twins.
    """
    with blas_threads(1):
        groups = _distinct(first.side), _distinct(second.side)
        join = _Join((first, second), groups, bands, seed, of or len(first.side), but)
        plain = [first.side.bits[groups[0].example], *_forms(first.copies.take(groups[0].example))]
        of_first, of_second, found = join.twins(plain, mirrored=False)
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
    pictures: Pictures, rows: range, bands: Bands | None, seed: int, but: Decisions | None = None
) -> PicturePairs:
    """Return the pairs of some rows of a set with any other that may be the same picture, in either order or in both.

    Parameters
    ----------
    pictures : Pictures
        None of them twice.
    rows : range
        Those that are searched for.
    bands, seed, but
        See `find_picture_twins`.
    """
    with blas_threads(1):
        own, every = np.array(rows, np.int64), Patterns.of(pictures.side.bits, BITS)
        forms = [every.take(own), *(Patterns.of(bits, BITS) for bits in _forms(pictures.copies.take(own)))]
        proposed = propose(forms, every, own, bands, seed, len(every))
        copies, digests = (pictures.copies, pictures.copies), (pictures.side.digests, pictures.side.digests)
        found = _decide(proposed, copies, digests, mirrored=False, but=but, own=own)
    known = found.agreed >= 0
    return replace(found, first=own[found.first[known]], second=found.second[known], agreed=found.agreed[known])


@dataclass(frozen=True)
class _Join:
    """Two splits whose equal pictures are collapsed to one."""

    parts: tuple[Pictures, Pictures]
    groups: tuple[EqualRows, EqualRows]
    bands: Bands | None
    seed: int
    of: int
    but: Decisions | None

    def twins(self, forms: Sequence[Bits], mirrored: bool) -> tuple[Twins, Twins, PicturePairs]:
        """Return the twins of the pictures in some forms, in both directions."""
        sides = self.parts[0].side, self.parts[1].side
        others = Patterns.of(sides[1].bits[self.groups[1].example], BITS)
        same = np.full(len(self.groups[0]), -1)
        i, j = equal_groups(*self.groups, sides[0].digests, sides[1].digests)
        same[i] = j
        proposed = propose([Patterns.of(bits, BITS) for bits in forms], others, same, self.bands, self.seed, self.of)
        one, two = (
            (part.copies.take(of.example), part.side.digests[of.example])
            for part, of in zip(self.parts, self.groups, strict=True)
        )
        found = _decide(proposed, (one[0], two[0]), (one[1], two[1]), mirrored, self.but)
        return *merged(sides, self.groups, self.groups, _stream(found, same)), found


def _decide(
    proposed: Proposed,
    copies: tuple[Copies, Copies],
    digests: tuple[Bits, Bits],
    mirrored: bool,
    but: Decisions | None,
    own: RowNumbers | None = None,
) -> PicturePairs:
    """Lay proposed pairs over each other; inside one set, where rows have numbers of their own, each pair once."""
    near = proposed.nearest.row
    first, place = np.nonzero(near >= 0)
    i, j = first if own is None else own[first], near[first, place]
    pairs, of_pair = (i, j), np.arange(len(i))
    if own is not None:  # in an order that does not depend on which of them proposes it
        count = max(len(digests[0]), 1)
        keys, of_pair = np.unique(np.minimum(i, j) * count + np.maximum(i, j), return_inverse=True)
        pairs = np.divmod(keys, count)
    one, two = (side.take(rows) for side, rows in zip(copies, pairs, strict=True))
    agreed = agreements(one, two, mirrored)[of_pair]
    if but:
        agreed[but.are_different(digests[0][i], digests[1][j])] = REFUSED
    of_all = np.zeros(near.shape)
    of_all[first, place] = np.maximum(agreed, 0)
    crowd = -np.sort(-of_all, axis=1)[:, CROWD - 1]
    return PicturePairs(first, j, agreed, crowd, proposed.recall)


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
    parts = [other_forms(part.read()) for part in _pieces(copies)]
    return [np.concatenate(form) for form in zip(*parts, strict=True)]


def _mirrored(copies: Copies) -> Bits:
    return np.concatenate([mirrored_form(part.read()) for part in _pieces(copies)])


def _pieces(copies: Copies) -> Iterator[Copies]:
    for start in range(0, max(1, len(copies)), FORMS_AT_ONCE):
        yield copies.take(np.arange(start, min(start + FORMS_AT_ONCE, len(copies))))
