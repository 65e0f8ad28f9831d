from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.overlap import candidates as module
from tasks.overlap import patterns
from tasks.overlap.candidates import Signed, lsh_pairs, met
from tasks.overlap.complete import complete_pairs
from tasks.overlap.minhash import choose_bands
from tasks.overlap.patterns import Patterns, Shared, least_shared

BANDS = choose_bands(128, 90, 0.99)


def near_equal(count: int, seed: int, length: int = 784, flips: int = 4) -> Patterns:
    """Return distinct variants of one pattern with a few flipped bits each."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(0).random(length) < 0.3
    bits = np.tile(base, (count, 1))
    bits[np.repeat(np.arange(count), flips), rng.integers(0, length, count * flips)] ^= True
    return Patterns.of(np.packbits(bits, axis=1), length)


def of_many_counts(count: int, seed: int) -> Patterns:
    """Return variants of one pattern that lack more and more of its bits."""
    rng = np.random.default_rng(seed)
    bits = np.tile(np.random.default_rng(0).random(784) < 0.3, (count, 1))
    bits &= rng.random((count, 784)) > np.linspace(0, 0.2, count)[:, None]
    return Patterns.of(np.packbits(bits, axis=1), 784)


def pairs_of(stream: Iterator[Shared]) -> set[tuple[int, int]]:
    """Return the distinct pairs of a stream."""
    return {pair for pairs in stream for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}


def test_what_is_found_is_near_and_nearly_all_that_is() -> None:
    first, second = near_equal(300, 1), near_equal(200, 2)
    found, truth = pairs_of(lsh_pairs(first, second, 90, BANDS, seed=1)), pairs_of(complete_pairs(first, second, 90))
    assert found <= truth
    assert len(found) >= 0.99 * len(truth)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = near_equal(300, 1), near_equal(200, 2)
    whole = pairs_of(lsh_pairs(first, second, 90, BANDS, seed=1))
    for name, value in (("CHUNK", 100), ("BLOCK", 7), ("AT_ONCE", 90)):
        monkeypatch.setattr(module, name, value)
    assert pairs_of(lsh_pairs(first, second, 90, BANDS, seed=1)) == whole


def test_a_bucket_too_large_to_compare_in_full_still_finds_a_twin_of_every_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = near_equal(3000, 1), near_equal(700, 2)
    monkeypatch.setattr(module, "HEAVY", 8)
    compared = counted(monkeypatch)
    found = pairs_of(lsh_pairs(first, second, 90, BANDS, seed=1))
    rows: NDArray[np.int64] = np.array(sorted(found))
    assert len(np.unique(rows[:, 0])) == 3000
    assert len(np.unique(rows[:, 1])) == 700
    most = 2 * BANDS.bands * (3000 * module.NEIGHBOURS + 700 * module.NEIGHBOURS)
    assert sum(compared) < most, "the work grows with the patterns, not with their square"


def test_pairs_that_their_numbers_of_bits_forbid_are_left_out_and_nothing_else_is() -> None:
    rows, others = of_many_counts(150, 1), of_many_counts(400, 2)
    first, second = (Signed.on("set", patterns, 80, BANDS, seed=1) for patterns in (rows, others))
    least = np.linspace(0.8, 1, len(rows))  # of each row another one
    need, left_out = least_shared(80, 784), 0
    for band in range(BANDS.bands):
        sides = first.sorted_by(band), second.sorted_by(band)
        near = pairs_of(met(*sides, need, np.full(len(rows), 0.01)))
        told = pairs_of(met(*sides, need, least))
        counts = {(i, j): sorted((int(rows.counts[i]), int(others.counts[j]))) for i, j in near}
        assert told == {(i, j) for (i, j), (fewer, more) in counts.items() if fewer / more >= least[i]}
        left_out += len(near - told)
    assert left_out > 1000


def test_which_buckets_are_heavy_and_what_is_found_there_does_not_depend_on_what_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HEAVY", 1)
    rows, others = of_many_counts(150, 1), of_many_counts(400, 2)
    first, second = (Signed.on("set", patterns, 80, BANDS, seed=1).sorted_by(0) for patterns in (rows, others))
    monkeypatch.setattr(module, "NEIGHBOURS", 400)  # all, so that what is light and pruned is all that may be missing
    heavy = {int(row) for part, _ in module._heavy_buckets(first, second) for row in first.rows[part]}
    assert 50 < len(heavy) <= 150
    need = least_shared(80, 784)
    found = [pairs_of(met(first, second, need, np.full(len(rows), least))) for least in (0.8, 0.99)]
    in_heavy = [{pair for pair in some if pair[0] in heavy} for some in found]
    assert in_heavy[0] == in_heavy[1] != set()


def test_fewer_pairs_are_compared_where_more_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, others = of_many_counts(150, 1), of_many_counts(400, 2)
    first, second = (Signed.on("set", patterns, 80, BANDS, seed=1).sorted_by(0) for patterns in (rows, others))
    compared = counted(monkeypatch)
    numbers = []
    for least in (0.8, 0.97):
        list(met(first, second, least_shared(80, 784), np.full(len(rows), least)))
        numbers.append(sum(compared))
        del compared[:]
    assert 0 < numbers[1] < 0.7 * numbers[0]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let `module` count the pairs that it compares."""
    compared: list[int] = []
    verify = patterns.verified

    def counting(*arguments: object) -> object:
        compared.append(len(arguments[2]))  # type: ignore[arg-type]
        return verify(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "verified", counting)
    return compared
