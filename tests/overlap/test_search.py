"""Which method a search uses, and what it says of MinHash."""

import numpy as np
import pytest

from tasks.overlap import search
from tasks.overlap.bands import choose_bands
from tasks.overlap.find import Search, Side, find_twins
from tasks.overlap.minhash import hash_table
from tasks.overlap.recall import interval
from tasks.overlap.search import search_twins
from tasks.vocabulary.arrays import Mask

N, BANDS = 784, choose_bands(128, 90, 0.99)
HOW = Search(N, 90, BANDS, seed=1)


def side(patterns: Mask) -> Side:
    count = len(patterns)
    digests = np.random.default_rng(count).integers(0, 256, (count, 16), np.uint8)  # no two are the same image
    return Side(digests, np.packbits(patterns, axis=1), np.zeros(count, np.int64), np.arange(count))


@pytest.fixture
def marked() -> tuple[Side, Side]:
    """Test rows that are train rows and the same bits: in each band one that comes first in the order of its hashes."""
    rng = np.random.default_rng(0)
    train = rng.random((3000, N)) < 0.35
    positions = hash_table(N, BANDS.bands * BANDS.rows, seed=1)[:: BANDS.rows].argmin(axis=1)
    train[:, positions] = False
    test = train[:600].copy()
    test[:, positions] = True
    return side(train), side(test)


def test_all_pairs_are_compared_and_what_minhash_alone_misses_is_counted(marked: tuple[Side, Side]) -> None:
    found = search_twins(*marked, HOW)
    assert found.method == "all pairs"
    assert (found.of_second.row == np.arange(600)).all()
    assert (found.of_second.count == 1).all()
    assert found.recall is not None
    true, named = found.recall.at(90)
    assert true == 1200, "600 rows on both sides have a near twin"
    assert named == 0, "the mark was made for these hash positions"


def test_another_seed_finds_what_a_mark_hides_from_one(marked: tuple[Side, Side]) -> None:
    shares = [(find_twins(*marked, Search(N, 90, BANDS, seed))[1].row >= 0).mean() for seed in (1, 2, 3)]
    assert shares[0] == 0
    assert min(shares[1:]) > 0.99


def test_a_search_that_misses_more_than_it_states_falls_back_to_all_pairs(
    marked: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ALWAYS_UP_TO", 0)
    monkeypatch.setattr(search, "AFFORDABLE", 0)
    found = search_twins(*marked, HOW)
    assert (found.method, found.contradicted) == ("all pairs", True)
    assert (found.of_second.row == np.arange(600)).all()
    monkeypatch.setattr(search, "AFFORDABLE_IN_NEED", 0)
    lost = search_twins(*marked, HOW)
    assert (lost.method, lost.contradicted) == ("minhash", True)
    assert (lost.of_second.row < 0).all()
    assert lost.recall is not None
    assert lost.recall.rows == 500


def test_a_search_that_keeps_what_it_states_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    train = rng.random((2000, N)) < 0.35
    test = train[:800] & (rng.random((800, N)) < 0.985)
    monkeypatch.setattr(search, "ALWAYS_UP_TO", 0)
    monkeypatch.setattr(search, "AFFORDABLE", 0)
    found = search_twins(side(train), side(test), HOW)
    assert (found.method, found.contradicted) == ("minhash", False)
    assert found.recall is not None
    true, named = found.recall.at(90)
    low, high = interval(true, named)
    assert true > 300
    assert low <= found.stated <= high


def test_without_bands_minhash_is_not_asked(marked: tuple[Side, Side]) -> None:
    found = search_twins(*marked, Search(N, 90))
    assert (found.method, found.recall, found.stated) == ("all pairs", None, 1.0)


def test_the_interval_of_a_recall_is_never_without_width() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    low, high = interval(500, 500)
    assert (round(low, 3), high) == (0.993, 1.0)
    low, high = interval(1, 0)
    assert (low, round(high, 3)) == (0.0, 0.975)
