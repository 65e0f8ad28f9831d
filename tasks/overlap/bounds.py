"""Lower bounds on the number of bits in which two patterns differ, from their projections on a few axes.

The squared distance of the projections of two bit patterns onto any orthonormal axes is at most the number of bits d
in which they differ (Bessel's inequality). On the principal components of the patterns, a few dozen numbers show most
of d. Patterns with a and b set bits of a Jaccard similarity of at least s differ in at most

    d <= c (a + b)   with   c = (1 - s) / (1 + s)

bits. With the allowance folded into three more columns, one matrix product of that width judges a tile of pairs at a
fraction of the cost of all bits: it gives the squared distance less what is allowed, see `left` and `right`.
"""

import numpy as np

from tasks.arrays import Floats, Pixels
from tasks.overlap.patterns import Counts, Patterns

STEPS = 2  # of subspace iteration; more show less than a thousandth more of the variance of glyphs


def evenly(patterns: Patterns, most: int) -> Patterns:
    """Return up to so many of the patterns, evenly spaced."""
    return patterns[np.linspace(0, len(patterns) - 1, min(most, len(patterns))).astype(np.int64)]


def principal_axes(sample: Pixels, count: int) -> Pixels:
    """Return axes along which a sample, float32 (n, length), varies most, the most telling first.

    They are float32 (length, count), orthonormal whatever the sample; fewer where that has fewer rows or columns. Any
    orthonormal axes give true bounds, so a few steps of subspace iteration do, in a quarter of the time of an
    eigendecomposition (Halko, Martinsson and Tropp, Finding structure with randomness, 2011, algorithm 4.4).

    >>> axes = principal_axes(np.array([[0, 0], [0, 1], [0, 0]], np.float32), 1)
    >>> np.abs(axes).round(3).tolist()
    [[0.0], [1.0]]
    """
    centred = sample - sample.mean(axis=0)
    start = np.random.default_rng(0).standard_normal((len(sample), min(count, *sample.shape)), np.float32)
    axes, _ = np.linalg.qr(centred.T @ start)
    for _ in range(STEPS):
        axes, _ = np.linalg.qr(centred.T @ (centred @ axes))
    shown = centred @ axes
    _, turn = np.linalg.eigh(shown.T @ shown)
    ordered: Pixels = axes @ turn[:, ::-1]
    return ordered


def left(projected: Pixels, counts: Counts, allowed: Floats | float) -> Pixels:
    """Return the first factor, float32 (n, axes + 3); `allowed` is c, for each pattern or for all."""
    c = np.broadcast_to(allowed, len(counts))
    own = (projected.astype(np.float64) ** 2).sum(axis=1) - c * counts
    return np.column_stack([projected, np.ones(len(counts)), -c, own]).astype(np.float32)


def right(projected: Pixels, counts: Counts) -> Pixels:
    """Return the second factor, float32 (n, axes + 3)."""
    squares = (projected**2).sum(axis=1)
    return np.column_stack([-2 * projected, squares, counts, np.ones(len(counts))]).astype(np.float32)


def slack(length: int) -> float:
    """Return more than single precision can err by in a product of factors; pairs that pass are judged by integers."""
    return 0.5 + 2e-5 * length
