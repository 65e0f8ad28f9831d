"""The verdict on matches of known nature: the lowest similarity of duplicates."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tasks.overlap.baseline import BASELINE
from tasks.overlap.components import MATCH, Matches
from tasks.overlap.verdict import judge, lines_of
from tasks.records.verdict import Verdict
from tasks.registration.views import VIEWS

Floats = NDArray[np.float64]
INK, PHOTO = VIEWS["ink"], VIEWS["photo"]


def look_alikes(rows: int, seed: int, rate: float = 6.0, centre: float = 0.2) -> Floats:
    """Return best similarities without copies: Fisher's z of each follows a Gumbel distribution."""
    return np.tanh(centre + np.random.default_rng(seed).gumbel(0, 1 / rate, rows))


def copies(rows: int, low: float = 0.97) -> Floats:
    return np.linspace(low, 0.999, rows)


def baseline(train: Floats, random: Floats, beyond: Floats | None = None, labels: Any = None) -> pa.Table:
    kinds = pa.array(["train"] * len(train) + ["random"] * len(random) + ["drawn"] * len(random), pa.string())
    both = np.concatenate([train, random, random])
    crowd, label = np.zeros(len(both)), np.zeros(len(both), np.int64)
    if beyond is not None:
        crowd[: len(train)] = beyond
    if labels is not None:
        label[: len(train)] = labels
    return pa.table([kinds, both, crowd, label], schema=BASELINE)


def matches_of(similarity: Floats, beyond: Floats | None = None, **more: Any) -> Matches:
    found = np.zeros(len(similarity), MATCH)
    found["best"], found["beyond"], found["rows"] = similarity, 0.0 if beyond is None else beyond, 1
    for name, values in more.items():
        found[name] = values
    return found


def of_pictures(
    similarity: Floats, side: int = 32, asked: float | None = None, random: Floats | None = None
) -> Verdict:
    """Judge photographs with a short side of `side` pixels, given a baseline without copies."""
    unrelated = np.full(500, 0.3) if random is None else random
    return judge(matches_of(similarity), baseline(look_alikes(500, seed=9), unrelated), PHOTO, 86, asked, side, 1000)


@pytest.mark.parametrize("side", [32, 400])
def test_copies_among_unlike_pictures_are_duplicates_from_the_lowest_threshold_on_whatever_their_size(
    side: int,
) -> None:
    found = of_pictures(np.append(look_alikes(500, 0), copies(100, 0.88)), side)
    assert (found.threshold, found.reason, found.why_not, found.warning) == (0.87, "own", None, "")
    assert (found.least, found.own, found.short_side) == (0.86, 0.87, side)
    assert found.near_identical == (0.995 if side == 32 else 0.99)
    assert found.unconfirmed == 0


def test_look_alikes_alone_are_undecided_and_near_identical_ones_are_duplicates() -> None:
    rows = look_alikes(2000, 0, centre=1.2)
    found = of_pictures(rows)
    assert (found.threshold, found.reason, found.why_not) == (0.995, "near_identical", "alike")
    assert found.unconfirmed == ((rows >= 0.95) & (rows < 0.995)).sum() > 50
    assert "undecided" in found.warning


@pytest.mark.parametrize("above", [0, 40])
def test_more_matches_than_look_alikes_explain_are_undecided_below_a_threshold_or_without_one(above: int) -> None:
    alike, weak = look_alikes(400, 0, centre=0.5), np.linspace(0.87, 0.93, 60)
    found = of_pictures(np.concatenate([alike, weak, copies(above, 0.98)]), 400)
    (kind,) = found.kinds
    assert kind.undecided is not None
    assert kind.undecided <= 0.89
    assert found.why_not == "alike"
    assert found.unconfirmed >= 40
    without = of_pictures(np.append(alike, copies(above, 0.98)), 400)
    assert without.unconfirmed <= 2


@pytest.mark.parametrize("count", [0, 5, 20, 80, 300])
def test_further_copies_turn_no_undecided_match_into_a_different_picture(count: int) -> None:
    """With many copies the threshold is 0.97, and a match of 0.96 was different, which alone was undecided."""
    similar = np.append(look_alikes(200, 0, rate=4.0, centre=0.85), np.linspace(0.971, 0.989, count))
    similarity = np.append(np.minimum(similar, 0.989), 0.96)
    found = of_pictures(similarity, side=200)
    line, unsure = lines_of(matches_of(similarity), found, PHOTO)
    assert min(line[-1], unsure[-1]) <= 0.96


def test_where_nothing_is_alike_nothing_is_in_doubt() -> None:
    found = of_pictures(np.full(1000, 0.4))
    assert (found.why_not, found.warning, found.unconfirmed) == (None, "", 0)


def test_kinds_have_thresholds_of_their_own_and_one_without_does_not_silence_the_other() -> None:
    unlike, products, planted = look_alikes(400, 0), look_alikes(400, 1, centre=1.9), copies(60, 0.9)
    rows = np.concatenate([unlike, planted, products])
    beyond = np.concatenate([unlike - 0.1, np.full(60, 0.3), products - 0.02])
    matches, of_train = matches_of(rows, beyond), baseline(unlike, np.repeat([0.3, 0.7], [400, 100]), unlike - 0.1)
    found = judge(matches, of_train, PHOTO, 86, None, 160, 1000)
    assert [(kind.kind, kind.threshold is not None) for kind in found.kinds] == [("alone", True), ("crowd", False)]
    line, _ = lines_of(matches, found, PHOTO)
    called = rows >= line
    assert called[400:460].mean() > 0.9
    assert not called[460:][products < 0.99].any()
    assert found.unconfirmed == (~called[460:] & (products >= 0.95)).sum() > 0


@pytest.mark.parametrize(("random", "undecided"), [(0.3, True), (0.8, False)])
def test_a_crowd_is_undecided_unless_random_pairs_resemble_each_other_as_well(random: float, undecided: bool) -> None:
    """If they do not, a crowd may be many changed versions of one picture."""
    rows = np.append(look_alikes(400, 0), look_alikes(60, 1, centre=1.5).clip(0.87, 0.94))
    beyond = np.repeat([0.3, 0.85], [400, 60])
    of_train = baseline(look_alikes(400, 2), np.full(500, random), np.full(400, 0.3))
    found = judge(matches_of(rows, beyond), of_train, PHOTO, 86, None, 160, 1000)
    assert found.kinds[-1].threshold is None
    assert (found.unconfirmed >= 60) == undecided


def test_where_random_pairs_are_nearly_identical_that_proves_nothing() -> None:
    found = of_pictures(np.append(look_alikes(500, 0), copies(100)), random=np.repeat([0.3, 0.999], [480, 20]))
    assert (found.near_identical, found.threshold, found.why_not) == (None, None, "alike")


def test_near_identity_of_chained_pictures_proves_nothing() -> None:
    alike = np.minimum(look_alikes(1000, 2, centre=1.5), 0.98)
    rows = np.append(np.full(40, 0.991), alike)
    matches = matches_of(rows, chained=np.arange(1040) < 20)
    found = judge(matches, baseline(look_alikes(500, 1, centre=1.5), np.full(500, 0.3)), PHOTO, 86, None, 400, 1000)
    assert (found.reason, found.threshold) == ("near_identical", 0.99)
    assert np.flatnonzero(rows >= lines_of(matches, found, PHOTO)[0]).tolist() == list(range(20, 40))
    assert found.unconfirmed == 20 + (alike >= 0.95).sum()


def test_matches_with_little_texture_are_undecided_and_counted_unless_a_threshold_is_asked_for() -> None:
    rows = np.append(look_alikes(500, 0), np.append(copies(20, 0.9), np.zeros(30)))
    matches = matches_of(rows, faint=np.append(np.zeros(510), np.append(copies(25, 0.98), np.full(15, 0.5))))
    of_train = baseline(look_alikes(500, seed=9), np.full(500, 0.3))
    found, asked = (judge(matches, of_train, PHOTO, 86, asked, 32, 1000) for asked in (None, 0.9))
    assert (found.why_not, found.unconfirmed) == ("faint", 15), "ten more are duplicates of others"
    assert (
        found.warning == "Some similar images have little texture, or different colours: similar images are undecided."
    )
    assert (asked.why_not, asked.unconfirmed) == (None, 0)
    assert found.predicted_at(0.98, undecided=True) is None is not found.predicted_at(0.98, undecided=False)


def test_a_threshold_that_is_asked_for_is_taken_and_doubted() -> None:
    found = of_pictures(look_alikes(2000, 0, centre=1.2), asked=0.9)
    assert (found.threshold, found.reason) == (0.9, "asked")
    assert lines_of(matches_of(np.zeros(3)), found, PHOTO)[0].tolist() == [0.9] * 3
    assert found.unconfirmed == 0


def test_copies_of_glyphs_are_near_by_definition_however_smoothly_they_decline() -> None:
    rng = np.random.default_rng(0)
    points, others = rng.random((2000, 4)), rng.random((1500, 4))
    distance = np.sqrt(((points[:, None] - others[None]) ** 2).sum(axis=2)).min(axis=1)
    rows = np.clip(1 - 0.4 * distance, 0, 1)
    found = judge(matches_of(rows), baseline(rows[:1000], np.full(500, 0.3)), INK, 90, None, None, 1000)
    assert (found.threshold, found.reason, found.why_not, found.unconfirmed) == (0.95, "view", None, 0)
    assert found.expected == pytest.approx((rows[:1000] >= 0.95).mean()), "the same share happens without a leak"


def test_what_to_expect_of_glyphs_is_taken_from_train_rows_of_the_same_classes() -> None:
    train, labels = np.repeat([0.99, 0.5], [300, 700]), np.repeat([0, 1], [300, 700])
    given = baseline(train, np.full(500, 0.3), labels=labels)
    for share in (0.0, 0.25, 1.0):
        of_test = np.repeat([0, 1], [int(400 * share), 400 - int(400 * share)])
        found = judge(matches_of(np.full(400, 0.5), label=of_test), given, INK, 90, None, None, 1000)
        assert found.expected == pytest.approx(share)
    strange = judge(matches_of(np.full(400, 0.5), label=np.full(400, 7)), given, INK, 90, None, None, 1000)
    assert strange.expected is None, "train lacks rows of that class"


def test_the_definition_of_glyphs_is_off_only_where_random_pairs_meet_it() -> None:
    rows = np.repeat([0.99, 0.4], [100, 300])
    found = judge(matches_of(rows), baseline(rows, np.repeat([0.3, 0.97], [480, 20])), INK, 90, None, None, 1000)
    assert (found.threshold, found.reason, found.why_not, found.unconfirmed) == (None, "chance", "chance", 100)
    assert "random pairs" in found.warning


def test_too_few_pictures_say_nothing() -> None:
    found = judge(matches_of(copies(5, 0.9)), baseline(copies(4), np.empty(0)), PHOTO, 86, None, 400, 1000)
    assert (found.threshold, found.reason) == (0.99, "near_identical")
    assert [kind.threshold for kind in found.kinds] == [None]


def test_bands_count_every_row_from_the_lowest_edge_once() -> None:
    rows = np.array([0.2, 0.86, 0.879, 0.9, 0.95, 0.99, 0.995, 1.0])
    matches = matches_of(rows, other_class=rows == 0.995, rows=np.array([1, 1, 2, 1, 1, 1, 1, 1]))
    found = judge(matches, baseline(np.array([0.5, 0.9]), np.array([0.86, 0.2, 0.2, 0.2])), PHOTO, 86, None, 32, 1000)
    assert sum(band.rows for band in found.bands) == 8, "an image may have several rows"
    counted = {band.low: (band.rows, band.other_class, band.baseline, band.random) for band in found.bands}
    assert counted[0.86] == (3, 0, 0.0, 0.25)
    assert counted[0.90] == (1, 0, 0.5, 0.0)
    assert counted[0.99] == (3, 1, 0.0, 0.0)
    assert [point.rows for point in found.curve][:3] == [8, 7, 5]
    values = [point.precision for point in found.curve if point.precision is not None]
    assert values == sorted(values), "precision does not decrease with similarity"
