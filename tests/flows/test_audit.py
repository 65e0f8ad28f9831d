"""An audit of planted splits: every count is known beforehand."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from flows import pipeline
from flows.engine.progress import visible
from tasks.errors import DataError, GateError, UsageError
from tasks.overlap.minhash import choose_bands, hash_table
from tasks.records import Report
from tasks.records.rows import DuplicateGroups, Gate, LabelConflicts, PairFonts, RowCounts
from tasks.records.splits import RowsLeft
from tasks.vocabulary import SplitName
from tests.build import Gray, font_member, glyphs, noise, png, saved, scene, write_folder
from tests.plain import audit

OWN = glyphs(60, seed=77)


def members(images: dict[str, list[tuple[str, Gray]]]) -> dict[str, bytes]:
    """Return members by class, each a pair of font and image."""
    return {f"{name}/{font_member(font)}": png(image) for name, pairs in images.items() for font, image in pairs}


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build train, validation and test with two classes.

    Test row by row: t0 and t1 equal a train image (one group of three with train's a0), t2 is near
    a1, t3 equals a train image of the other class, t4 is near one of the other class, t5 equals a
    validation image, a2 has the font of a train image, one has a name that gives no font, the others are
    new. Validation: v0 is the image that test has too, v1 equals train's a0, v2 and v3 are new.
    """
    folder = tmp_path_factory.mktemp("planted")
    a0, a1, b0, b1, shared = OWN[:5]
    fresh = iter(OWN[5:])
    train = {
        "A": [("a0.ttf", a0), ("a1.ttf", a1), ("a2.ttf", next(fresh))],
        "B": [("b0.ttf", b0), ("b1.ttf", b1), ("b2.ttf", next(fresh))],
    }
    validation = {
        "A": [("v0.ttf", shared), ("v1.ttf", a0)],
        "B": [("v2.ttf", next(fresh)), ("v3.ttf", next(fresh))],
    }
    test = {
        "A": [
            ("t0.ttf", a0),
            ("t1.ttf", a0),
            ("t2.ttf", noise(a1, 1, seed=0)),
            ("t3.ttf", b0),
            ("t4.ttf", noise(b1, 1, seed=1)),
            ("t5.ttf", shared),
            ("t7.ttf", next(fresh)),
        ],
        "B": [("a2.ttf", next(fresh)), ("t8.ttf", next(fresh)), ("t9.ttf", next(fresh))],
    }
    splits = {"train": train, "validation": validation, "test": test}
    sources = {name: write_folder(folder / name, members(images)) for name, images in splits.items()}
    (sources["test"] / "B" / "plain.png").write_bytes(png(next(fresh)))
    return {name: str(path) for name, path in sources.items()}


def id_of(split: str, class_name: str, font: str) -> str:
    return f"{split}/{class_name}/{font_member(font)}"


@pytest.fixture(scope="module")
def report(prefect_server: None, planted: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Report:
    return audit(**planted, classes=2, exhaustive=True, workspace=tmp_path_factory.mktemp("w"))


def test_all_rows_of_all_splits_are_there(report: Report) -> None:
    assert report.rows == RowCounts(train=6, validation=4, test=11)
    assert report.scores == ()
    assert {row.role for row in report.conservation} == {"train", "validation", "test"}


def test_overlap_in_all_directions(report: Report) -> None:
    expected: dict[tuple[SplitName, SplitName], tuple[int, int, int]] = {
        ("test", "train"): (3, 2, 2),  # t0, t1, t3 exact; t2, t4 near; t3, t4 of another class
        ("train", "test"): (2, 2, 2),
        ("test", "validation"): (3, 0, 0),  # t5, and t0 and t1 through v1
        ("validation", "test"): (2, 0, 0),
        ("validation", "train"): (1, 0, 0),
        ("train", "validation"): (1, 0, 0),
    }
    for pair, counts in expected.items():
        found = report.pair(*pair)
        assert (found.exact, found.near, found.cross_class) == counts, pair
        assert found.either == found.exact + found.near
    assert report.pair("test", "train").distinct_exact == 2


def test_removed_rows_and_their_best_twins(report: Report) -> None:
    removed = {row["id"]: row for row in pq.read_table(report.run / "removed.parquet").to_pylist()}
    assert {(name, row["reason"], row["twin_id"]) for name, row in removed.items()} == {
        (id_of("validation", "A", "v1.ttf"), "exact", id_of("train", "A", "a0.ttf")),
        (id_of("test", "A", "t0.ttf"), "exact", id_of("train", "A", "a0.ttf")),
        (id_of("test", "A", "t1.ttf"), "exact", id_of("train", "A", "a0.ttf")),
        (id_of("test", "A", "t2.ttf"), "near", id_of("train", "A", "a1.ttf")),
        (id_of("test", "A", "t3.ttf"), "exact", id_of("train", "B", "b0.ttf")),
        (id_of("test", "A", "t4.ttf"), "near", id_of("train", "B", "b1.ttf")),
        (id_of("test", "A", "t5.ttf"), "exact", id_of("validation", "A", "v0.ttf")),
    }
    assert report.sanitized == RowsLeft(
        exact=RowCounts(train=6, validation=3, test=7), near=RowCounts(train=6, validation=3, test=5)
    )


def test_groups_are_stars(report: Report) -> None:
    # a0 with v1, t0, t1; a1 with t2; b0 with t3; b1 with t4; v0 with t5
    assert report.groups == DuplicateGroups(count=5, rows=12, largest=4)


def test_label_conflicts_are_counted_and_listed(report: Report) -> None:
    assert report.label_conflicts == LabelConflicts(images=4, open=4)
    listed = pq.read_table(report.run / "label_conflicts.parquet").to_pylist()
    named = {(row["id"], row["twin_id"], row["reason"]) for row in listed}
    for row, twin, reason in (("t3.ttf", "b0.ttf", "exact"), ("t4.ttf", "b1.ttf", "near")):
        here, there = id_of("test", "A", row), id_of("train", "B", twin)
        assert {(here, there, reason), (there, here, reason)} <= named
    assert len(listed) == 4


def test_fonts_that_leak_are_counted_and_unknown_names_too(report: Report) -> None:
    assert report.fonts("test", "train") == PairFonts(rows_of="test", found_in="train", rows=1, unknown=1)
    assert report.fonts("train", "test").rows == 1


def test_protecting_test_turns_it_round(planted: dict[str, Any], report: Report) -> None:
    turned = audit(**planted, classes=2, protect="test", exhaustive=True, workspace=report.run.parents[1])
    removed = {row["id"] for row in pq.read_table(turned.run / "removed.parquet").to_pylist()}
    assert removed == {
        id_of("validation", "A", "v0.ttf"),
        id_of("validation", "A", "v1.ttf"),
        *(id_of("train", name, f"{name.lower()}{n}.ttf") for name in "AB" for n in range(2)),
    }
    assert turned.sanitized.near == RowCounts(train=2, validation=2, test=11)
    assert sorted(path.name.split("-")[0] for path in (turned.run / "sanitized").iterdir()) == ["train", "validation"]


def test_a_gate_that_does_not_hold_fails_the_run_after_its_report(
    prefect_server: None, planted: dict[str, Any], report: Report
) -> None:
    workspace = report.run.parents[1]
    given = planted | {"classes": 2, "exhaustive": True, "max_overlap": 0.01, "workspace": workspace}
    state: Any = pipeline.audit(**given, return_state=True)
    assert state.is_failed()
    said = "6 of 11 test images (54.55 %) have a duplicate in train or validation, more than the 1 % allowed by "
    assert str(state.message).startswith(said)
    with pytest.raises(GateError) as caught:
        state.result()
    failed = caught.value.report
    assert (failed.run / "report.json").is_file()
    assert [(gate.name, gate.passed) for gate in failed.gates] == [
        ("max_quarantine", True),
        ("max_overlap", False),
    ]


def test_gates_that_hold_are_in_the_report(planted: dict[str, Any], report: Report) -> None:
    passed = audit(**planted, classes=2, exhaustive=True, max_overlap=0.6, min_rows=5, workspace=report.run.parents[1])
    assert passed.gates == (
        Gate(name="max_quarantine", limit=0.01, value=0.0, passed=True),
        Gate(name="max_overlap", limit=0.6, value=6 / 11, passed=True),
        Gate(name="min_rows", limit=5, value=5, passed=True),
    )


def test_min_rows_is_a_gate_too(planted: dict[str, Any], report: Report) -> None:
    with pytest.raises(GateError, match="Too few test images are left: 5, and --min-rows requires 6"):
        audit(**planted, classes=2, exhaustive=True, min_rows=6, workspace=report.run.parents[1])


def test_validation_may_be_left_out(planted: dict[str, Any], report: Report) -> None:
    two = audit(train=planted["train"], test=planted["test"], classes=2, workspace=report.run.parents[1])
    assert two.rows == RowCounts(train=6, validation=0, test=11)
    assert two.pair("test", "train").either == 5
    recall = two.near_duplicates.recall_measured
    assert recall is not None
    assert recall.rows == sum(two.within_split(name).distinct for name in ("train", "test"))
    assert recall.found_at_floor == recall.true_at_floor > 0


def test_sanitized_splits_are_clean_when_audited_again(planted: dict[str, Any], report: Report, tmp_path: Path) -> None:
    kept = {name: set(pq.read_table(report.run / "sanitized" / f"{name}-00000-of-00001.parquet")["id"].to_pylist())
            for name in ("validation", "test")}  # fmt: skip
    for split, ids in kept.items():
        for name in ids:
            source = Path(planted[split]) / name.split("/", 1)[1]
            target = tmp_path / split / name.split("/", 1)[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    again = audit(
        train=planted["train"], validation=str(tmp_path / "validation"), test=str(tmp_path / "test"),
        classes=2, exhaustive=True, workspace=report.run.parents[1],
    )  # fmt: skip
    assert again.groups == DuplicateGroups(count=0, rows=0, largest=0)
    assert [pair.either for pair in again.overlap] == [0] * 6


def test_what_cannot_be_is_a_usage_error(prefect_server: None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="max_overlap: give a number of at least 0 and at most 1"):
        audit(train="a", test="b", max_overlap=2.0, workspace=tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"root": ""}, "root is empty; give a value, or leave it out."),
        ({"root": "a", "workspace": ""}, "workspace is empty; give a value, or leave it out."),
        ({"train": "a", "test": ["b", ""]}, "test is empty; give a value, or leave it out."),
        ({"root": b"a"}, "root: give a text."),
    ],
)
def test_what_is_empty_or_no_text_is_not_the_current_folder(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=re.escape(said)):
        audit(**given)


def test_what_is_not_utf_8_is_refused(prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"root": str(tmp_path), "workspace": tmp_path}
    (old := tmp_path / "old\udcff").mkdir()
    for wrong in (
        {"root": str(old)},
        {"workspace": str(old)},
        {"columns": ("path=\ud800",)},
        {"root": "s3://b/\udcff"},
        {"root": "a\0"},
    ):
        with pytest.raises(UsageError, match=r"\\(ud[c8][f0][f0]|0) has a name that is not UTF-8"):
            audit(**(whole | wrong))
    with pytest.raises(UsageError, match=r"^https://here/\\udcff has a name"):
        audit(root="https://me:secret@here/\udcff?token", workspace=tmp_path)
    monkeypatch.chdir(old)
    with pytest.raises(UsageError, match=r"old\\udcff/workspace has a name"):
        audit(root=str(tmp_path))


def test_a_common_mark_hides_no_leak(prefect_server: None, tmp_path: Path) -> None:
    """Test images are train images with a few changed pixels that mislead MinHash with the hash positions of seed 1."""
    bands = choose_bands(128, 90, 0.99)
    mark = hash_table(784, bands.bands * bands.rows, seed=1)[:: bands.rows].argmin(axis=1)
    ink = np.random.default_rng(0).random((80, 784)) < 0.35
    ink[:, mark] = False
    images = {"train": ink, "test": ink[:20].copy()}
    images["test"][:, mark] = True
    sources: dict[str, Any] = {}
    for split, patterns in images.items():
        gray = (255 * patterns).astype(np.uint8).reshape(-1, 28, 28)
        members = {f"{'AB'[number % 2]}/{number}.png": png(image) for number, image in enumerate(gray)}
        sources[split] = str(write_folder(tmp_path / split, members))
    with pytest.raises(GateError, match=r"20 of 20 test images \(100\.00 %\) have a duplicate in train") as caught:
        audit(**sources, max_overlap=0.01, workspace=tmp_path / "w")
    measured = caught.value.report.near_duplicates.recall_measured
    assert measured.true_at_threshold == measured.found_at_threshold == 40, "other positions are drawn for every input"


@pytest.mark.parametrize("copied", [False, True])
def test_how_minhash_searched_is_said_of_test_in_train(
    copied: bool,
    photographs: dict[str, Any],
    prefect_server: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.overlap.proposals.AFFORDABLE", 0)
    copy = {"validation": str(shutil.copytree(photographs["train"], tmp_path / "copy"))} if copied else {}
    report = audit(**photographs, **copy, workspace=tmp_path / "w", max_quarantine=0.5)
    search, bands = report.near_duplicates, choose_bands(672, 60, 0.93)
    assert (search.method, search.bands, search.rows_per_band) == ("minhash", bands.bands, bands.rows)
    assert search.recall_at_floor == bands.recall_at(0.60)
    assert search.recall_measured
    assert search.recall_measured.rows == report.pair("test", "train").rows


@pytest.mark.parametrize("unreadable", ["train", "test"])
def test_a_source_of_which_nothing_can_be_read_is_refused_in_a_sentence(
    unreadable: str, prefect_server: None, tmp_path: Path
) -> None:
    """What is cut or no image is refused for its reason, under whatever name it comes."""
    good = {f"{name}/{n}.png": saved(scene(60, 50, seed=n), "PNG") for n, name in enumerate("aabb")}
    bad = {f"{name}/{n}.jpg": saved(scene(60, 50, seed=n), "JPEG")[: 300 - n] for n, name in enumerate("aab")}
    members = {"train": good, "test": good} | {unreadable: bad | {"b/x.jpg": b"text", "a/notes.txt": b"text"}}
    given: dict[str, Any] = {name: str(write_folder(tmp_path / name, of)) for name, of in members.items()}
    with pytest.raises(DataError) as caught:
        audit(**given, workspace=tmp_path / "w", max_quarantine=1)
    assert str(caught.value) == (
        f"no image of {unreadable} {given[unreadable]} can be read; left out: 3 as cut_jpeg, 1 as not_image_name, "
        "1 as not_image. Look at a/0.jpg (ends at byte 300), or name another source."
    )


def test_where_no_sampled_image_can_be_read_that_is_said(
    prefect_server: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {f"{name}/{n}.jpg": saved(scene(60, 50, seed=n), "JPEG")[:300] for n, name in enumerate("aabb")}
    with visible(), pytest.raises(DataError, match=f"no image of source {tmp_path}/bad can be read"):
        pipeline.dedupe(str(write_folder(tmp_path / "bad", bad)), workspace=tmp_path / "w")
    assert "view photo, since none of the sampled images can be read; --view" in capsys.readouterr().err


def test_of_a_source_without_classes_the_example_is_named_by_its_own_path(prefect_server: None, tmp_path: Path) -> None:
    good = {f"{n}.png": saved(scene(60, 50, seed=n), "PNG") for n in range(4)}
    given: dict[str, Any] = {
        name: str(write_folder(tmp_path / name, of)) for name, of in {"train": good, "test": {"1.jpg": b"text"}}.items()
    }
    with pytest.raises(DataError, match=r"left out: 1 as not_image\. Look at 1\.jpg"):
        audit(**given, workspace=tmp_path / "w")


def test_the_page_shows_the_parameters_that_were_given(audited: Report) -> None:
    page = (audited.run / "report.html").read_text(encoding="utf-8")
    settings = page[page.index('id="settings"') :]
    for name, said in (("also", "mirrored"), ("exhaustive", "False")):
        assert f'<th scope="row">{name}</th><td class="name"><bdi>{said}</bdi>' in settings
    assert '<th scope="row">max_overlap</th>' not in settings
    assert '<th scope="row">columns</th>' not in settings
