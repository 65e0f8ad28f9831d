"""Find the map that aligns two photographs best."""

from collections.abc import Sequence

import numpy as np

from tasks.arrays import Floats, Gray, Pixels
from tasks.registration.agreement import agreement, overlay
from tasks.registration.align import register
from tasks.registration.forms import are_framed, middles, seen_through, windows


def best_maps(copies: Sequence[Gray], aspects: Sequence[Pixels]) -> Pixels:
    """Return the maps, float32 (n, 2, 3), from first copies to second ones, uint8 (n, 64, 64), given their aspects.

    Wholes are aligned, then the middle or the inside of the bars of either; the highest agreement counts.
    """
    shape = aspects[0] / aspects[1]
    given = zip(copies, (shape, 1 / shape), strict=True)
    middle = [middles(each, are_framed(windows(each)), relative) for each, relative in given]
    whole = np.tile([1.0, 1.0, 0.0, 0.0], (len(shape), 1))
    maps, agreed = [], []
    for through in ((whole, whole), (middle[0], whole), (whole, middle[1])):
        seen = [seen_through(*each).astype(np.float32) for each in zip(copies, through, strict=True)]
        found = register(seen[0], seen[1])
        agreed.append(agreement(overlay(seen[0], seen[1], found)))
        maps.append(_between_wholes(found, *through))
    return np.stack(maps)[np.argmax(agreed, axis=0), np.arange(len(shape))]


def _between_wholes(maps: Pixels, one: Floats, two: Floats) -> Pixels:
    """Return maps between whole images, given maps between their parts in windows, float64 (n, 4)."""
    within = maps * two[:, :2, None]
    turned = within[:, :, :2] / one[:, None, :2]
    shift = within[:, :, 2] + two[:, 2:] - (turned * one[:, None, 2:]).sum(axis=2)
    return np.concatenate([turned, shift[:, :, None]], axis=2).astype(np.float32)
