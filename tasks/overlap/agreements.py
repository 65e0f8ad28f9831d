"""Decide candidate pairs of photographs by the agreement of the gradients of their aligned gray copies.

Small copies rule out most pairs early. If one has bars around it, what is inside them is aligned as well, and the
higher agreement counts.

Where little texture agrees, it proves little: if an image has texture in less than `TEXTURED`, their agreement is
negative. The pair may be a duplicate, but this is never certain. The edges of bars hide texture, so if an image is
framed, the one with more texture decides.
"""

import numpy as np

from tasks.arrays import Floats, Gray, Mask, Pixels
from tasks.overlap.images import Images
from tasks.overlap.patterns import shared_bits, similarity
from tasks.registration.agreement import agreement, overlay
from tasks.registration.align import register_coarsely, register_finely
from tasks.registration.forms import seen_through, windows
from tasks.registration.sharpness import equally_sharp
from tasks.registration.views import LOWEST
from tasks.registration.warp import quartered
from tasks.storage.copies import Copies
from tasks.threads import several_threads

AT_ONCE = 1024  # pairs registered at a time: with fewer, many files are opened for few copies each
IN_CACHE = 16  # the same for copies of full size: with more, threads release and allocate memory each time
GOES_ON = 0.65  # agreement of small copies below which a pair is ruled out
TEXTURED = 0.12  # share of an image that needs texture to make a pair certain


def agreements(first: Copies, second: Copies, mirrored: bool = False) -> Floats:
    """Return the agreement of each pair of photographs, float64 (n,), with the first of each mirrored or not.

    It is rounded to 1e-4, and negative for little texture. If small copies rule a pair out, it is their agreement.
    """

    def decide(start: int) -> Floats:
        part = np.arange(start, min(start + AT_ONCE, len(first)))
        one, two = (copies.take(part).read() for copies in (first, second))
        return _with_insides(one[:, :, ::-1] if mirrored else one, two, first.framed[part], second.framed[part])

    with several_threads() as pool:
        parts = list(pool.map(decide, range(0, len(first), AT_ONCE)))
    found, shares = np.concatenate([np.empty(0), *parts]), (first.texture, second.texture)
    share = np.where(first.framed | second.framed, np.maximum(*shares), np.minimum(*shares))
    found[(found >= LOWEST) & (share < TEXTURED)] *= -1
    return np.trunc(found * 10_000) / 10_000


def similarity_of(one: Images, two: Images) -> Floats:
    """Return the measured similarity of pairs of images, float64 (n,), whether they were candidates or not.

    It is negative for photographs with little texture.
    """
    found = np.ones(len(one))
    differ = np.flatnonzero((one.digests != two.digests).any(axis=1))
    if one.copies and two.copies:
        first, second = one.copies.take(differ), two.copies.take(differ)
        ways = agreements(first, second), agreements(second, first)
        found[differ] = np.where(np.abs(ways[1]) > np.abs(ways[0]), *ways[::-1])
        return found
    shared = shared_bits(one.patterns.words, two.patterns.words, differ, differ)
    a, b = one.patterns.counts[differ], two.patterns.counts[differ]
    found[differ] = np.where((a > 0) & (b > 0), similarity(a, b, shared, one.patterns.length), 0.0)
    return found


def _with_insides(first: Gray, second: Gray, framed: Mask, others_framed: Mask) -> Floats:
    """Return the highest agreement of whole copies, and of one inside its bars, if it is framed, with the other one."""
    found, a, b = _decided(first, second), np.flatnonzero(framed), np.flatnonzero(others_framed)
    found[a] = np.maximum(found[a], _decided(seen_through(first[a], windows(first[a])), second[a]))
    found[b] = np.maximum(found[b], _decided(first[b], seen_through(second[b], windows(second[b]))))
    return found


def _decided(first: Gray, second: Gray) -> Floats:
    small_one, small_two = quartered(first), quartered(second)
    maps = register_coarsely(small_one, small_two)
    agreed = agreement(overlay(small_one, small_two, maps, smooth=False))
    found = np.maximum(agreed, 0).astype(np.float64)  # a negative one would mean little texture
    on = np.flatnonzero(found >= GOES_ON)
    for start in range(0, len(on), IN_CACHE):
        some = on[start : start + IN_CACHE]
        found[some] = _agreed(first[some].astype(np.float32), second[some].astype(np.float32), maps[some])
    return found


def _agreed(first: Pixels, second: Pixels, maps: Pixels) -> Pixels:
    """Return the agreement of equally sharp copies of full size, given the maps of the small ones."""
    first, second = equally_sharp(first, second)
    return np.maximum(agreement(overlay(first, second, register_finely(first, second, maps))), 0)
