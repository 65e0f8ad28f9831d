"""Groups inside one set: against brute force, at every threshold, with chains, equal rows and rows without bits."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.joined import groups_of
from tasks.overlap import join as joining
from tasks.overlap.groups import Grouped
from tasks.overlap.minhash import Bands
from tasks.overlap.pairs import Pairs, gathered, in_order, spanning, that_matter
from tasks.overlap.patterns import whole_percent
from tasks.vocabulary import Chains
from tests.overlap.engine import glyph_split, measure
from tests.real import read_gray

LENGTH = 784


def families(count: int, seed: int) -> np.ndarray:
    """Return glyphs that come in families: each is a few bits away from another one before it, or is new."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, LENGTH), dtype=np.uint8)
    for row in range(1, count):
        if rng.random() < 0.8:
            bits[row] = bits[rng.integers(max(0, row - 12), row)]
            flipped = rng.choice(LENGTH, rng.integers(0, 30), replace=False)
            bits[row, flipped] ^= 1
    bits[:4] = 0
    return bits


def brute_similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the two-sided Jaccard similarity of all pairs, by its definition; two empty sets are equal."""
    sides = []
    for a, b in ((one, other), (1 - one, 1 - other)):
        shared = a.astype(float) @ b.astype(float).T
        union = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - shared
        sides.append(np.divide(shared, union, out=np.ones_like(shared), where=union > 0))
    return np.minimum(*sides)


def groups_by_brute_force(bits: np.ndarray, percent: int, same: np.ndarray | None = None) -> np.ndarray:
    similar = brute_similarity(bits, bits)
    said = bits.max(axis=1) > 0
    near = (whole_percent(similar) >= percent) & said[:, None] & said[None, :]
    same = np.unique(bits, axis=0, return_inverse=True)[1] if same is None else same
    near |= same[:, None] == same[None, :]
    return connected_components(coo_array(near), directed=False)[1]


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = np.unique(np.stack([one, other], axis=1), axis=0)
    return len(pairs) == len(np.unique(one)) == len(np.unique(other))


def grouped(
    folder: Path,
    bits: np.ndarray,
    percent: int = 95,
    chains: Chains = "keep",
    digests: np.ndarray | None = None,
    bands: Bands | None = None,
) -> Grouped:
    keys = [] if digests is None else [int(key).to_bytes(16) for key in digests]
    split = glyph_split(folder, "train", bits, digests=keys)
    return measure(folder, split, split, "ink", asked=percent / 100, bands=bands).groups(chains)


def partition(found: Grouped, count: int) -> np.ndarray:
    """Return the group of every row; rows in none have one of their own."""
    group = np.arange(count, 2 * count)
    group[found.row] = found.group
    return group


@pytest.mark.parametrize("percent", [90, 93, 95, 97, 99])
@pytest.mark.parametrize("bands", [None, Bands(48, 2, seed=1)])
def test_groups_are_those_of_all_pairs_at_every_threshold(
    percent: int, bands: Bands | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bits = families(250, seed=percent)
    monkeypatch.setattr(joining, "AFFORDABLE", -1 if bands else np.inf)
    for size in (1000, 100):
        monkeypatch.setattr(joining, "SLICE", size)
        found = grouped(tmp_path, bits, percent, bands=bands)
        assert same_partition(partition(found, 250), groups_by_brute_force(bits, percent))


@pytest.mark.parametrize("name", ["notmnist_real_5k", "openfonts_small"])
@pytest.mark.parametrize("percent", [90, 95])
def test_groups_of_real_glyphs_are_those_of_all_pairs(shared: Path, tmp_path: Path, name: str, percent: int) -> None:
    images = read_gray(shared / "data" / f"{name}.tar.gz")[::3]
    flat = images.reshape(len(images), -1)
    bits, digests = (flat > 127).astype(np.uint8), np.unique(flat, axis=0, return_inverse=True)[1]
    found = partition(grouped(tmp_path, bits, percent, digests=digests), len(bits))
    assert same_partition(found, groups_by_brute_force(bits, percent, digests))
    assert len(np.unique(found)) < 0.99 * len(found), "there is something to find"


@pytest.mark.parametrize("chains", ["keep", "cut"])
@pytest.mark.parametrize("seed", range(4))
def test_a_row_that_goes_has_a_duplicate_that_stays_and_none_that_stay_are_duplicates(
    seed: int, chains: Chains, tmp_path: Path
) -> None:
    bits = families(300, seed)
    found, similar = grouped(tmp_path, bits, chains=chains), brute_similarity(bits, bits)
    stays, goes = found.row[found.twin == found.row], found.row != found.twin
    assert np.isin(found.twin, stays).all()
    assert np.allclose(similar[found.row[goes], found.twin[goes]], found.similarity[goes])
    assert (whole_percent(found.similarity[goes]) >= 95).all()
    assert (found.twin[goes] < found.row[goes]).all(), "the first by id is preferred"
    among = whole_percent(similar[np.ix_(stays, stays)]) >= 95
    said = bits[stays].max(axis=1) > 0
    assert (among & said[:, None] & said[None, :]).sum() == said.sum(), "each is only a duplicate of itself"


@pytest.mark.parametrize("seed", range(4))
def test_chains_are_cut_into_groups_in_which_one_row_stays(seed: int, tmp_path: Path) -> None:
    bits = families(300, seed)
    kept, cut = grouped(tmp_path, bits), grouped(tmp_path, bits, chains="cut")
    assert cut.chains == kept.chains == len(np.unique(kept.group[kept.chain])) > 0
    stays = cut.row == cut.twin
    assert np.bincount(cut.group[stays]).tolist() == [1] * (cut.group.max() + 1)
    assert (np.bincount(cut.group) > 1).all(), "an isolated row is in no group"
    leader = dict(zip(cut.group[stays].tolist(), cut.row[stays].tolist(), strict=True))
    assert [leader[group] for group in cut.group.tolist()] == cut.twin.tolist()
    goes = set(cut.row[~stays].tolist())
    assert goes == set(kept.row[kept.row != kept.twin].tolist()), "cutting a chain removes no more"
    assert set(cut.row[cut.chain].tolist()) <= set(kept.row[kept.chain].tolist())
    before = dict(zip(kept.row.tolist(), kept.weakest.tolist(), strict=True))
    assert [before[row] for row in cut.row.tolist()] == cut.weakest.tolist()


def test_a_chain_is_marked_and_loses_what_it_may(tmp_path: Path) -> None:
    bits = np.zeros((5, LENGTH), np.uint8)
    for row in range(5):  # each is near the next one, and the ends are not
        bits[row, 8 * row : 8 * row + 400] = 1
    kept, cut = grouped(tmp_path, bits), grouped(tmp_path, bits, chains="cut")
    assert set(kept.group.tolist()) == {0}
    assert kept.chain.all()
    assert kept.row[kept.twin == kept.row].tolist() == [0, 2, 4]
    assert [cut.row[cut.group == group].tolist() for group in range(2)] == [[0, 1], [2, 3]]
    assert (kept.chains, cut.chains) == (1, 1)
    assert kept.weakest.tolist() == [pytest.approx(376 / 392)] * 5
    assert len(grouped(tmp_path, bits, 97).row) == 0, "above its weakest link the chain falls apart"


def test_a_group_without_a_chain_is_none(tmp_path: Path) -> None:
    bits = np.repeat(families(20, seed=1)[10:11], 6, axis=0)
    bits[2, :3] ^= 1
    found = grouped(tmp_path, bits)
    assert not found.chain.any()
    assert found.exact.sum() == 5
    assert (found.twin == 0).all()


def test_equal_bits_of_different_images_are_near_and_rows_without_bits_only_identical(tmp_path: Path) -> None:
    bits = np.zeros((6, LENGTH), np.uint8)
    bits[:2, :300] = 1
    found = grouped(tmp_path, bits, digests=np.array([1, 2, 3, 3, 4, 5]))
    assert found.row.tolist() == [0, 1, 2, 3]
    assert found.exact.tolist() == [True, False, True, True]


@pytest.mark.parametrize("seed", range(3))
def test_a_forest_of_pairs_in_pieces_joins_what_all_pairs_join(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.overlap.pairs.GATHERED", 50)
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 100, (2, 600))
    every = in_order(Pairs(first, second, rng.integers(80, 101, 600) / 100), within=True)
    labels = rng.integers(0, 3, 100)
    pieces = [every.where(np.arange(start, min(start + 40, len(every.first)))) for start in range(0, 600, 40)]
    kept = [
        gathered(some, lambda pairs: that_matter(pairs, (labels, labels), within=True))
        for some in (pieces, pieces[::-1])
    ]
    assert all(map(np.array_equal, *kept)), "the order of pieces does not matter"
    assert len(spanning(every, 100)) < 100
    for percent in range(80, 101):
        one, other = (
            groups_of(100, [(some.first[at], some.second[at])])
            for some in (kept[0], every)
            if len(at := np.flatnonzero(whole_percent(some.similarity) >= percent)) >= 0
        )
        assert np.array_equal(one, other)
