"""A run on real glyphs agrees with stored brute-force results, number by number."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.records import Report
from tasks.records.rows import PairFonts
from tasks.reporting.published_results import Figure, accuracy, members, moment
from tasks.storage.image_files import read_images
from tasks.storage.images import normalize
from tasks.storage.place import Place
from tasks.vocabulary import SplitName
from tests.plain import run


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "data" / "openfonts_expected.json").read_text())
    return found


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openfonts")


def run_on(shared: Path, workspace: Path, **more: Any) -> Report:
    sources: dict[str, Any] = {role: str(shared / "data" / f"openfonts_{role}.tar.gz") for role in ("large", "small")}
    sizes: dict[str, Any] = {"train": 36_000, "validation": 0, "test": 6_000}
    return run(**sources, **sizes, workspace=workspace, models=("softmax",), sizes=(50,), **more)


@pytest.fixture(scope="module")
def found(shared: Path, workspace: Path) -> Report:
    return run_on(shared, workspace)


def rows_at(report: Report, rows_of: SplitName, found_in: SplitName, percent: int) -> int:
    rows = [row for row in report.overlap_by_threshold if (row.rows_of, row.found_in) == (rows_of, found_in)]
    return next(row.rows for row in rows if round(100 * row.jaccard) == percent)


def test_members_means_and_deviations(found: Report, expected: dict[str, Any]) -> None:
    for row in found.conservation:
        truth = expected["letters"][f"openfonts_{row.role}"][row.class_name]
        counts = {name: getattr(row, name) for name in ("members", "accepted", "quarantined")}
        assert counts == {name: truth[name] for name in counts}
        assert row.mean == pytest.approx(truth["mean"], abs=1e-6)
        assert row.std == pytest.approx(truth["std"], abs=1e-6)


def test_quarantined_members_and_reasons(found: Report, expected: dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(found.run / "quarantine.parquet").to_pylist()
    assert {f"notMNIST_{r['role']}/{r['class_name']}/{r['member']}": r["reason"] for r in rows} == expected["reasons"]


def test_exact_overlap_in_both_directions(found: Report, expected: dict[str, Any]) -> None:
    test, train = found.pair("test", "train"), found.pair("train", "test")
    assert test.exact == expected["exact"]["test_in_train"] == 2_052
    assert train.exact == expected["exact"]["train_in_test"] == 3_940
    assert test.distinct_exact == train.distinct_exact == expected["distinct_images"]["shared"] == 1_751


def test_redundancy_within_splits(found: Report, expected: dict[str, Any]) -> None:
    splits: tuple[SplitName, ...] = ("train", "test")
    for name in splits:
        assert found.within_split(name).distinct == expected["distinct_images"][name]
        assert found.within_split(name).one_colour == expected["one_colour_images"][name]


def test_nothing_near_is_missed_and_what_minhash_alone_finds_is_said(found: Report, expected: dict[str, Any]) -> None:
    for percent in (90, 95, 99):
        truth = expected["near"][f"{percent / 100:.2f}".rstrip("0")]["test_rows"]
        assert rows_at(found, "test", "train", percent) == truth
    search, measured = found.near_duplicates, found.near_duplicates.recall_measured
    assert (search.method, search.bands, search.rows_per_band, search.num_perm) == ("all pairs", 12, 10, 120)
    assert (search.recall_at_floor, search.contradicted) == (1.0, False)
    assert measured is not None
    assert measured.rows == sum(found.within_split(name).distinct for name in ("train", "test"))
    assert 0.99 < measured.found_at_floor / measured.true_at_floor <= 1
    assert 0.9999 < measured.found_at_threshold / measured.true_at_threshold <= 1


def test_near_overlap_by_comparing_all_pairs(
    found: Report, shared: Path, workspace: Path, expected: dict[str, Any]
) -> None:
    truth = {percent: expected["near"][f"{percent / 100:.2f}".rstrip("0")] for percent in (85, 90, 95, 99)}
    report = run_on(shared, workspace, exhaustive=True, floor=0.85, threshold=0.85)
    for percent, rows in truth.items():
        assert rows_at(report, "test", "train", percent) == rows["test_rows"]
        assert rows_at(report, "train", "test", percent) == rows["train_rows"]
    for one, percent in ((report, 85), (found, 95)):
        at_threshold = one.pair("test", "train")
        assert at_threshold.either == truth[percent]["test_rows"]
        assert at_threshold.cross_class == truth[percent]["test_rows_with_a_twin_under_another_letter"]
    assert report.near_duplicates.recall_at_floor == 1.0


def test_no_font_of_a_test_glyph_is_in_train(found: Report) -> None:
    assert found.fonts("test", "train") == PairFonts(rows_of="test", found_in="train", rows=0, unknown=0)


def test_published_figures_are_set_beside_measured_ones(found: Report, expected: dict[str, Any]) -> None:
    letters = expected["letters"]["openfonts_large"]
    accepted = sum(facts["accepted"] for facts in letters.values())
    table = [
        Figure("test in train", rows_at(found, "test", "train", 100), None),
        Figure("readable", accepted, members(found, "large", "accepted")),
        Figure("readable B", letters["B"]["accepted"], members(found, "large", "accepted", "B")),
        Figure("mean A", float(letters["A"]["mean"]), moment(found, "large", "mean", "A"), 1e-6),
        Figure("std A", float(letters["A"]["std"]) + 2e-6, moment(found, "large", "std", "A"), 1e-6),
        Figure("twins", expected["exact"]["test_in_train"], found.pair("test", "train").exact),
        Figure("left", 6000 - expected["exact"]["test_in_train"], found.sanitized.exact.test),
        Figure("distinct", expected["distinct_images"]["train"], found.within_split("train").distinct),
        Figure("distinct in test", 1, found.within_split("test").distinct),
        Figure("accuracy at a size that was not trained", 0.9, accuracy(found, "softmax", 100)),
    ]
    verdicts = {figure.name: figure.verdict for figure in table}
    assert {name for name, verdict in verdicts.items() if verdict == "different"} == {"std A", "distinct in test"}
    assert {name for name, verdict in verdicts.items() if verdict == "not checked"} == {
        "test in train",
        "accuracy at a size that was not trained",
    }


def test_mean_and_deviation_of_all_classes_are_those_of_all_pixels(found: Report) -> None:
    images = read_images(map(Place.of, sorted((found.run / "raw").glob("train-*"))))
    if len(images) == sum(row.accepted for row in found.conservation if row.role == "large"):
        pixels = normalize(images.gray).astype("float64")
        assert moment(found, "large", "mean") == pytest.approx(pixels.mean(), abs=1e-9)
        assert moment(found, "large", "std") == pytest.approx(pixels.std(), abs=1e-9)
