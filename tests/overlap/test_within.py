"""Groups inside one set: against brute force, at every threshold, with chains, equal rows and rows without bits."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.joined import groups_of
from tasks.overlap.bands import Bands
from tasks.overlap.find import Side
from tasks.overlap.jaccard import whole_percent
from tasks.overlap.likeness import Likeness
from tasks.overlap.tables import SplitFingerprints
from tasks.overlap.within.forest import Forest, maximum_forest
from tasks.overlap.within.keeping import Duplicates, find_duplicates, find_groups
from tasks.overlap.within.search import Links, search_within, self_join
from tasks.views import VIEWS
from tasks.vocabulary import Chains, ViewName

LENGTH = 784


def fingerprints(
    bits: np.ndarray, labels: np.ndarray | None = None, digests: np.ndarray | None = None
) -> SplitFingerprints:
    """Return rows of glyphs from their bits, uint8 (n, 784); rows with equal bits are the same image, unless told."""
    count = len(bits)
    if digests is None:
        digests = np.unique(bits, axis=0, return_inverse=True)[1]
    wide = np.zeros((count, 16), np.uint8)
    wide[:, :4] = np.asarray(digests, np.uint32).view(np.uint8).reshape(-1, 4)
    labels = np.zeros(count, np.int64) if labels is None else labels
    side = Side(wide, np.packbits(bits, axis=1), labels, np.arange(count))
    names = pa.array([f"{number:05d}" for number in range(count)])
    return SplitFingerprints(names, names, names, np.zeros(count, np.bool_), side, LENGTH, side.ranks)


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
    """Return the two-sided Jaccard similarity of all pairs, by its definition; two empty sets are alike."""
    sides = []
    for a, b in ((one, other), (1 - one, 1 - other)):
        shared = a.astype(float) @ b.astype(float).T
        union = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - shared
        sides.append(np.divide(shared, union, out=np.ones_like(shared), where=union > 0))
    return np.minimum(*sides)


def groups_by_brute_force(bits: np.ndarray, percent: int) -> np.ndarray:
    similar = brute_similarity(bits, bits)
    said = bits.max(axis=1) > 0
    near = (whole_percent(similar) >= percent) & said[:, None] & said[None, :]
    same = np.unique(bits, axis=0, return_inverse=True)[1]
    near |= same[:, None] == same[None, :]
    return connected_components(coo_array(near), directed=False)[1]


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = np.unique(np.stack([one, other], axis=1), axis=0)
    return len(pairs) == len(np.unique(one)) == len(np.unique(other))


def duplicates(
    rows: SplitFingerprints, percent: int, chains: Chains = "keep", preferred: np.ndarray | None = None
) -> Duplicates:
    return found_within(rows, "ink", percent, chains=chains, preferred=preferred)


def found_within(
    rows: SplitFingerprints,
    view: ViewName,
    percent: int,
    bands: Bands | None = None,
    chains: Chains = "keep",
    preferred: np.ndarray | None = None,
) -> Duplicates:
    """Return the duplicates of a set, by the numbers of its rows."""
    join = self_join(rows, VIEWS[view], 90, bands, 1)
    groups = find_groups(rows.digests, join.distinct, search_within(join).forest, percent)
    members = rows.take(groups.row)
    order = np.arange(len(rows)) if preferred is None else preferred
    likeness = Likeness(members, members, join.view.on_pixels)
    found = find_duplicates(likeness, groups, percent, order[groups.row], chains)
    return replace(found, row=groups.row[found.row], twin=groups.row[found.twin])


@pytest.mark.parametrize("percent", [90, 93, 95, 97, 99])
@pytest.mark.parametrize("bands", [None, Bands(48, 2)])
def test_groups_are_those_of_all_pairs_at_every_threshold(percent: int, bands: Bands | None) -> None:
    bits = families(400, seed=percent)
    rows = fingerprints(bits)
    links = search_within(self_join(rows, VIEWS["ink"], 90, bands, 1))
    found = found_within(rows, "ink", percent, bands)
    group = np.arange(400, 800)
    group[found.row] = found.group
    assert same_partition(group, groups_by_brute_force(bits, percent))
    assert len(links.forest.first) < 400
    similar = brute_similarity(bits, bits)
    np.fill_diagonal(similar, 0)
    differ = np.unique(bits, axis=0, return_index=True)[1]
    assert len(links.best.similarity) == len(differ)


@pytest.mark.parametrize("seed", range(4))
def test_a_row_that_goes_has_a_twin_that_stays_and_none_that_stay_are_twins(seed: int) -> None:
    bits = families(300, seed)
    rows = fingerprints(bits)
    preferred = np.random.default_rng(seed).permutation(300)
    found = duplicates(rows, 95, preferred=preferred)
    similar = brute_similarity(bits, bits)
    stays = found.row[found.twin == found.row]
    goes = found.row != found.twin
    assert np.isin(found.twin, stays).all()
    assert np.allclose(similar[found.row[goes], found.twin[goes]], found.similarity[goes])
    assert (whole_percent(found.similarity[goes]) >= 95).all()
    assert (preferred[found.twin[goes]] < preferred[found.row[goes]]).all()
    among = whole_percent(similar[np.ix_(stays, stays)]) >= 95
    said = bits[stays].max(axis=1) > 0
    assert (among & said[:, None] & said[None, :]).sum() == said.sum(), "each is a twin of itself alone"


def chain_of(length: int) -> np.ndarray:
    """Return glyphs of which each is near the next one, and its ends are not."""
    bits = np.zeros((length, LENGTH), np.uint8)
    for row in range(length):
        bits[row, 8 * row : 8 * row + 400] = 1
    return bits


def test_a_chain_is_marked_and_loses_what_it_may() -> None:
    rows = fingerprints(chain_of(5))
    kept, cut = duplicates(rows, 95), duplicates(rows, 95, "cut")
    assert set(kept.group.tolist()) == {0}
    assert kept.chain.all()
    assert kept.row[kept.twin == kept.row].tolist() == [0, 2, 4]
    assert cut.row[cut.twin == cut.row].tolist() == [0]
    assert cut.chain.all()
    assert kept.weakest.tolist() == [pytest.approx(376 / 392)] * 5
    assert len(duplicates(rows, 97).row) == 0, "above its weakest link the chain falls apart"


def test_a_group_without_a_chain_is_none() -> None:
    bits = np.repeat(families(20, seed=1)[10:11], 6, axis=0)
    bits[2, :3] ^= 1
    found = duplicates(fingerprints(bits), 95)
    assert not found.chain.any()
    assert found.exact.sum() == 5
    assert (found.twin == 0).all()


def test_equal_bits_of_different_images_are_near_and_rows_without_bits_only_identical() -> None:
    bits = np.zeros((6, LENGTH), np.uint8)
    bits[:2, :300] = 1
    rows = fingerprints(bits, digests=np.array([1, 2, 3, 3, 4, 5]))
    found = duplicates(rows, 95)
    assert found.row.tolist() == [0, 1, 2, 3]
    assert found.exact.tolist() == [True, False, True, True]
    only = duplicates(rows, 101)
    assert only.row.tolist() == [2, 3]


def test_best_matches_are_those_of_all_pairs() -> None:
    bits = families(200, seed=9)
    labels = np.random.default_rng(0).integers(0, 3, 200)
    digests = np.unique(bits, axis=0, return_inverse=True)[1]
    links = search_within(self_join(fingerprints(bits, labels, digests), VIEWS["ink"], 90, None, 1))
    first = np.unique(digests, return_index=True)[1]
    similar = brute_similarity(bits[first], bits[first])
    said = bits[first].max(axis=1) > 0
    similar[~said] = similar[:, ~said] = 0
    np.fill_diagonal(similar, 0)
    best = np.where(similar.max(axis=1) >= 0.9, similar.max(axis=1), 0)
    order = np.argsort(digests[first])
    assert np.allclose(np.sort(links.best.similarity), np.sort(best[order]))


def links_of(rows: SplitFingerprints, slice_size: int, bands: Bands | None = None) -> Links:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.overlap.tiles.SLICE", slice_size)
        return search_within(self_join(rows, VIEWS["ink"], 90, bands, 1))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [29, 100, 299])
def test_tiles_find_what_the_whole_does(seed: int, size: int) -> None:
    bits = families(300, seed)
    bits[10:20] = 1  # blank the other way round
    rng = np.random.default_rng(seed)
    digests = np.unique(bits, axis=0, return_inverse=True)[1] * 2 + rng.integers(0, 2, 300)  # equal bits, other images
    rows = fingerprints(bits, rng.integers(0, 3, 300), digests)
    whole, tiles = links_of(rows, 300), links_of(rows, size)
    assert len(whole.forest.first) > 100
    assert all(map(np.array_equal, whole.forest, tiles.forest))
    assert np.array_equal(whole.best.similarity, tiles.best.similarity)
    assert np.array_equal(whole.other_class, tiles.other_class)


@pytest.mark.parametrize("seed", range(3))
def test_a_forest_of_pairs_in_pieces_joins_what_all_pairs_join(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.overlap.within.forest.GATHERED", 50)
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 100, (2, 600))
    similarity = rng.integers(80, 101, 600) / 100
    every = Forest(first, second, similarity)
    parts = (slice(start, start + 40) for start in range(0, 600, 40))
    pieces = [Forest(first[part], second[part], similarity[part]) for part in parts]
    forest = maximum_forest(100, pieces)
    assert len(forest.first) < 100
    assert all(map(np.array_equal, forest, maximum_forest(100, reversed(pieces)))), "there is one such forest"
    for percent in range(80, 101):
        one, other = (
            groups_of(100, [(some.first, some.second)]) for some in (forest.reaching(percent), every.reaching(percent))
        )
        assert np.array_equal(one, other)
