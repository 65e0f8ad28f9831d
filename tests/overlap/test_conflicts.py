"""Groups of images with different labels or none are resolved as by brute force: removed, kept and reported rows."""

from pathlib import Path

import numpy as np
import pytest

from tasks.overlap.images import UNKNOWN
from tasks.overlap.patterns import whole_percent
from tasks.vocabulary import Chains
from tests.overlap.engine import Measured, glyph_split, measure
from tests.overlap.test_within import brute_similarity, families

COUNT = 250


def labelled(folder: Path, seed: int, none: float) -> tuple[Measured, np.ndarray, np.ndarray]:
    """Return families of glyphs with random labels, which of them are duplicates by definition, and their labels."""
    bits, rng = families(COUNT, seed), np.random.default_rng(seed)
    label = np.where(rng.random(COUNT) < none, UNKNOWN, rng.integers(0, 3, COUNT))
    split = glyph_split(folder, "train", bits, label)
    said = bits.max(axis=1) > 0
    alike = (whole_percent(brute_similarity(bits, bits)) >= 95) & said[:, None] & said
    return measure(folder, split, split, "ink", asked=0.95), alike | (bits[:, None] == bits).all(axis=2), label


@pytest.mark.parametrize("none", [0, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_a_row_goes_only_because_of_a_duplicate_of_its_label_that_stays(seed: int, none: float, tmp_path: Path) -> None:
    measured, alike, label = labelled(tmp_path, seed, none)
    found = measured.groups()
    goes, stays = found.row[found.row != found.twin], np.setdiff1d(np.arange(COUNT), found.row[found.row != found.twin])
    twin = found.twin[found.row != found.twin]
    assert len(goes) > 20
    assert np.isin(twin, stays).all()
    assert alike[goes, twin].all()
    assert ((label[goes] == label[twin]) | (label[goes] == UNKNOWN)).all()
    among = alike[np.ix_(stays, stays)] & ~np.eye(len(stays), dtype=bool)
    own, other = label[stays][:, None], label[stays]
    assert not (among & (own == other)).any(), "of each label, no two that stay are duplicates"
    assert not (among & ((own == UNKNOWN) | (other == UNKNOWN))).any(), "unlabelled rows are removed"
    assert (among & (own != other)).any(), "what differs stays"


@pytest.mark.parametrize("none", [0, 0.4])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("chains", ["keep", "cut"])
def test_every_conflict_is_named_from_both_sides(chains: Chains, seed: int, none: float, tmp_path: Path) -> None:
    measured, alike, label = labelled(tmp_path, seed, none)
    grouped = measured.groups(chains)
    found = measured.conflicts(grouped)
    known = label != UNKNOWN
    differ = alike & (label[:, None] != label) & known[:, None] & known
    assert alike[found.row, found.twin].all()
    assert differ[found.row, found.twin].all()
    assert len(np.unique(found.row)) == len(found.row)
    instead = np.arange(COUNT)
    instead[grouped.row] = grouped.twin
    named = set(found.row.tolist())
    for row, twin in np.argwhere(differ).tolist():
        assert {row, int(instead[row])} & named, (row, twin)
    settled = np.isin(found.row, grouped.row[grouped.row == grouped.twin])
    assert settled.sum() > 20
    assert all(
        instead[row] == row or not alike[instead[row], instead[twin]]
        for row, twin in zip(found.row.tolist(), found.twin.tolist(), strict=True)
    ), "removed rows need no decision"


@pytest.mark.parametrize("none", [0, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_between_splits_every_row_with_a_conflict_is_named(seed: int, none: float, tmp_path: Path) -> None:
    """A match without a label, however similar, hides no match of another class."""
    bits, rng = families(COUNT, seed), np.random.default_rng(seed)
    label = np.where(rng.random(COUNT) < none, UNKNOWN, rng.integers(0, 3, COUNT))
    half = rng.random(COUNT) < 0.5
    train, test = (
        glyph_split(tmp_path, "train", bits[half], label[half]),
        glyph_split(tmp_path, "test", bits[~half], label[~half]),
    )
    measured = measure(tmp_path, train, test, "ink", asked=0.95)
    said = bits.max(axis=1) > 0
    alike = (whole_percent(brute_similarity(bits, bits)) >= 95) & said[:, None] & said
    alike |= (bits[:, None] == bits).all(axis=2)
    for side, own in enumerate((half, ~half)):
        pairs, one, two = alike[np.ix_(own, ~own)], label[own][:, None], label[~own]
        differ = pairs & (one != two) & (one != UNKNOWN) & (two != UNKNOWN)
        found = measured.direction(side).conflicts()
        assert found.row.tolist() == np.flatnonzero(differ.any(axis=1)).tolist()
        assert differ[found.row, found.twin].all()
        assert differ.any()
