"""Components of images connected by duplicates, and the best match and the look-alikes of each image, for a verdict."""

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Bits, Floats, Mask, RowNumbers
from tasks.joined import groups_of, is_first
from tasks.overlap.images import SEVERAL, UNKNOWN, Images, same_images
from tasks.overlap.join import Join
from tasks.overlap.pairs import Pairs, spanning
from tasks.overlap.proposals import CANDIDATES
from tasks.overlap.threshold import CROWDED, NEAR_IDENTICAL, fisher
from tasks.storage import tables

MOST = CANDIDATES // 2  # of an image's candidates in one component: there may be more of it
FIFTH = 4  # index of the candidate that represents look-alikes
GAP = 1.0  # units of z between the copies of an image and its other candidates
MATCH = np.dtype(
    [
        ("best", "f8"),  # similarity of the best match that is not identical, 0 without one
        ("faint", "f8"),  # the same of matches whose agreement proves little
        ("beyond", "f8"),  # agreement of look-alikes, see `look_alikes_of`
        ("chained", "?"),  # near-identity proves nothing
        ("identical", "?"),  # the other split has the same image
        ("other_class", "?"),  # the best match has another class
        ("rows", "i8"),  # number of rows with the image
        ("label", "i8"),
    ]
)
Matches = NDArray[np.void]  # of dtype `MATCH`


def are_duplicates(pairs: Pairs, line: Floats, within: bool) -> Mask:
    """Return which pairs reach the line of their first image or, within one set, of either image."""
    least = np.minimum(line[pairs.first], line[pairs.second]) if within else line[pairs.first]
    return pairs.similarity >= least


def components_of(duplicates: Pairs, one: Images, two: Images, within: bool) -> tuple[RowNumbers, RowNumbers]:
    """Return the component of each image of two sets, or of one, under connection by duplicates."""
    if within:
        groups = groups_of(len(one), [(duplicates.first, duplicates.second)])
        return groups, groups
    i, j = same_images(one.digests, two.digests)
    groups = groups_of(len(one) + len(two), [(duplicates.first, duplicates.second + len(one)), (i, j + len(one))])
    return groups[: len(one)], groups[len(one) :]


def forest(pairs: Pairs, count: int) -> RowNumbers:
    """Return the numbers of the pairs in a maximum spanning forest of `count` components, ascending."""
    low, high = np.minimum(pairs.first, pairs.second), np.maximum(pairs.first, pairs.second)
    order = np.lexsort((-pairs.similarity, high, low))
    order = order[is_first(low[order], high[order])]
    return np.sort(order[spanning(Pairs(low[order], high[order], pairs.similarity[order]), count)])


def homes(seen: Pairs, components: tuple[RowNumbers, RowNumbers]) -> RowNumbers:
    """Return the component of each first image, or the one with most of its candidates, int64 (images,).

    `seen` are images with their candidates. The components of the images and of the candidates, int64, share one
    numbering; within one set they are the same array.
    """
    own, theirs = components
    sizes = np.bincount(own if own is theirs else np.append(own, theirs), minlength=1)
    keys, counts = np.unique(seen.first * len(sizes) + theirs[seen.second], return_counts=True)
    pairs = np.divmod(keys, len(sizes))
    many = (counts >= MOST) & (sizes[own[pairs[0]]] == 1)
    found = own.copy()
    found[pairs[0][many]] = pairs[1][many]
    return found


def look_alikes_of(seen: Pairs, components: tuple[RowNumbers, RowNumbers]) -> Floats:
    """Return the agreement that look-alikes of each first image reach, float64 (images,); 0 if there are few.

    An image shares the candidates of all images in its component of near-identical ones; of each other component only
    the best candidate counts. The parameters are those of `homes`.
    """
    home = homes(seen, components)
    between = Pairs(home[seen.first], components[1][seen.second], seen.similarity)
    between = between.where(np.lexsort((-between.similarity, between.second, between.first)))
    between = between.where(is_first(between.first, between.second) & (between.first != between.second))
    between = between.where(np.lexsort((-between.similarity, between.first)))
    place = np.arange(len(between.first)) - np.searchsorted(between.first, between.first)
    found = np.zeros((int(max(part.max(initial=-1) for part in components)) + 1, CANDIDATES))
    near = place < CANDIDATES
    found[between.first[near], place[near]] = np.maximum(between.similarity[near], 0)
    return beyond_copies(found)[home]


def beyond_copies(candidates: Floats) -> Floats:
    """Return the agreement of look-alikes of each image: that of its fifth best candidate, not counting its own copies.

    The copies end at a gap of one unit of z, or before the first candidate below `CROWDED`. The true agreement of that
    one is not known: most such candidates are never aligned finely.

    >>> beyond_copies(np.array([[0.99, 0.98] + [0.5] * 4 + [0.2] * 4, [0.9] * 9 + [0.6], [0.9] * 10])).tolist()
    [0.2, 0.6, 0.9]
    """
    z = np.where(candidates >= CROWDED, fisher(candidates), -GAP)
    gaps = z[:, :-1] - z[:, 1:] >= GAP
    fifth = gaps.argmax(axis=1) + np.where(gaps.any(axis=1), 1 + FIFTH, FIFTH)
    return candidates[np.arange(len(candidates)), np.minimum(fifth, candidates.shape[1] - 1)]


def matches_of(join: Join, pairs: Pairs, chained: Bits) -> Matches:
    """Return the matches of the searched images of a join; `chained` are digests, uint8 (n, 16)."""
    here, seen = join.searched, pairs.seen_from(join.searched, join.within)
    images, others = join.both[here], join.both[1 - here]
    found = np.zeros(len(images), MATCH)
    for name, sign in (("best", 1), ("faint", -1)):
        np.maximum.at(found[name], seen.first, sign * seen.similarity)
    if join.view.on_pixels:
        components = components_of(pairs.where(pairs.similarity >= NEAR_IDENTICAL), *join.both, join.within)
        found["beyond"] = look_alikes_of(seen, (components[here], components[1 - here]))
    found["chained"] = images.are_among(chained)
    found["identical"] = not join.within and images.are_among(others.digests)
    own, other = images.labels[seen.first], others.labels[seen.second]
    differ = (own != UNKNOWN) & (other != UNKNOWN) & ((own != other) | (own == SEVERAL))
    best = seen.similarity == found["best"][seen.first]  # among equals, one of another class decides
    found["other_class"][seen.first[differ & best]] = True
    of_row = tables.read(join.workspace / join.sides[here].of_row)["image"].to_numpy()
    found["rows"], found["label"] = np.bincount(of_row, minlength=len(images)), images.labels
    return found
