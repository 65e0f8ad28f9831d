"""The distinct images of a split: their numbers depend on their digests alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.storage import tables
from tasks.storage.place import Place
from tests.overlap.engine import glyph_split


@settings(deadline=None, max_examples=30)
@given(keys=st.lists(st.integers(0, 2**128 - 1) | st.integers(0, 9), max_size=30))
def test_images_are_numbered_by_their_digests_and_shown_by_the_row_with_the_smallest_id(
    keys: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("rows")
    digests, distinct = [key.to_bytes(16) for key in keys], sorted({key.to_bytes(16) for key in keys})
    bits = (np.arange(len(keys))[:, None] >> np.arange(8)) & 1  # another pattern for each row
    split = glyph_split(folder, "train", bits, digests=digests)
    images = tables.read(Place.of(folder) / split.images_table)
    assert images["md5"].to_pylist() == distinct
    of_row = tables.read(Place.of(folder) / split.of_row)["image"].to_pylist()
    assert [distinct[image] for image in of_row] == digests
    firsts = [digests.index(digest) for digest in distinct]
    assert images["bits"].to_pylist() == [np.packbits(bits[row].astype(bool)).tobytes() for row in firsts]
