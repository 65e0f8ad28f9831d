"""All pairs, by the kernel and by numpy: exactly the pairs of the definition, whatever structure the patterns share."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks import kernel
from tasks.arrays import Mask
from tasks.overlap import complete
from tasks.overlap.complete import complete_pairs, cost_of_a_pair
from tasks.overlap.patterns import Patterns, least_shared

pytestmark = pytest.mark.usefixtures("each_engine")

N = 784
Sets = tuple[Mask, Mask]


def changed(patterns: Mask, flips: int, rng: np.random.Generator) -> Mask:
    """Return the patterns with `count` changed bits each."""
    copies = patterns.copy()
    for copy in copies:
        copy[rng.choice(copy.size, flips, replace=False)] ^= True
    return copies


def shared_template(rng: np.random.Generator) -> Sets:
    """One form, filled in differently; half of the second set are twins of the first."""
    template = rng.random(N) < 0.3
    first = np.tile(template, (700, 1)) | (rng.random((700, N)) < 0.08)
    second = np.tile(template, (400, 1)) | (rng.random((400, N)) < 0.08)
    second[:200] = changed(first[:200], 6, rng)
    return first, second


def common_mark(rng: np.random.Generator) -> Sets:
    """Twins that differ by the same dozen bits in every pair: a mark, put where it hurts any fixed choice of bits."""
    first = rng.random((600, N)) < 0.35
    first[:, :12] = False
    second = first[:300].copy()
    second[:, :12] = True
    return first, second


def bars_and_blocks(rng: np.random.Generator) -> Sets:
    patterns = np.zeros((500, 28, 28), np.bool_)
    for image in patterns:
        top, left = rng.integers(0, 20, 2)
        image[top : top + rng.integers(4, 9), left : left + rng.integers(4, 9)] = True
    flat = patterns.reshape(500, N)
    return flat[:300], flat[300:]


def near_equal(rng: np.random.Generator) -> Sets:
    """Variants of one glyph, all of them twins of each other."""
    base = np.tile(rng.random(N) < 0.4, (400, 1))
    return changed(base, 5, rng), changed(base[:300], 5, rng)


def blank_and_full(rng: np.random.Generator) -> Sets:
    plain = np.zeros((2, N), np.bool_)
    plain[1] = True
    few = np.repeat(plain, 5, axis=0)
    return np.concatenate([plain, changed(few, 1, rng)]), np.concatenate([plain, changed(few, 2, rng)])


def unstructured(rng: np.random.Generator) -> Sets:
    """Noise, of which few axes show little, sparse and dense."""
    first = rng.random((500, N)) < rng.choice([0.05, 0.5, 0.95], (500, 1))
    return first, changed(first[:200], 8, rng)


KINDS = [shared_template, common_mark, bars_and_blocks, near_equal, blank_and_full, unstructured]


def brute_force(first: Mask, second: Mask, percent: int) -> set[tuple[int, int]]:
    shared = first.astype(np.float32) @ second.astype(np.float32).T  # whole numbers, in a hundredth of the time
    need = least_shared(percent, first.shape[1])[first.sum(axis=1)[:, None] + second.sum(axis=1)]
    return set(zip(*(rows.tolist() for rows in np.nonzero(shared >= need)), strict=True))


def found(first: Mask, second: Mask, percent: int) -> list[tuple[int, int]]:
    sides = [Patterns.of(np.packbits(side, axis=1), side.shape[1]) for side in (first, second)]
    stream = complete_pairs(sides[0], sides[1], percent)
    return [pair for pairs in stream for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)]


@pytest.mark.parametrize("percent", [60, 90, 95, 100])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_pairs_are_those_of_brute_force_each_once(kind: Callable[[np.random.Generator], Sets], percent: int) -> None:
    first, second = kind(np.random.default_rng(0))
    pairs = found(first, second, percent)
    truth = brute_force(first, second, percent)
    assert len(pairs) == len(set(pairs)) == len(truth)
    assert set(pairs) == truth
    assert truth or percent > 90 or kind is bars_and_blocks


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_how_tiles_are_cut_changes_nothing(
    kind: Callable[[np.random.Generator], Sets], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = kind(np.random.default_rng(1))
    whole = sorted(found(first, second, 90))
    for name, value in (("ROWS", 37), ("COLUMNS", 53), ("STRIP", 5)):
        monkeypatch.setattr(complete, name, value)
    assert sorted(found(first, second, 90)) == whole


@pytest.mark.parametrize("length", [1, 9, 64, 65, 1000, 5000])
def test_patterns_of_any_length_and_empty_sets_will_do(length: int) -> None:
    rng = np.random.default_rng(length)
    first, second = rng.random((30, length)) < 0.5, rng.random((20, length)) < 0.5
    assert set(found(first, second, 80)) == brute_force(first, second, 80)
    assert found(first[:0], second, 80) == found(first, second[:0], 80) == []


def test_a_set_of_copies_costs_more_than_one_of_other_things() -> None:
    rng = np.random.default_rng(0)
    copies, others = (Patterns.of(np.packbits(side, axis=1), N) for side in (near_equal(rng)[0], unstructured(rng)[0]))
    times = 50 if kernel.functions else 5  # numpy takes longer for any pair
    assert cost_of_a_pair(copies, copies, 90) > times * cost_of_a_pair(others, others, 90) > 0
