from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.overlap import candidates as module
from tasks.overlap import patterns
from tasks.overlap.candidates import lsh_pairs
from tasks.overlap.complete import complete_pairs
from tasks.overlap.minhash import Bands
from tasks.overlap.patterns import Patterns, Shared

BANDS = Bands(12, 10, seed=1)


def near_equal(count: int, seed: int, length: int = 784, flips: int = 4) -> Patterns:
    """Return distinct variants of one pattern with a few flipped bits each."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(0).random(length) < 0.3
    bits = np.tile(base, (count, 1))
    bits[np.repeat(np.arange(count), flips), rng.integers(0, length, count * flips)] ^= True
    return Patterns.of(np.packbits(bits, axis=1), length)


def pairs_of(stream: Iterator[Shared]) -> set[tuple[int, int]]:
    """Return the distinct pairs of a stream."""
    return {pair for pairs in stream for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}


def test_what_is_found_is_near_and_nearly_all_that_is() -> None:
    first, second = near_equal(300, 1), near_equal(200, 2)
    found, truth = pairs_of(lsh_pairs(first, second, 90, BANDS)), pairs_of(complete_pairs(first, second, 90))
    assert found <= truth
    assert len(found) >= 0.99 * len(truth)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = near_equal(150, 1), near_equal(120, 2)
    whole = pairs_of(lsh_pairs(first, second, 90, BANDS))
    for name, value in (("CHUNK", 100), ("BLOCK", 7), ("AT_ONCE", 90)):
        monkeypatch.setattr(module, name, value)
    assert pairs_of(lsh_pairs(first, second, 90, BANDS)) == whole


@pytest.mark.whole
def test_a_bucket_too_large_to_compare_in_full_still_finds_a_twin_of_every_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = near_equal(3000, 1), near_equal(700, 2)
    monkeypatch.setattr(module, "HEAVY", 8)
    compared = counted(monkeypatch)
    found = pairs_of(lsh_pairs(first, second, 90, BANDS))
    rows: NDArray[np.int64] = np.array(sorted(found))
    assert len(np.unique(rows[:, 0])) == 3000
    assert len(np.unique(rows[:, 1])) == 700
    assert sum(compared) < 3000 * 700 / 2, "the work grows with the patterns, not with their square"


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let `module` count the pairs that it compares."""
    compared: list[int] = []
    verify = patterns.verified

    def counting(*arguments: object) -> object:
        compared.append(len(arguments[2]))  # type: ignore[arg-type]
        return verify(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "verified", counting)
    return compared
