"""Candidates inside bars: an image in a frame has other bits than the same one without."""

from dataclasses import replace

import numpy as np

from tasks.arrays import Bits, RowNumbers
from tasks.overlap.images import Images
from tasks.overlap.minhash import Bands
from tasks.overlap.nearest import NOTHING, Groups, Nearest
from tasks.overlap.patterns import Patterns
from tasks.overlap.prints import slices
from tasks.overlap.proposals import CANDIDATES, propose
from tasks.registration.forms import trimmed_form
from tasks.registration.views import BITS
from tasks.threads import several_threads

AT_ONCE = 1024  # images read at a time, in each thread
Framed = tuple[RowNumbers, Patterns]  # which images are framed, and their bits inside the bars


def framed(images: Images) -> Framed:
    """Return the framed images."""

    def made(some: range) -> Bits:
        return trimmed_form(images.gray.take(slice(some.start, some.stop)).read())

    with several_threads() as pool:
        bits = np.concatenate(list(pool.map(made, slices(len(images), AT_ONCE))))
    rows = np.flatnonzero(bits.any(axis=1))
    return rows, Patterns.of(bits[rows], BITS)


def inside_bars(
    images: Patterns, others: Framed, groups: Groups, bands: Bands | None, seed: int, count: int = CANDIDATES
) -> Nearest:
    """Return the candidates of images among framed ones, inside the bars; see `propose`."""
    rows, patterns = others
    found, _ = propose([images], patterns, (groups[0], groups[1][rows]), bands, seed, count)
    return replace(found, row=np.append(rows, NOTHING)[found.row])
