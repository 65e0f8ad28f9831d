"""Predictions for matches of known origin: only look-alikes, and look-alikes with copies among them."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tasks.arrays import Floats
from tasks.overlap.components import look_alikes_of
from tasks.overlap.pairs import Pairs
from tasks.overlap.threshold import CROWDED, LIKELY, is_common, look_alikes, lowest, near_identity, usual_near_identity
from tasks.records.verdict import PRECISION

DRAWS, BASELINE = 100, 500


def own_percent(rows: Floats, pool: Floats) -> int | None:
    return lowest(rows, rows, pool, PRECISION)


def best_look_alikes(rng: np.random.Generator, rows: int, centre: float, rate: float) -> Floats:
    """Return similarities with Fisher transforms like the best of many, which decay at a rate."""
    return np.tanh(centre + rng.gumbel(size=rows) / rate)


@pytest.mark.parametrize("rows", [100, 600, 2000])
@pytest.mark.parametrize("rate", [3, 5, 8, 12])
def test_where_there_are_no_copies_a_threshold_is_seldom_claimed(rate: float, rows: int) -> None:
    rng, claimed = np.random.default_rng(0), 0
    for draw in range(DRAWS):
        centre = (0.4, 0.7, 1.0, 1.3)[draw % 4]
        found = best_look_alikes(rng, rows, centre, rate)
        claimed += own_percent(found, np.append(found, best_look_alikes(rng, BASELINE, centre, rate))) is not None
    assert claimed <= 0.05 * DRAWS


@pytest.mark.parametrize("rows", [100, 600, 2000])
@pytest.mark.parametrize("rate", [3, 5, 8, 12])
def test_where_there_are_no_copies_few_rows_are_in_doubt_and_seldom_any(rate: float, rows: int) -> None:
    rng, doubted = np.random.default_rng(0), []
    for draw in range(DRAWS):
        centre = (0.4, 0.7, 1.0, 1.3)[draw % 4]
        found = best_look_alikes(rng, rows, centre, rate)
        pool = np.append(found, best_look_alikes(rng, BASELINE, centre, rate))
        percent = lowest(found, found, pool, LIKELY)
        doubted.append(0 if percent is None else (found >= percent / 100).mean())
    assert np.count_nonzero(doubted) <= 0.25 * DRAWS
    assert np.mean(doubted) <= 0.01


@pytest.mark.parametrize(("centre", "rate"), [(0.2, 6), (0.2, 8), (0.4, 8)])
@pytest.mark.parametrize("copies", [30, 120, 480, 2000])
def test_the_more_copies_there_are_the_lower_the_threshold_and_it_is_as_precise_as_is_asked(
    centre: float, rate: float, copies: int
) -> None:
    rng, precise, found = np.random.default_rng(0), [], []
    for _ in range(DRAWS):
        own, alike = rng.uniform(0.87, 0.98, copies), best_look_alikes(rng, 480, centre, rate)
        rows = np.append(own, alike)
        percent = own_percent(rows, np.append(rows, best_look_alikes(rng, BASELINE, centre, rate)))
        found.append(percent)
        if percent is not None:
            precise.append((own >= percent / 100).sum() / (rows >= percent / 100).sum())
    assert len(precise) >= (0.95 if copies > 30 else 0.8) * DRAWS
    assert np.mean(precise) >= 0.95
    if copies >= 480:
        assert max(percent or 100 for percent in found) <= 90, "copies hide no other copies"


def test_copies_alone_and_nothing_that_tells_of_look_alikes_give_no_threshold() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(0.98, 1, 1000)
    assert own_percent(rows, rows) is None
    assert own_percent(np.empty(0), np.empty(0)) is None
    assert own_percent(best_look_alikes(rng, 1000, 1.9, 6), best_look_alikes(rng, 1000, 1.9, 6)) is None


def nearest_neighbours(rng: np.random.Generator, rows: int, others: int, dimensions: int) -> Floats:
    """Return the similarities of the nearest of independent points, which are close in few dimensions."""
    distance, _ = cKDTree(rng.random((others, dimensions))).query(rng.random((rows, dimensions)))
    return np.clip(1 - 0.5 * distance, 0, 1)


@pytest.mark.parametrize("dimensions", [2, 3, 4, 5])
def test_neighbours_in_a_crowd_have_no_threshold_however_similar_they_are(dimensions: int) -> None:
    rows = nearest_neighbours(np.random.default_rng(0), 2000, 5000, dimensions)
    assert np.median(rows) > 0.9
    assert own_percent(rows, rows) is None


@pytest.mark.parametrize(("centre", "rate"), [(0.1, 3), (0.5, 4), (0.9, 5)])
def test_the_bound_on_look_alikes_holds_and_weak_copies_below_do_not_make_matches_believed(
    centre: float, rate: float
) -> None:
    rng = np.random.default_rng(0)
    rows = best_look_alikes(rng, 20_000, centre, rate)
    weaker = np.append(rows, rng.uniform(0.87, 0.9, 2000))
    for percent in range(92, 98):
        expected, with_copies, there = (
            look_alikes(rows, rows, percent),
            look_alikes(weaker, weaker, percent),
            (rows >= percent / 100).sum(),
        )
        assert expected is not None
        assert with_copies is not None
        assert expected >= 0.6 * there, "of this draw"
        assert with_copies >= 0.25 * there or there < 10, "far more than the 5 % that a threshold may have"


def test_a_crowd_is_made_of_different_pictures_and_not_of_copies() -> None:
    one, ten = np.zeros(10, np.int64), np.arange(10)
    pairs = Pairs(one, ten, np.full(10, 0.92))
    alone = look_alikes_of(pairs, (np.array([0]), np.ones(10, np.int64)))
    crowd = look_alikes_of(pairs, (np.array([0]), 1 + ten))
    assert (alone.tolist(), crowd.tolist()) == ([0.0], [0.92]), "ten copies of one picture, and ten pictures"


@pytest.mark.parametrize("others", [0.0, 0.3, 0.65])
@pytest.mark.parametrize("copies", range(1, 10))
def test_changed_copies_are_no_crowd_while_other_candidates_differ(copies: int, others: float) -> None:
    """A candidate that is ruled out has the agreement of its small copies, up to 0.65."""
    similarity = np.append(np.linspace(0.94, 0.82, copies), np.full(10 - copies, others))
    pairs = Pairs(np.zeros(10, np.int64), np.arange(10), similarity)
    assert (look_alikes_of(pairs, (np.array([0]), 1 + np.arange(10))) < CROWDED).all()


def test_small_pictures_need_a_higher_agreement_to_be_nearly_identical() -> None:
    assert [usual_near_identity(side) for side in (28, 47, 48, 500, None)] == [0.995, 0.995, 0.99, 0.99, 0.99]


def test_near_identity_is_rarely_chance_however_alike_the_images_are() -> None:
    rng, size = np.random.default_rng(0), 400

    def similar(centre: float, *shape: int) -> Floats:
        return np.tanh(rng.normal(centre, 0.18, shape))

    near = np.full(20, 0.992)
    for centre in (0.4, 1.5, 2.1):
        best = similar(centre, 100, size).max(axis=1)
        lines = [near_identity(similar(centre, 500), best, size, 400) for _ in range(40)]
        reached = [(similar(centre, 200, size).max(axis=1) >= line).mean() for line in lines]
        assert np.mean(reached) < 0.03, "0.01 without the error of the sample"
        assert (max(lines) == 0.99) == (centre < 2)
    copied = np.append(similar(0.4, 475), np.full(25, 0.97))
    assert near_identity(copied, near, size, 400) == 0.99, "copies among random pairs change nothing"
    assert near_identity(similar(2.1, 500), np.full(500, 0.98), size, 400) == 0.99, "no image of train has one"
    some = np.append(similar(0.4, 400), similar(2.1, 100))
    assert near_identity(some, near, size, 400) == 0.99, "most of the images are not alike"
    of_more = [near_identity(similar(2.1, 500), near, count, 400) for count in (size, 100 * size)]
    assert of_more[0] < of_more[1] < 1
    assert near_identity(np.full(500, 0.995), near, size, 400) == 0.995
    assert near_identity(np.full(19, 0.98), near, size, 400) == near_identity(np.empty(0), near, 0, 400) == 0.99


def test_random_pairs_are_common_beyond_one_in_a_hundred_and_chance() -> None:
    assert not is_common(0, 0)
    assert [is_common(alike, 500) for alike in (0, 5, 9, 12, 500)] == [False, False, False, True, True]
    rng = np.random.default_rng(0)
    claimed = [np.mean([is_common(alike, 500) for alike in rng.binomial(500, p, 400)]) for p in (0.01, 0.05)]
    assert claimed[0] < 0.05
    assert claimed[1] > 0.95
