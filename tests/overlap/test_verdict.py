"""From which similarity on images are called twins: the verdict on matches whose nature is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tasks.overlap.baseline import BASELINE
from tasks.overlap.tables import TWINS
from tasks.overlap.threshold import Best
from tasks.overlap.verdict import Matches, judge
from tasks.records.verdict import Verdict
from tasks.views import VIEWS

Floats = NDArray[np.float64]
INK, PHOTO = VIEWS["ink"], VIEWS["photo"]


def look_alikes(rows: int, seed: int, rate: float = 6.0, centre: float = 0.2) -> Floats:
    """Return best similarities without copies: Fisher's z of each follows a Gumbel distribution."""
    return np.tanh(centre + np.random.default_rng(seed).gumbel(0, 1 / rate, rows))


def copies(rows: int, low: float = 0.97) -> Floats:
    return np.linspace(low, 0.999, rows)


def baseline(train: Floats, random: Floats, thinned: Floats | None = None) -> pa.Table:
    parts = {"train": train, "random": random, "thinned": np.empty(0) if thinned is None else thinned}
    kinds = [kind for kind, values in parts.items() for _ in values]
    similarity = np.concatenate(list(parts.values()))
    return pa.table([pa.array(kinds, pa.string()), similarity, np.zeros(len(similarity))], schema=BASELINE)


def matches_of(similarity: Floats, crowd: Floats | None = None) -> Matches:
    best = Best(similarity, np.zeros(len(similarity)) if crowd is None else crowd)
    return Matches(best, np.zeros(len(similarity), np.bool_))


def of_pictures(similarity: Floats, side: int = 32, asked: int | None = None, random: Floats | None = None) -> Verdict:
    """Judge photographs with a short side of `side` pixels, beside a baseline without copies."""
    unrelated = np.full(500, 0.3) if random is None else random
    matches = matches_of(similarity)
    return judge(matches, baseline(look_alikes(500, seed=9), unrelated), PHOTO, 86, asked, side)


def of_glyphs(similarity: Floats, thinned: Floats, asked: int | None = None, random: Floats | None = None) -> Verdict:
    matches = matches_of(similarity)
    unrelated = np.full(500, 0.3) if random is None else random
    return judge(matches, baseline(similarity[:100], unrelated, thinned), INK, 90, asked, None)


def test_copies_among_unlike_pictures_are_twins_from_the_lowest_threshold_on() -> None:
    found = of_pictures(np.append(look_alikes(500, 0), copies(100, 0.88)))
    assert (found.threshold, found.reason, found.told, found.warning) == (0.86, "own", True, "")
    assert (found.least, found.own, found.short_side) == (0.86, 0.86, 32)
    assert found.unconfirmed == 0


def test_large_pictures_have_a_higher_threshold_and_what_is_below_it_is_unconfirmed() -> None:
    rows = np.append(look_alikes(500, 0), copies(100, 0.88))
    found = of_pictures(rows, side=400)
    assert (found.threshold, found.reason, found.least, found.own) == (0.97, "size", 0.97, 0.86)
    assert found.unconfirmed == ((rows >= 0.86) & (rows < 0.97)).sum()


def test_look_alikes_alone_are_no_twins() -> None:
    found = of_pictures(look_alikes(2000, 0, centre=1.2))
    assert (found.threshold, found.reason, found.told, found.percent) == (None, "alike", False, 101)
    assert "only identical images are called twins" in found.warning
    assert found.unconfirmed == (look_alikes(2000, 0, centre=1.2) >= 0.86).sum() > 500


def test_where_nothing_is_alike_nothing_is_in_doubt() -> None:
    found = of_pictures(np.full(1000, 0.4))
    assert (found.reason, found.told, found.warning, found.unconfirmed) == ("size", True, "", 0)
    assert found.threshold is not None


def test_look_alikes_among_pictures_that_nothing_resembles_are_no_twins() -> None:
    unlike, products, planted = look_alikes(150, 0), look_alikes(150, 1, centre=1.9), copies(40)
    rows = np.concatenate([unlike, products, planted])
    crowd = np.concatenate([unlike - 0.1, products - 0.02, np.full(40, 0.3)])
    one_kind = judge(matches_of(rows), baseline(unlike, np.full(500, 0.3)), PHOTO, 86, None, 160)
    assert one_kind.threshold == 0.97  # what the products reach, and nobody would notice
    found = judge(matches_of(rows, crowd), baseline(unlike, np.full(500, 0.3)), PHOTO, 86, None, 160)
    assert (found.threshold, found.reason) == (None, "alike")


def test_where_random_pairs_match_nothing_is_a_twin() -> None:
    found = of_pictures(np.append(look_alikes(500, 0), copies(100)), random=np.repeat([0.3, 0.99], [480, 20]))
    assert (found.threshold, found.reason, found.told) == (None, "chance", False)
    assert "random pairs" in found.warning


def test_a_threshold_that_is_asked_for_is_taken_and_doubted() -> None:
    found = of_pictures(look_alikes(2000, 0, centre=1.2), asked=90)
    assert (found.threshold, found.reason, found.told, found.percent) == (0.9, "asked", False, 90)
    assert "may be different pictures" in found.warning


def test_too_few_pictures_say_nothing() -> None:
    found = judge(matches_of(copies(5)), baseline(copies(4), copies(0)), PHOTO, 86, None, 32)
    assert (found.threshold, found.told) == (None, False)
    assert all(point.precision is None for point in found.curve)


def test_glyphs_keep_their_threshold_where_near_ones_stand_out() -> None:
    rows = np.append(look_alikes(900, 1, rate=4, centre=0.9), copies(150, 0.985))
    found = of_glyphs(rows, rows)
    assert (found.threshold, found.reason, found.told, found.unconfirmed) == (0.95, "view", True, 0)


def test_glyphs_of_a_smooth_distribution_are_no_twins_and_are_listed() -> None:
    rng = np.random.default_rng(0)
    points, others = rng.random((2000, 4)), rng.random((3000, 4))
    distance = np.sqrt(((points[:, None] - others[None, :1500]) ** 2).sum(axis=2)).min(axis=1)
    rows = np.clip(1 - 0.4 * distance, 0, 1)
    assert (rows >= 0.95).mean() > 0.3
    found = of_glyphs(rows, rows)
    assert (found.threshold, found.reason, found.told) == (None, "alike", False)
    assert found.unconfirmed == (rows >= 0.95).sum()
    assert of_glyphs(rows, rows, asked=95).threshold == 0.95


def test_a_handful_of_near_glyphs_is_not_doubted() -> None:
    rows = np.append(np.full(100, 0.5), np.full(20, 0.96))
    assert of_glyphs(rows, rows).told


def test_bands_count_every_row_from_the_lowest_edge_once() -> None:
    rows = np.array([0.2, 0.86, 0.879, 0.9, 0.95, 0.99, 0.995, 1.0])
    matches = replace(matches_of(rows), other_class=rows == 0.995)
    found = judge(matches, baseline(np.array([0.5, 0.9]), np.array([0.86, 0.2, 0.2, 0.2])), PHOTO, 86, None, 32)
    assert sum(band.rows for band in found.bands) == 7
    counted = {band.low: (band.rows, band.other_class, band.baseline, band.random) for band in found.bands}
    assert counted[0.86] == (2, 0, 0.0, 0.25)
    assert counted[0.90] == (1, 0, 0.5, 0.0)
    assert counted[0.99] == (3, 1, 0.0, 0.0)
    assert [point.rows for point in found.curve][:3] == [7, 6, 5]


def twins(rows: list[dict[str, Any]]) -> pa.Table:
    empty = dict.fromkeys(TWINS.names) | {"exact": False, "class_name": "A", "crowd": 0.0}
    return pa.Table.from_pylist([empty | row for row in rows], TWINS)


@pytest.mark.parametrize("turn", [1, -1], ids=["in this order", "in the other"])
def test_the_best_match_of_a_row_is_that_in_any_split_and_identical_ones_are_left_out(turn: int) -> None:
    in_train = twins([{"jaccard": 0.9, "twin_class_name": "A"}, {"jaccard": 1.0, "twin_class_name": "A"}, {}])
    in_validation = twins([{"jaccard": 0.95, "twin_class_name": "B"}, {"exact": True, "jaccard": 1.0}, {}])
    found = Matches.of([[in_train, in_validation][::turn]])
    assert found.similarity.tolist() == [0.95, 0.0]
    assert found.other_class.tolist() == [True, False]
