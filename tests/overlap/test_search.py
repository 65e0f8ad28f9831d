"""Which method a search uses, and what it says of MinHash."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.overlap import join as joining
from tasks.overlap import search, tiles
from tasks.overlap.bands import choose_bands
from tasks.overlap.find import Search, Side, find_twins
from tasks.overlap.join import write_twins
from tasks.overlap.minhash import hash_table
from tasks.overlap.recall import RecallCounts, interval
from tasks.overlap.tables import SplitFingerprints
from tasks.overlap.tiles import Join
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.vocabulary.arrays import Mask

N, BANDS = 784, choose_bands(128, 90, 0.99)
HOW = Search(N, 90, BANDS, seed=1)


def side(patterns: Mask) -> Side:
    count = len(patterns)
    digests = np.random.default_rng(count).integers(0, 256, (count, 16), np.uint8)  # no two are the same image
    return Side(digests, np.packbits(patterns, axis=1), np.zeros(count, np.int64), np.arange(count))


def rows_of(side: Side) -> SplitFingerprints:
    ids = pa.array([str(number) for number in range(len(side))])
    return SplitFingerprints(ids, ids, ids, np.zeros(len(side), np.bool_), side, N, side.ranks)


@dataclass(frozen=True)
class Found:
    """Facts of a join, and its twins of the second set."""

    twins: pa.Table
    facts: dict[str, Any]

    @property
    def how(self) -> tuple[str, bool]:
        return self.facts["method"], self.facts["contradicted"]

    @property
    def recall(self) -> RecallCounts:
        return RecallCounts.from_json(self.facts["recall"])

    @property
    def twin(self) -> list[int]:
        """Row of each row's twin, -1 for none."""
        return [-1 if name is None else int(name) for name in self.twins["twin_id"].to_pylist()]


@pytest.fixture
def search_twins(tmp_path: Path) -> Callable[[Side, Side, Search], Found]:
    """Return what joins two sets."""

    def search(first: Side, second: Side, how: Search) -> Found:
        join = Join(("train", "test"), (rows_of(first), rows_of(second)), VIEWS["ink"], how)
        target = Place.of(tmp_path)
        facts = write_twins(join, (), target)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["test.parquet", "train.parquet"]
        return Found(tables.read(target / "test.parquet"), facts)

    return search


Searching = Callable[[Side, Side, Search], Found]


@pytest.fixture(params=["whole", "in tiles"])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Say whether sets are compared in tiles of 400 rows."""
    if request.param == "in tiles":
        monkeypatch.setattr(tiles, "SLICE", 400)
    return bool(request.param == "in tiles")


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


def test_all_pairs_are_compared_and_what_minhash_alone_misses_is_counted(
    search_twins: Searching, marked: tuple[Side, Side], *, cut: bool
) -> None:
    found = search_twins(*marked, HOW)
    assert found.how == ("all pairs", False)
    assert found.twin == list(range(600))
    assert set(found.twins["twins"].to_pylist()) == {1}
    true, named = found.recall.at(90)
    assert true == (800 if cut else 1200), (
        "all rows of test, on both sides, have a near twin; of tiles the first counts"
    )
    assert named == 0, "the mark was made for these hash positions"


def test_another_seed_finds_what_a_mark_hides_from_one(marked: tuple[Side, Side]) -> None:
    shares = [(find_twins(*marked, Search(N, 90, BANDS, seed))[1].row >= 0).mean() for seed in (1, 2, 3)]
    assert shares[0] == 0
    assert min(shares[1:]) > 0.99


def test_a_search_that_misses_more_than_it_states_falls_back_to_all_pairs(
    search_twins: Searching, marked: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch, *, cut: bool
) -> None:
    monkeypatch.setattr(search, "ALWAYS_UP_TO", 0)
    monkeypatch.setattr(search, "AFFORDABLE", 0)
    found = search_twins(*marked, HOW)
    assert found.how == ("all pairs", True)
    assert found.twin == list(range(600))
    monkeypatch.setattr(joining, "AFFORDABLE_IN_NEED", 0)
    lost = search_twins(*marked, HOW)
    assert lost.how == ("minhash", True)
    assert set(lost.twin) == {-1}
    assert lost.recall.rows == (8 * 500 if cut else 500), "a sampled row counts in each slice of train"


@pytest.mark.usefixtures("cut")
def test_a_search_that_keeps_what_it_states_is_not_repeated(
    search_twins: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    train = rng.random((2000, N)) < 0.35
    test = train[:800] & (rng.random((800, N)) < 0.985)
    monkeypatch.setattr(search, "ALWAYS_UP_TO", 0)
    monkeypatch.setattr(search, "AFFORDABLE", 0)
    found = search_twins(side(train), side(test), HOW)
    assert found.how == ("minhash", False)
    true, named = found.recall.at(90)
    low, high = interval(true, named)
    assert true > 300
    assert low <= found.facts["stated"] <= high


def test_without_bands_minhash_is_not_asked(search_twins: Searching, marked: tuple[Side, Side]) -> None:
    found = search_twins(*marked, Search(N, 90))
    assert (found.how, found.facts["recall"], found.facts["stated"]) == (("all pairs", False), None, 1.0)


def test_the_interval_of_a_recall_is_never_without_width() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    low, high = interval(500, 500)
    assert (round(low, 3), high) == (0.993, 1.0)
    low, high = interval(1, 0)
    assert (low, round(high, 3)) == (0.0, 0.975)
