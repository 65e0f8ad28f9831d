"""Decide candidate pairs of photographs on their gray copies: how far their gradients agree when one lies on the other.

Small copies refuse most pairs early. A pair of which little has texture is refused, too.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tasks.arrays import Floats, Pixels
from tasks.overlap.images import Images
from tasks.overlap.patterns import shared_bits, similarity
from tasks.registration.agreement import Overlaid, agreement, overlay, textured
from tasks.registration.align import register_coarsely, register_finely
from tasks.registration.photo import LOWEST
from tasks.registration.sharpness import equally_sharp
from tasks.registration.warp import halved
from tasks.storage.copies import Copies
from tasks.threads import of_task

AT_ONCE = 256  # pairs that are registered at a time: with fewer, threads wait for the interpreter more than they work
IN_CACHE = 16  # the same for copies of full size: of more, threads give the memory back and take it again each time
MEASURED_AT_ONCE = 1 << 18  # pairs whose similarity is measured at a time
THREADS = 2
GOES_ON = 0.65  # agreement of small copies below which a pair is not looked at more closely
TEXTURED = 0.4  # share of a pair that must have texture for its agreement to mean anything
REFUSED = -1.0


def agreements(first: Copies, second: Copies, mirrored: bool = False) -> Floats:
    """Return how far each pair of photographs agrees, float64 (n,), the first of each looked at in a mirror or not.

    In ten thousandths: of pairs that small copies refuse, the agreement of those; -1 of a pair with too little texture.
    """

    def decide(start: int) -> Floats:
        part = np.arange(start, min(start + AT_ONCE, len(first)))
        one, two = (copies.take(part).read().astype(np.float32) for copies in (first, second))
        return _decided(np.ascontiguousarray(one[:, :, ::-1]) if mirrored else one, two)

    with ThreadPoolExecutor(of_task(THREADS)) as pool:
        parts = list(pool.map(decide, range(0, len(first), AT_ONCE)))
    return np.concatenate([np.empty(0), *parts])


def similarity_of(one: Images, two: Images) -> Floats:
    """Return how similar images are, pair by pair, float64 (n,): measured, since a pair may have been no candidate."""
    found = np.ones(len(one))
    differ = np.flatnonzero((one.digests != two.digests).any(axis=1))
    for start in range(0, len(differ), MEASURED_AT_ONCE):
        some = differ[start : start + MEASURED_AT_ONCE]
        first, second = one.take(some), two.take(some)
        if first.copies and second.copies:
            both = agreements(first.copies, second.copies), agreements(second.copies, first.copies)
            found[some] = np.maximum(0, np.maximum(*both))
            continue
        (a, b), each = (first.patterns, second.patterns), np.arange(len(some))
        near = similarity(a.counts, b.counts, shared_bits(a.words, b.words, each, each), a.length)
        found[some] = np.where((a.counts > 0) & (b.counts > 0), near, 0.0)
    return found


def _decided(first: Pixels, second: Pixels) -> Floats:
    small_one, small_two = (halved(halved(pictures)) for pictures in (first, second))
    maps = register_coarsely(small_one, small_two)
    found = agreement(overlay(small_one, small_two, maps, smooth=False)).astype(np.float64)
    on = np.flatnonzero(found >= GOES_ON)
    for start in range(0, len(on), IN_CACHE):
        some = on[start : start + IN_CACHE]
        found[some] = _agreed(first[some], second[some], maps[some])
    return np.floor(found * 10_000) / 10_000


def _agreed(first: Pixels, second: Pixels, maps: Pixels) -> Floats:
    """Return the agreement of copies of full size that are made equally sharp, from the maps that small ones gave."""
    first, second = equally_sharp(first, second)
    laid = overlay(first, second, register_finely(first, second, maps))
    found = agreement(laid).astype(np.float64)
    high = np.flatnonzero(found >= LOWEST)
    if len(high):
        found[high[textured(Overlaid._make(part[high] for part in laid)) < TEXTURED]] = REFUSED
    return found
