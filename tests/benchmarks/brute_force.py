"""The truth: every pair compared, by a blocked matrix product and integer arithmetic.

It shares no code with the engine, so that an error in one shows against the other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 2000


@dataclass(frozen=True)
class Truth:
    """At one threshold: near pairs, and per row of both sides whether it has a twin, and one of another class."""

    pairs: int
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]
    first_other: NDArray[np.bool_]
    second_other: NDArray[np.bool_]


def compare_all(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    percents: list[int],
    first_classes: NDArray[np.int64],
    second_classes: NDArray[np.int64],
) -> dict[int, Truth]:
    """Compare every row of one set of patterns, bool (n, length), with every row of another, at whole percents."""
    length = first.shape[1]
    sizes = (len(first), len(second), len(first), len(second))
    found = {percent: [np.zeros(n, np.bool_) for n in sizes] for percent in percents}
    pairs = dict.fromkeys(percents, 0)
    there = second.astype(np.float32)
    b = second.sum(axis=1, dtype=np.int64)[None, :]
    for start in range(0, len(first), BLOCK):
        rows = slice(start, start + BLOCK)
        shared = (first[rows].astype(np.float32) @ there.T).astype(np.int64)
        a = first[rows].sum(axis=1, dtype=np.int64)[:, None]
        union, off_shared, off_union = a + b - shared, length - (a + b - shared), length - shared
        other = first_classes[rows][:, None] != second_classes[None, :]
        for percent, record in found.items():
            near = (100 * shared >= percent * union) & (100 * off_shared >= percent * off_union)
            pairs[percent] += int(near.sum())
            record[0][rows] |= near.any(axis=1)
            record[1] |= near.any(axis=0)
            record[2][rows] |= (near & other).any(axis=1)
            record[3] |= (near & other).any(axis=0)
    return {percent: Truth(pairs[percent], *record) for percent, record in found.items()}
