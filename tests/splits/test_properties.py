"""After sanitizing, brute force finds no row to remove; sanitizing again changes nothing."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.overlap.split_rows import SplitRows
from tasks.records.removed import is_removed
from tasks.splits.sanitize import removed_rows
from tasks.storage import tables
from tasks.vocabulary import LOSES_TO, SPLITS, Protect, SplitName
from tests.benchmarks.brute_force import compare_all
from tests.overlap.engine import measure
from tests.overlap.sets import Gray, image_sets, ink
from tests.overlap.test_join import split_of

Split = tuple[Gray, NDArray[np.int64]]


def sanitize(splits: dict[SplitName, Split], protect: Protect, folder: Path) -> dict[SplitName, Split]:
    """Return the splits without the rows that they lose."""
    prints = {name: split_of(folder, name, split) for name, split in splits.items()}
    twins: dict[tuple[SplitName, SplitName], pa.Table] = {}
    for first, second in combinations(SPLITS, 2):
        found = measure(folder, prints[first], prints[second], "ink", asked=0.95)
        for side, names in enumerate(((first, second), (second, first))):
            found.direction(side).write(found.join.workspace / "twins.parquet")
            twins[names] = tables.read(found.join.workspace / "twins.parquet")
    left = dict(splits)
    for name, others in LOSES_TO[protect].items():
        gone = removed_rows({other: twins[name, other] for other in others}, name)
        ids = SplitRows.of(prints[name], found.join.workspace).named(np.arange(prints[name].rows))[0]
        kept = ~is_removed(ids, gone, ["exact", "near"])
        left[name] = splits[name][0][kept], splits[name][1][kept]
    return left


@settings(max_examples=25, deadline=None)
@given(st.tuples(image_sets(25), image_sets(25), image_sets(25)), st.sampled_from(["train", "test"]))
def test_sanitized_splits_share_nothing_and_stay_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, three: tuple[Split, Split, Split], protect: Protect
) -> None:
    before, folder = dict(zip(SPLITS, three, strict=True)), tmp_path_factory.mktemp("splits")
    after = sanitize(before, protect, folder)
    for first, second in combinations(SPLITS, 2):
        (one, one_labels), (two, two_labels) = after[first], after[second]
        images = {image.tobytes() for image in one}
        assert not any(image.tobytes() in images for image in two), "no identical pair"
        truth = compare_all(ink(one), ink(two), [95], one_labels, two_labels)[95]
        assert truth.first.sum() == 0
    again = sanitize(after, protect, folder)
    assert all(np.array_equal(again[name][0], after[name][0]) for name in SPLITS)
    assert np.array_equal(after[protect][0], before[protect][0]), "the protected split keeps its rows"
