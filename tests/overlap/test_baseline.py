"""The baseline is measured on matches that are no leak: never a row with itself, never the same image."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.baseline import measure_baseline
from tasks.overlap.tables import SplitFingerprints
from tasks.views import VIEWS
from tests.overlap.sets import LENGTH, Gray, side_of

SEED = 7


def split_of(gray: Gray) -> SplitFingerprints:
    ids = pa.array([f"{number:05d}" for number in range(len(gray))], pa.string())
    return SplitFingerprints(ids, ids, ids, np.zeros(len(gray), np.bool_), (side := side_of(gray)), LENGTH, side.ranks)


def scatter(count: int, seed: int) -> Gray:
    return np.random.default_rng(seed).integers(0, 256, (count, 12, 12), dtype=np.uint8)


def similarities(found: pa.Table, kind: str) -> list[float]:
    values: list[float] = found.filter(pc.equal(found["kind"], kind))["similarity"].to_pylist()
    return values


def test_repeated_images_are_no_match_of_themselves() -> None:
    images = scatter(200, 0)
    found = measure_baseline(split_of(np.concatenate([images] * 3)), [split_of(images)], VIEWS["ink"], None, SEED)
    for kind in ("train", "random", "thinned"):
        assert all(value < 0.9 for value in similarities(found, kind)), kind
    assert len(similarities(found, "train")) == 50


def test_near_copies_within_train_show_in_its_baseline_and_not_among_random_pairs() -> None:
    images = scatter(300, 1)
    near = images.copy()
    near[:, 0, 0] = np.where(images[:, 0, 0] > 127, 0, 255)
    train = split_of(np.concatenate([images, near]))
    found = measure_baseline(train, [split_of(scatter(200, 2))], VIEWS["ink"], None, SEED)
    assert np.mean(np.array(similarities(found, "train")) > 0.95) > 0.6  # the twins of some were drawn with them
    assert max(similarities(found, "random")) < 0.9
    assert max(similarities(found, "thinned")) < 0.9


def test_splits_without_rows_have_no_baseline() -> None:
    nothing = split_of(scatter(0, 0))
    assert len(measure_baseline(nothing, [nothing], VIEWS["ink"], None, SEED)) == 0
    assert similarities(measure_baseline(split_of(scatter(40, 0)), [nothing], VIEWS["ink"], None, SEED), "random") == []


def test_the_same_data_and_seed_give_the_same_baseline() -> None:
    train, test = split_of(scatter(300, 3)), split_of(scatter(100, 4))
    one, two = (measure_baseline(train, [test], VIEWS["ink"], None, SEED) for _ in range(2))
    assert one == two
