"""Components of images connected by duplicates, and the similarity of each image's look-alikes beyond its copies."""

import numpy as np

from tasks.arrays import Floats, RowNumbers
from tasks.joined import groups_of, is_first
from tasks.overlap.images import Images, same_images
from tasks.overlap.pairs import Pairs
from tasks.overlap.proposals import CANDIDATES
from tasks.registration.views import LOWEST

MOST = CANDIDATES // 2  # candidates in one component from which the component may contain more
FIFTH = 4  # index of the candidate that represents look-alikes
GAP = 1.0  # units of z between the copies of an image and its other candidates


def hanging(duplicates: Pairs, one: Images, two: Images, within: bool) -> tuple[RowNumbers, RowNumbers]:
    """Return the component of each image of two sets, or of one, under connection by duplicates."""
    if within:
        groups = groups_of(len(one), [(duplicates.first, duplicates.second)])
        return groups, groups
    i, j = same_images(one.digests, two.digests)
    links = [(duplicates.first, duplicates.second + len(one)), (i, j + len(one))]
    groups = groups_of(len(one) + len(two), links)
    return groups[: len(one)], groups[len(one) :]


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

    A gap of one unit of z among the candidates ends the copies, if the candidates before it may show the same.

    >>> beyond_copies(np.array([[0.99, 0.98, 0.6, 0.5, 0.4, 0.3, 0.2, 0, 0, 0], [0.9] * 10])).tolist()
    [0.2, 0.9]
    """
    z = fisher(candidates)
    reached = candidates[:, FIFTH].copy()
    gaps = (z[:, :-1] - z[:, 1:] >= GAP) & (candidates[:, :-1] >= LOWEST) & (candidates[:, 1:] > 0)
    rows = np.flatnonzero(gaps.any(axis=1))
    place = np.minimum(gaps[rows].argmax(axis=1) + 1 + FIFTH, candidates.shape[1] - 1)
    reached[rows] = candidates[rows, place]
    return reached


def fisher(agreement: Floats) -> Floats:
    """Return Fisher's transform z = artanh(G) of agreements."""
    return np.arctanh(np.clip(agreement, -0.999, 0.9999))
