"""Decide candidate pairs of photographs on their gray copies: how far their gradients agree when one lies on the other.

Small copies refuse most pairs early. A pair of which little has texture is refused, too.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tasks.registration.agreement import agreement, overlay, textured
from tasks.registration.align import register_coarsely, register_finely
from tasks.registration.warp import halved
from tasks.storage.copies import Copies
from tasks.views.photo import LOWEST
from tasks.vocabulary.arrays import Floats, Gray

AT_ONCE = 128  # pairs that are registered at a time: 20 MB; part of the result's last bits
THREADS = 2
GOES_ON = 0.65  # agreement of small copies below which a pair is not looked at more closely
TEXTURED = 0.4  # share of a pair that must have texture for its agreement to mean anything
REFUSED = -1.0


def agreements(first: Copies, second: Copies, mirrored: bool = False) -> Floats:
    """Return how far each pair of photographs agrees.

    Parameters
    ----------
    first, second : Copies
        Of equal length.
    mirrored : bool
        Look at the first of each pair in a mirror.

    Returns
    -------
    ndarray
        float64 (n,), in ten thousandths: of pairs that small copies refuse, the agreement of those; -1 of a pair with
        too little texture.
    """

    def decide(start: int) -> Floats:
        part = np.arange(start, min(start + AT_ONCE, len(first)))
        one, two = first.take(part).read(), second.take(part).read()
        return _decided(one[:, :, ::-1] if mirrored else one, two)

    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(decide, range(0, len(first), AT_ONCE)))
    return np.concatenate([np.empty(0), *parts])


def _decided(first: Gray, second: Gray) -> Floats:
    one, two = first.astype(np.float32), second.astype(np.float32)
    small_one, small_two = halved(halved(one)), halved(halved(two))
    maps = register_coarsely(small_one, small_two)
    found = agreement(overlay(small_one, small_two, maps, smooth=False)).astype(np.float64)
    on = np.flatnonzero(found >= GOES_ON)
    if len(on):
        one, two = one[on], two[on]
        maps = register_finely(one, two, maps[on])
        laid = overlay(one, two, maps)
        found[on] = agreement(laid)
        high = np.flatnonzero(found[on] >= LOWEST)
        if len(high):
            smooth = textured(laid.where(high)) < TEXTURED
            found[on[high[smooth]]] = REFUSED
    return np.floor(found * 10_000) / 10_000
