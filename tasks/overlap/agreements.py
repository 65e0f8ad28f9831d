"""Decide candidate pairs of photographs by the agreement of the gradients of their aligned gray copies.

Small copies rule out most pairs early. Each copy of a pair is aligned with the other one: a crop may find its place in
the original, and the original not its place in the crop. The inside of bars around a copy is aligned as well and, if
the two images have different shapes, the middle of each that has the shape of the other. The highest agreement counts.

Where little texture agrees, it proves little: if one of the two that are aligned has texture in less than `TEXTURED`,
their agreement is negative, and so it is if both have strong colours, but different ones. The pair may be a duplicate,
but this is never certain.

A small mark in one picture hardly changes the agreement. So the window whose structure agrees least limits the
agreement of near-identical pictures.
"""

import numpy as np

from tasks.arrays import Floats, Gray, Pixels
from tasks.overlap.images import Images
from tasks.overlap.patterns import shared_bits, similarity
from tasks.overlap.threshold import NEAR_IDENTICAL
from tasks.registration.agreement import Overlaid, agreement, overlay, textured, unshared
from tasks.registration.align import register_coarsely, register_finely
from tasks.registration.colours import differ_in_colour
from tasks.registration.forms import are_trimmed, middles, seen_through
from tasks.registration.sharpness import equally_sharp
from tasks.registration.views import LOWEST
from tasks.registration.warp import quartered
from tasks.storage.copies import Copies
from tasks.threads import several_threads

AT_ONCE = 1024  # pairs registered at a time: with fewer, many files are opened for few copies each
IN_CACHE = 16  # the same for copies of full size: with more, threads release and allocate memory each time
GOES_ON = 0.65  # agreement of small copies below which a pair is ruled out
# A window with a third of its structure in one picture only allows 0.99; with more, a pair is not near-identical.
UNSHARED, BELOW = 0.03, NEAR_IDENTICAL - 0.0001
TEXTURED = 0.12  # share of an image that needs texture to make a pair certain


def agreements(first: Copies, second: Copies, mirrored: bool = False) -> Floats:
    """Return the agreement of each pair of photographs, float64 (n,), with the first of each mirrored or not.

    It is rounded to 1e-4, and negative if it proves little. If small copies rule a pair out, it is their agreement.
    """

    def decide(start: int) -> Floats:
        some = slice(start, start + AT_ONCE)
        one, two = first.take(some), second.take(some)
        pictures = one.read()[:, :, ::-1] if mirrored else one.read(), two.read()
        found = _both_ways(*pictures, np.minimum(one.texture, two.texture))
        for side, (own, other) in enumerate(((one, two), (two, one))):
            shape = own.aspect / other.aspect
            there = np.flatnonzero(are_trimmed(shape, own.framed))
            seen = [each[there] for each in pictures]
            seen[side] = seen_through(seen[side], middles(seen[side], own.framed[there], shape[there]))
            share = np.minimum(textured(seen[side].astype(np.float32)), other.texture[there])
            found[there] = _higher(found[there], _both_ways(seen[0], seen[1], share))
        alike = ~are_trimmed(one.aspect / two.aspect)  # in pictures of other shapes, colours have other places
        found[(found >= LOWEST) & alike & differ_in_colour(one.colours, two.colours, mirrored)] *= -1
        return found

    with several_threads() as pool:
        parts = list(pool.map(decide, range(0, len(first), AT_ONCE)))
    return np.trunc(np.concatenate([np.empty(0), *parts]) * 10_000) / 10_000


def similarity_of(one: Images, two: Images) -> Floats:
    """Return the measured similarity of pairs of images, float64 (n,), whether they were candidates or not.

    It is negative for photographs whose agreement proves little.
    """
    found = np.ones(len(one))
    differ = np.flatnonzero((one.digests != two.digests).any(axis=1))
    if one.copies and two.copies:
        found[differ] = agreements(one.copies.take(differ), two.copies.take(differ))
        return found
    shared = shared_bits(one.patterns.words, two.patterns.words, differ, differ)
    a, b = one.patterns.counts[differ], two.patterns.counts[differ]
    found[differ] = np.where((a > 0) & (b > 0), similarity(a, b, shared, one.patterns.length), 0.0)
    return found


def _higher(one: Floats, other: Floats) -> Floats:
    """Return the higher agreement of each pair: one of a duplicate before an uncertain one, and this before others."""
    high, low = np.maximum(one, other), np.minimum(one, other)
    return np.where((high < LOWEST) & (low < 0), low, high)


def _both_ways(first: Gray, second: Gray, share: Pixels) -> Floats:
    """Return the agreement of each pair of copies, aligned the other way as well if that may change the verdict."""
    found = _decided(first, second, share)
    rest = np.flatnonzero(found < NEAR_IDENTICAL)
    found[rest] = _higher(found[rest], _decided(second[rest], first[rest], share[rest]))
    return found


def _decided(first: Gray, second: Gray, share: Pixels) -> Floats:
    """Return the agreement of each pair of copies, negative if `share`, the smaller one with texture, proves little."""
    small_one, small_two = quartered(first), quartered(second)
    maps = register_coarsely(small_one, small_two)
    agreed = agreement(overlay(small_one, small_two, maps, smooth=False))
    found = np.maximum(agreed, 0).astype(np.float64)  # a negative one would mean that it proves little
    on = np.flatnonzero(found >= GOES_ON)
    for start in range(0, len(on), IN_CACHE):
        some = on[start : start + IN_CACHE]
        one, two = equally_sharp(first[some].astype(np.float32), second[some].astype(np.float32))
        laid = overlay(one, two, register_finely(one, two, maps[some]))
        found[some] = np.maximum(agreement(laid), 0)
        near = np.flatnonzero(found[some] >= NEAR_IDENTICAL)
        most = 1 - UNSHARED * unshared(Overlaid(laid.first[near], laid.second[near], laid.inside[near]))
        found[some[near]] = np.minimum(found[some[near]], np.maximum(most, BELOW))
    found[(found >= LOWEST) & (share < TEXTURED)] *= -1
    return found
