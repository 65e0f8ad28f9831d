"""The pairs of a join as they count, by the verdict on their set and by what people decided: nowhere else.

Of glyphs, only the pairs that matter are kept, so images that a decision tells apart are searched again. Photographs
keep all their candidates; further ones are asked for where most of them are duplicates or undecided, and those that a
decision tells apart are laid over all of their component.
"""

from typing import NamedTuple

import numpy as np

from tasks.arrays import Bits, Floats, Mask, RowNumbers
from tasks.overlap.images import Images, among
from tasks.overlap.join import PAIRS, Join, more_of, near_pairs, similarity_of
from tasks.overlap.pairs import Pairs, in_order, read_pairs, together
from tasks.overlap.pictures import are_duplicates, hanging
from tasks.overlap.verdict import NEVER, Lines, Matches, lines_of
from tasks.records import Baseline, Decided, Joined, Ruling
from tasks.records.verdict import Verdict
from tasks.storage import tables
from tasks.storage.decisions import Decisions, read_decisions
from tasks.storage.place import Place

Both = tuple[Images, Images]


class Given(NamedTuple):
    """What a join is settled by, in a form that another process can be handed: see `settled_by`."""

    joined: Joined
    ruling: Ruling
    decided: Decided | None


class Settled(NamedTuple):
    """Pairs of a join, and which of them are duplicates, judged to be so by a person, or undecided.

    `lines` are those of the images of both sides; see `tasks.overlap.verdict.Lines`.
    """

    pairs: Pairs
    duplicate: Mask
    judged: Mask
    undecided: Mask
    lines: tuple[Floats, Floats]


def settled_by(join: Join, given: Given) -> tuple[Settled, Decisions | None]:
    """Settle a join by the records of what was found and decided, and return the decisions with it."""
    place, decided = join.workspace, given.decided
    decisions = read_decisions(place / decided.table) if decided else None
    pairs = read_pairs(place / given.joined.folder / PAIRS)
    chained = read_chained(given.ruling.baseline, place)
    return settle(join, pairs, given.ruling.verdict, chained, read_searched(join), decisions), decisions


def read_chained(baseline: Baseline, workspace: Place) -> Bits:
    """Return the digests of pictures whose near-identity proves nothing, uint8 (n, 16)."""
    return tables.bytes_of(tables.read(workspace / baseline.chained)["md5"])


def read_searched(join: Join) -> RowNumbers:
    """Return the image of each row of the searched split of a join, int64 (rows,)."""
    of_row: RowNumbers = tables.read(join.workspace / join.sides[join.searched].of_row)["image"].to_numpy()
    return of_row


def settle(
    join: Join, pairs: Pairs, verdict: Verdict, chained: Bits, of_row: RowNumbers, decisions: Decisions | None
) -> Settled:
    """Say which pairs of a join are duplicates.

    Parameters
    ----------
    join : Join
    pairs : Pairs
        As the join found them.
    verdict : Verdict
    chained : ndarray
        uint8 (n, 16): digests of pictures whose near-identity proves nothing.
    of_row : ndarray
        int64 (rows,): image of each row of the searched split.
    decisions : Decisions or None
    """
    images = join.images(0), join.images(1)
    if decisions and not join.view.on_pixels:
        pairs = _searched_again(join, pairs, images, decisions)
    own = lines_of(Matches.of(join, pairs, of_row, chained), verdict, join.view)
    lines = _of_both(join, own)
    if join.view.on_pixels:
        similar = np.where(own.undecided, np.minimum(own.line, join.view.similar), own.line)
        asked = _of_both(join, own._replace(line=similar))
        pairs = more_of(join, pairs, asked)
        if decisions:
            pairs = _laid_again(join, pairs, images, asked, decisions)
        pairs = pairs.where(pairs.similarity >= 0)  # others have too little texture to say anything
    judged = np.zeros(len(pairs.first), np.bool_)
    if decisions:
        pairs = pairs.where(~_are_different(pairs, images, decisions))
        pairs, judged = _with_judged(join, pairs, images, decisions)
    duplicate = are_duplicates(pairs, lines) | judged
    undecided = _open(join, pairs, own) & (pairs.similarity >= join.view.similar) & ~duplicate
    return Settled(pairs, duplicate, judged, undecided, lines)


def _of_both(join: Join, own: Lines) -> tuple[Floats, Floats]:
    """Return the lines of the images of both sides: only those that are searched for have any."""
    if join.within:
        return own.line, own.line
    none = np.full(join.sides[1 - join.searched].images, NEVER)
    return (none, own.line) if join.searched else (own.line, none)


def _open(join: Join, pairs: Pairs, own: Lines) -> Mask:
    if join.within:
        return own.undecided[pairs.first] | own.undecided[pairs.second]
    return own.undecided[pairs.ends(join.searched)[0]]


def _searched_again(join: Join, pairs: Pairs, images: Both, decisions: Decisions) -> Pairs:
    """Search glyphs that were told apart from others once more, without the pairs that are different images."""
    told = _told_apart(images, decisions)
    if not any(side.any() for side in told):
        return pairs
    if join.within:  # where only a forest is kept, any pair of a component may take the place of one that is none
        component, _ = hanging(pairs, *images, within=True)
        told = (np.isin(component, component[told[0]]),) * 2
    kept = [pairs.where(~(told[0][pairs.first] | told[1][pairs.second]))]
    sides = [(side, np.arange(len(side))) for side in images]
    for number in (0,) if join.within else (0, 1):
        at = np.flatnonzero(told[number])
        searched = [(images[number].take(at), at), sides[1 - number]]
        one, two = searched if number == 0 else searched[::-1]
        kept.append(near_pairs(join, one, two, "all pairs", lambda found: _are_different(found, images, decisions)))
    return in_order(together(kept), join.within)


def _laid_again(join: Join, pairs: Pairs, images: Both, lines: tuple[Floats, Floats], decisions: Decisions) -> Pairs:
    """Lay photographs that were told apart over all of their component, which may hang together without that pair."""
    components = hanging(pairs.where(are_duplicates(pairs, lines)), *images, join.within)
    parts = [pairs]
    for side, told in enumerate(_told_apart(images, decisions)[: 1 if join.within else 2]):
        for image in np.flatnonzero(told).tolist():
            others = np.flatnonzero(components[1 - side] == components[side][image])
            first, second = (np.full(len(others), image), others)[:: 1 - 2 * side]
            parts.append(Pairs(first, second, similarity_of(images[0].take(first), images[1].take(second))))
    found = in_order(together(parts), join.within)
    return found.where((images[0].digests[found.first] != images[1].digests[found.second]).any(axis=1))


def _told_apart(images: Both, decisions: Decisions) -> tuple[Mask, Mask]:
    """Return which images of both sides are part of a pair that is different."""
    wanted = [digest for pair, same in decisions.by_pair.items() if not same for digest in pair]
    return among(images[0].digests, wanted), among(images[1].digests, wanted)


def _are_different(pairs: Pairs, images: Both, decisions: Decisions) -> Mask:
    return decisions.are_different(images[0].digests[pairs.first], images[1].digests[pairs.second])


def _with_judged(join: Join, pairs: Pairs, images: Both, decisions: Decisions) -> tuple[Pairs, Mask]:
    """Return the pairs and those that were judged to be the same image, and which these are."""
    judged = [pair for pair, same in decisions.by_pair.items() if same]
    named = [digest for pair in judged for digest in pair]
    at = [np.flatnonzero(among(side.digests, named)).tolist() for side in images]
    places = [{side.digests[row].tobytes(): row for row in rows} for side, rows in zip(images, at, strict=True)]
    found = [
        (places[0][a], places[1][b])
        for pair in judged
        for a, b in (pair, pair[::-1])
        if a in places[0] and b in places[1]
    ]
    first, second = np.array(found, np.int64).reshape(-1, 2).T
    same = Pairs(first, second, similarity_of(images[0].take(first), images[1].take(second)))
    pairs = in_order(together([pairs, same]), join.within)
    return pairs, decisions.are_same(images[0].digests[pairs.first], images[1].digests[pairs.second])
