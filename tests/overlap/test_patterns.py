from fractions import Fraction
from math import floor

import numpy as np
import pytest

from tasks.overlap.patterns import Patterns, least_shared, shared_bits, similarity, whole_percent


def two_sided(a: int, b: int, shared: int, length: int) -> Fraction:
    def jaccard(both: int, either: int) -> Fraction:
        return Fraction(both, either) if either else Fraction(1)

    return min(jaccard(shared, a + b - shared), jaccard(length - a - b + shared, length - shared))


@pytest.mark.parametrize("length", [8, 13])
@pytest.mark.parametrize("percent", [1, 50, 85, 90, 95, 99, 100])
def test_the_table_settles_every_possible_pair_as_fractions_do(length: int, percent: int) -> None:
    table = least_shared(percent, length)
    for a in range(length + 1):
        for b in range(length + 1):
            for shared in range(max(0, a + b - length), min(a, b) + 1):
                assert (shared >= table[a + b]) == (two_sided(a, b, shared, length) >= Fraction(percent, 100))


def test_similarity_and_whole_percent_are_those_of_the_fractions_for_784_bits() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 785, (2, 20_000))
    low, high = np.maximum(0, a + b - 784), np.minimum(a, b)
    shared = high - rng.integers(0, 30, len(a)) % (high - low + 1)
    found = similarity(a, b, shared, 784)
    percents = whole_percent(found)
    for k in range(len(a)):
        truth = two_sided(int(a[k]), int(b[k]), int(shared[k]), 784)
        assert found[k] == float(truth)
        assert percents[k] == floor(100 * truth)


def test_counts_and_shared_bits_are_those_of_the_unpacked_patterns() -> None:
    rng = np.random.default_rng(1)
    patterns = rng.random((50, 100)) < rng.random((50, 1))
    found = Patterns.of(np.packbits(patterns, axis=1), 100)
    assert found.counts.tolist() == patterns.sum(axis=1).tolist()
    i, j = rng.integers(0, 50, (2, 500))
    assert shared_bits(found.words, found.words, i, j).tolist() == (patterns[i] & patterns[j]).sum(axis=1).tolist()
