"""After sanitizing, brute force finds nothing that should be gone; sanitizing again changes nothing."""

from itertools import combinations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.overlap.bands import choose_bands
from tasks.overlap.find import Search, find_twins
from tasks.overlap.tables import SplitFingerprints, twins_table
from tasks.sanitizing.policy import at_threshold, keep_mask, removed_rows
from tasks.vocabulary import LOSES_TO, SPLITS, Protect, SplitName
from tests.benchmarks.brute_force import compare_all
from tests.overlap.sets import LENGTH, Gray, image_sets, ink, side_of

Split = tuple[Gray, NDArray[np.int64]]
BANDS = choose_bands(128, 90, 0.99)


def rows_of(name: SplitName, split: Split) -> SplitFingerprints:
    gray, labels = split
    ids = pa.array([f"{name}/{i:03d}" for i in range(len(gray))], pa.string())
    texts = pa.array([f"{label}" for label in labels], pa.string())
    one_colour = np.zeros(len(gray), np.bool_)
    return SplitFingerprints(ids, texts, texts, one_colour, (side := side_of(gray, labels)), LENGTH, side.ranks)


def sanitize(splits: dict[SplitName, Split], protect: Protect, exhaustive: bool) -> dict[SplitName, Split]:
    """Return the splits without the rows that they lose."""
    rows = {name: rows_of(name, split) for name, split in splits.items()}
    twins = {}
    for first, second in combinations(SPLITS, 2):
        search = Search(LENGTH, 90, None if exhaustive else BANDS)
        of_first, of_second = find_twins(rows[first].side, rows[second].side, search)
        twins[first, second] = at_threshold(twins_table(rows[first], rows[second], of_first), second, 95)
        twins[second, first] = at_threshold(twins_table(rows[second], rows[first], of_second), first, 95)
    left = dict(splits)
    for name, others in LOSES_TO[protect].items():
        gone = removed_rows([twins[name, other] for other in others], name)
        kept = keep_mask(rows[name].ids, gone, ["exact", "near"])
        left[name] = splits[name][0][kept], splits[name][1][kept]
    return left


@settings(max_examples=60, deadline=None)
@given(st.tuples(image_sets(25), image_sets(25), image_sets(25)), st.sampled_from(["train", "test"]), st.booleans())
def test_sanitized_splits_share_nothing_and_stay_as_they_are(
    three: tuple[Split, Split, Split], protect: Protect, exhaustive: bool
) -> None:
    before = dict(zip(SPLITS, three, strict=True))
    after = sanitize(before, protect, exhaustive)
    for first, second in combinations(SPLITS, 2):
        (one, one_labels), (two, two_labels) = after[first], after[second]
        images = {image.tobytes() for image in one}
        assert not any(image.tobytes() in images for image in two), "no identical pair"
        truth = compare_all(ink(one), ink(two), [95], one_labels, two_labels)[95]
        missed = (1 - BANDS.recall_at(0.9)) * (len(before[first][0]) + len(before[second][0]))
        assert truth.first.sum() <= (0 if exhaustive else missed)
    again = sanitize(after, protect, exhaustive)
    assert all(np.array_equal(again[name][0], after[name][0]) for name in SPLITS)
    assert np.array_equal(after[protect][0], before[protect][0]), "the protected split keeps its rows"
