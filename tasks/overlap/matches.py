"""The images of a searched split as input of a verdict, each with its best match."""

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Bits
from tasks.overlap.components import hanging, look_alikes_of
from tasks.overlap.images import SEVERAL, UNKNOWN
from tasks.overlap.join import Join
from tasks.overlap.pairs import Pairs
from tasks.overlap.threshold import NEAR_IDENTICAL
from tasks.storage import tables

MATCH = np.dtype(
    [
        ("best", "f8"),  # similarity of the best match that is not identical, 0 without one
        ("beyond", "f8"),  # agreement of look-alikes, see `look_alikes_of`
        ("chained", "?"),  # near-identity proves nothing
        ("identical", "?"),  # the other split has the same image
        ("other_class", "?"),  # the best match has another class
        ("rows", "i8"),  # number of rows with the image
        ("label", "i8"),
    ]
)
Matches = NDArray[np.void]  # of dtype `MATCH`


def matches_of(join: Join, pairs: Pairs, chained: Bits) -> Matches:
    """Return the matches of the searched images of a join; `chained` are digests, uint8 (n, 16)."""
    here, seen = join.searched, pairs.seen_from(join.searched, join.within)
    images, others = join.both[here], join.both[1 - here]
    found = np.zeros(len(images), MATCH)
    np.maximum.at(found["best"], seen.first, seen.similarity)
    if join.view.on_pixels:
        components = hanging(pairs.where(pairs.similarity >= NEAR_IDENTICAL), *join.both, join.within)
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
