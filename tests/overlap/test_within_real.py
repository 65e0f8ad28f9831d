"""Groups inside real sets against brute force over all their pairs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.classes.decoder import decode
from tasks.overlap.agreements import agreements
from tasks.overlap.find import Side
from tasks.overlap.jaccard import whole_percent
from tasks.overlap.tables import SplitFingerprints
from tasks.overlap.within.search import search_within, self_join
from tasks.storage.copies import COPY_SIDE, Copies
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.views.photo import BITS
from tasks.vocabulary import ViewName
from tests.overlap.test_within import fingerprints, found_within, groups_by_brute_force, same_partition
from tests.real import read_gray, read_members


def grouped(rows: SplitFingerprints, view: ViewName, percent: int) -> np.ndarray:
    """Return the group of every row; rows in none have one of their own."""
    count = len(rows.side)
    found = found_within(rows, view, percent)
    group = np.arange(count, 2 * count)
    group[found.row] = found.group
    return group


@pytest.mark.parametrize("name", ["notmnist_real_5k", "openfonts_small"])
@pytest.mark.parametrize("percent", [90, 95])
def test_groups_of_real_glyphs_are_those_of_all_pairs(shared: Path, name: str, percent: int) -> None:
    images = read_gray(shared / "data" / f"{name}.tar.gz")[::3]
    bits = (images.reshape(len(images), -1) > 127).astype(np.uint8)
    digests = np.unique(images.reshape(len(images), -1), axis=0, return_inverse=True)[1]
    found = grouped(fingerprints(bits, digests=digests), "ink", percent)
    exact = connected_components(coo_array(digests[:, None] == digests[None, :]), directed=False)[1]
    expected = groups_by_brute_force(bits, percent)
    said = bits.max(axis=1) > 0
    expected[~said] = len(bits) + exact[~said]  # rows without bits can only be identical
    assert same_partition(found, expected)
    assert len(np.unique(found)) < 0.99 * len(found), "there is something to find"


def test_groups_of_real_photographs_hold_all_pairs_that_agree(shared: Path, tmp_path: Path) -> None:
    files = dict(read_members(shared / "data" / "cifar_train.tar.gz"))
    rows, gray = pictures([data for name, data in sorted(files.items()) if "/automobile/" in name][:150], tmp_path)
    found = grouped(rows, "photo", 90)
    one, two = np.triu_indices(len(gray), 1)
    copies = rows.pictures.copies
    agreed = np.maximum(*(agreements(copies.take(a), copies.take(b)) for a, b in ((one, two), (two, one))))
    near = whole_percent(agreed) >= 90
    links = coo_array((near[near], (one[near], two[near])), shape=(len(gray),) * 2)
    every = connected_components(links, directed=False)[1]
    assert len(np.unique(np.stack([found, every]), axis=1).T) == len(np.unique(found)), "nothing else is joined"
    together = found[one[near]] == found[two[near]]
    assert len(together) > 10
    assert together.mean() > 0.95, "but for pairs whose bits are less alike than those of any candidate"


def test_tiles_of_photographs_find_what_the_whole_does(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(dict(read_members(shared / "data" / "mri_test.tar")).items())
    some = [data for _, data in files[:75]]
    rows, _ = pictures([*some, *some[:5]], tmp_path)
    join = self_join(rows, VIEWS["photo"], 90, None, 1)
    whole = search_within(join)
    monkeypatch.setattr("tasks.overlap.tiles.IN_FULL", 20)
    assert len(join.tiles) == 4
    tiles = search_within(join)
    assert all(map(np.array_equal, whole.forest, tiles.forest))
    assert np.array_equal(whole.best.similarity, tiles.best.similarity)
    assert np.array_equal(whole.best.crowd, tiles.best.crowd)
    assert (whole.best.crowd > 0.5).any(), "scans look alike"


def test_slices_on_both_sides_find_what_the_whole_does_where_all_are_candidates(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(dict(read_members(shared / "data" / "mri_test.tar")).items())
    some = [data for _, data in files[:40]]
    rows, _ = pictures([*some, *some[:5]], tmp_path)
    monkeypatch.setattr("tasks.overlap.proposals.CANDIDATES", len(some))
    monkeypatch.setattr("tasks.overlap.proposals.FLOOR", 0.0)
    join = self_join(rows, VIEWS["photo"], 90, None, 1)
    whole = search_within(join)
    monkeypatch.setattr("tasks.overlap.tiles.IN_FULL", 15)
    monkeypatch.setattr("tasks.overlap.tiles.AMONG", 25)
    assert len(join.tiles) == 6
    tiles = search_within(join)
    assert all(map(np.array_equal, whole.forest, tiles.forest))
    assert np.array_equal(whole.best.similarity, tiles.best.similarity)
    assert np.array_equal(whole.other_class, tiles.other_class)


def pictures(files: list[bytes], folder: Path) -> tuple[SplitFingerprints, np.ndarray]:
    """Return rows of photographs as the engine sees them, and their gray copies."""
    decoded = [decode(data, reduced=False) for data in files]
    side = VIEWS["photo"].side
    assert side is not None
    small, large = (np.stack([image.gray_copies(s)[0] for image in decoded]) for s in (side, COPY_SIDE))
    (folder / "copies.gray").write_bytes(large.tobytes())
    digests = np.frombuffer(b"".join(image.digest for image in decoded), np.uint8).reshape(-1, 16)
    count = len(files)
    glyphs = fingerprints(np.zeros((count, 8), np.uint8))
    bits = VIEWS["photo"].bits(small)
    rows = replace(
        glyphs,
        side=Side(digests, bits, np.zeros(count, np.int64), np.arange(count)),
        length=BITS,
        copies=Copies([Place.of(folder / "copies.gray")], np.zeros(count, np.int64), np.arange(count)),
    )
    return rows, large
