import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.overlap import meetings, patterns, signed
from tasks.overlap.bands import choose_bands
from tasks.overlap.candidates import lsh_pairs
from tasks.overlap.complete import complete_pairs
from tasks.overlap.jaccard import least_shared
from tasks.overlap.meetings import Meeting, met
from tasks.overlap.patterns import Patterns
from tasks.overlap.signed import Signed

BANDS = choose_bands(128, 90, 0.99)


def near_equal(count: int, seed: int, length: int = 784, flips: int = 4) -> Patterns:
    """Return distinct variants of one pattern with a few flipped bits each."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(0).random(length) < 0.3
    bits = np.tile(base, (count, 1))
    bits[np.repeat(np.arange(count), flips), rng.integers(0, length, count * flips)] ^= True
    return Patterns.of(np.packbits(bits, axis=1), length)


def pairs_of(stream: object) -> tuple[set[tuple[int, int]], int]:
    """Return the distinct pairs of a stream, and how many of them came as fresh."""
    found: set[tuple[int, int]] = set()
    fresh = 0
    for pairs in stream:  # type: ignore[attr-defined]
        found |= set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
        fresh += int(pairs.fresh.sum())
    return found, fresh


def test_every_pair_is_fresh_exactly_once_however_often_it_comes() -> None:
    first, second = near_equal(300, 1), near_equal(200, 2)
    found, fresh = pairs_of(lsh_pairs(first, second, 90, BANDS, seed=1))
    assert fresh == len(found)
    truth, _ = pairs_of(complete_pairs(first, second, 90))
    assert found <= truth
    assert len(found) >= 0.99 * len(truth)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = near_equal(300, 1), near_equal(200, 2)
    whole = pairs_of(lsh_pairs(first, second, 90, BANDS, seed=1))
    monkeypatch.setattr(meetings, "CHUNK", 100)
    monkeypatch.setattr(signed, "BLOCK", 7)
    assert pairs_of(lsh_pairs(first, second, 90, BANDS, seed=1)) == whole
    assert pairs_of(complete_pairs(first, second, 90))[1] == len(pairs_of(complete_pairs(first, second, 90))[0])


def test_a_bucket_too_large_to_compare_in_full_still_finds_a_twin_of_every_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = near_equal(3000, 1), near_equal(700, 2)
    monkeypatch.setattr(meetings, "HEAVY", 8)
    compared = counted(monkeypatch)
    found, _ = pairs_of(lsh_pairs(first, second, 90, BANDS, seed=1))
    rows: NDArray[np.int64] = np.array(sorted(found))
    assert len(np.unique(rows[:, 0])) == 3000
    assert len(np.unique(rows[:, 1])) == 700
    most = 2 * BANDS.bands * (3000 * meetings.NEIGHBOURS + 700 * meetings.NEIGHBOURS)
    assert sum(compared) < most, "the work grows with the patterns, not with their square"


@pytest.mark.parametrize("heavy", [128, 8])  # of the latter, buckets are not compared in full
def test_what_met_in_the_band_before_is_left_out_and_nothing_else(heavy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "HEAVY", heavy)
    first, second = (Signed.on("set", near_equal(n, n, flips=8), 80, BANDS, seed=1) for n in (150, 400))
    need = least_shared(80, 784)
    in_bands = [pairs_of(met(first, second, band, need))[0] for band in range(BANDS.bands)]
    compared = counted(monkeypatch)
    meeting = Meeting(first, second, need)
    told = [pairs_of(meeting.pairs(second.sorted_by(band)))[0] for band in range(BANDS.bands)]
    assert set().union(*told) == set().union(*in_bands)
    assert all(some <= whole for some, whole in zip(told, in_bands, strict=True))
    assert told[0] == in_bands[0]
    if heavy == 128:
        assert sum(map(len, told)) < 0.8 * sum(map(len, in_bands))
        assert sum(compared) < 0.8 * sum(map(len, in_bands))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let `meetings` count the pairs that it compares."""
    compared: list[int] = []
    verify = patterns.verified

    def counting(*arguments: object) -> object:
        compared.append(len(arguments[2]))  # type: ignore[arg-type]
        return verify(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(meetings, "verified", counting)
    return compared
