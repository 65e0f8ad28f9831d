"""A join in tiles finds what one of all rows finds."""

from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.overlap import tiles
from tasks.overlap.bands import choose_bands
from tasks.overlap.find import Search
from tasks.overlap.join import write_tile, write_twins
from tasks.overlap.tables import SplitFingerprints
from tasks.overlap.tiles import Join, StoredTile
from tasks.storage import disk, tables
from tasks.storage.place import Place
from tasks.views import VIEWS
from tests.overlap.sets import LENGTH, image_sets, side_of

BANDS = choose_bands(128, 90, 0.99)


def rows_of(name: str, seed: int, sets: Any) -> SplitFingerprints:
    gray, labels = sets
    order = np.random.default_rng(seed).permutation(len(gray))
    ids = pa.array([f"{name}/{number:04d}" for number in order], pa.string())
    side = side_of(gray, labels, order)
    texts = pa.array([str(label) for label in labels], pa.string())
    return SplitFingerprints(ids, texts, texts, np.zeros(len(gray), np.bool_), side, LENGTH, side.ranks)


def read(folder: Place) -> list[pa.Table]:
    return [tables.read(folder / f"{name}.parquet") for name in ("train", "test")]


@settings(deadline=None, max_examples=15)
@given(sets=st.tuples(image_sets(24), image_sets(24)), seed=st.integers(0, 9), slice_=st.integers(6, 20))
def test_tiles_merge_to_the_whole(tmp_path_factory: pytest.TempPathFactory, sets: Any, seed: int, slice_: int) -> None:
    place = Place.of(tmp_path_factory.mktemp("join"))
    rows = rows_of("train", seed, sets[0]), rows_of("test", seed + 1, sets[1])
    join = Join(("train", "test"), rows, VIEWS["ink"], Search(LENGTH, 90, BANDS, seed))
    disk.make_folder(place / "whole")
    whole = write_twins(join, (), place / "whole")
    assert whole["recall"] is not None
    with patch.object(tiles, "SLICE", slice_):
        folders = [place / f"{number}" for number in range(len(join.tiles))]
        stored = [
            StoredTile(folder, write_tile(join, tile, folder)) for tile, folder in zip(join.tiles, folders, strict=True)
        ]
        disk.make_folder(place / "merged")
        found = write_twins(join, stored, place / "merged")
        disk.make_folder(place / "alone")
        assert write_twins(join, (), place / "alone") == found
        assert found | {"recall": None} == whole | {"recall": None}, "MinHash is asked in one tile alone"
    for other in ("merged", "alone"):
        assert read(place / other) == read(place / "whole")
