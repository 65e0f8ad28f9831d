"""The baseline is measured on matches without a leak: never a row with itself, never the same image."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.overlap.baseline import measure_baseline
from tasks.overlap.join import Join
from tasks.overlap.pairs import read_pairs
from tasks.overlap.search import PAIRS, write_join
from tasks.registration.views import VIEWS
from tasks.storage.place import Place
from tests.overlap.engine import glyph_split

Bits = NDArray[np.bool_]


def scatter(count: int, seed: int) -> Bits:
    return np.random.default_rng(seed).random((count, 784)) < 0.4


def baseline(folder: Path, train: Bits, test: Bits, seed: int = 7) -> pa.Table:
    splits = glyph_split(folder, "train", train), glyph_split(folder, "test", test)
    join = Join(*splits, Place.of(folder), VIEWS["ink"], 90, None, 1)
    write_join(join, (), Place.of(folder))
    found, chained = measure_baseline([join], [read_pairs(Place.of(folder) / PAIRS)], "train", seed)
    assert len(chained) == 0, "glyphs are not connected"
    return found


def similarities(found: pa.Table, kind: str) -> list[Any]:
    values: list[Any] = found.filter(pc.equal(found["kind"], kind))["similarity"].to_pylist()
    return values


def test_repeated_images_are_no_match_of_themselves(tmp_path: Path) -> None:
    images = scatter(200, 0)
    found = baseline(tmp_path, np.concatenate([images] * 3), images)
    assert max(similarities(found, "random")) < 0.9
    assert max(similarities(found, "train")) < 0.9
    assert len(similarities(found, "train")) == 50
    assert 190 <= len(similarities(found, "random")) < 200, "of an image and itself nothing is said"


def test_near_copies_within_train_show_in_its_baseline_and_not_among_random_pairs(tmp_path: Path) -> None:
    images = scatter(300, 1)
    near = images.copy()
    near[:, 0] = ~near[:, 0]
    found = baseline(tmp_path, np.concatenate([images, near]), scatter(200, 2))
    assert min(similarities(found, "train")) > 0.95, "also where the copy was drawn, too"
    assert max(similarities(found, "random")) < 0.9


def test_splits_without_rows_have_no_baseline(tmp_path: Path) -> None:
    assert len(baseline(tmp_path, scatter(0, 0), scatter(0, 0))) == 0
    assert len(similarities(baseline(tmp_path, scatter(40, 0), scatter(0, 0)), "train")) == 10


def test_the_same_data_and_seed_give_the_same_baseline(tmp_path: Path) -> None:
    one, two = (baseline(tmp_path, scatter(300, 3), scatter(100, 4)) for _ in range(2))
    assert one == two
