"""Gates fail for duplicates in any evaluated split, for undecided rows, and without rows."""

import re
import shlex
import tomllib
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Colours

from tasks.errors import GateError, UndecidedError
from tasks.presenting.words import Numbers, answer, sentences
from tasks.records import Report
from tasks.records.inputs import IgnoredKind
from tasks.records.reasons import REMEDIES
from tasks.records.rows import RowCounts
from tasks.records.spec import AuditSpec
from tasks.reporting.gates import enforce_gates, measure_gates
from tests.build import ROOT, glyphs, png, saved, scene, write_folder
from tests.flows.test_cli import here
from tests.overlap.test_copies import film, noisy
from tests.plain import audit, dedupe
from tests.sources.detection_sets import Image, yolo

LIMIT: dict[str, Any] = {"max_overlap": 0.01, "max_quarantine": 1}


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the frames of one film, every other one in test: duplicates cannot be distinguished from look-alikes."""
    files = {f"{('train', 'test')[n % 2]}/a/{n:03d}.png": saved(frame, "PNG") for n, frame in enumerate(film(60))}
    return write_folder(tmp_path_factory.mktemp("film"), files)


def test_a_gate_that_can_not_tell_fails_with_a_code_of_its_own_and_names_the_ways_on(
    prefect_server: None, frames: Path, tmp_path: Path
) -> None:
    with pytest.raises(UndecidedError, match="more are undecided: that may be more than the 1 % allowed") as caught:
        audit(root=str(frames), workspace=tmp_path, **LIMIT)
    assert caught.value.exit_code == 5
    assert "`cleansplit review " in str(caught.value)
    report: Report = caught.value.report
    leak, (gate,) = report.pair("test", "train"), (one for one in report.gates if one.name == "max_overlap")
    assert leak.either == 0
    assert leak.undecided == report.verdict.unconfirmed > 20
    assert (gate.value, gate.most, gate.passed) == (0, leak.undecided / 30, False)
    assert f"{leak.undecided} of the 30 test images may have a duplicate in train; none is certain." in answer(
        Numbers(report)
    )
    assert (report.run / "unconfirmed.parquet").is_file()
    assert "with undecided images, limit" in (report.run / "report.html").read_text()
    assert audit(root=str(frames), workspace=tmp_path, undecided="pass", **LIMIT).gates[-1].passed
    with pytest.raises(GateError, match="have a duplicate in train"):
        audit(root=str(frames), workspace=tmp_path, threshold=0.9, **LIMIT)


def test_a_rare_set_of_labels_with_a_damaged_image_fails_no_gate(prefect_server: None, tmp_path: Path) -> None:
    images: list[Image] = [(f"{n:03d}", n, (n % 3,)) for n in range(109)]
    path = write_folder(tmp_path / "set", yolo({"all": [*images, ("rare", 109, (1, 0))]}))
    (path / "images/all/rare.jpg").write_bytes(b"")
    assert dedupe(str(path), workspace=tmp_path / "w").gates[0].value == 1 / 110
    (path / "images/all/000.jpg").write_bytes(b"")
    with pytest.raises(GateError, match=r"^Quarantined: 2 of 110 images of source \(1.82 %\), .*: no bytes \(2\)"):
        dedupe(str(path), workspace=tmp_path / "w")


def test_duplicates_inside_a_set_that_nobody_can_tell_fail_alike(
    prefect_server: None, frames: Path, tmp_path: Path
) -> None:
    with pytest.raises(UndecidedError, match="more are undecided") as caught:
        dedupe(str(frames / "train"), max_duplicates=0.05, workspace=tmp_path)
    (inside,) = (of for of in caught.value.report.duplicates if of.rows)
    assert inside.undecided > 20
    assert f"{inside.undecided} of the 30 images may be duplicates" in answer(Numbers(caught.value.report))


def splits_of(folder: Path, **rows: list[int]) -> str:
    own = glyphs(60, seed=8)
    files = {f"{split}/{'ab'[n % 2]}/{n}.png": png(own[n]) for split, some in rows.items() for n in some}
    return str(write_folder(folder, files))


def test_images_beside_the_class_folders_are_told_and_fail_the_gate(prefect_server: None, tmp_path: Path) -> None:
    """They may be copies of train, but are not compared."""
    own = glyphs(40, seed=8)
    files = {f"train/{'ab'[n % 2]}/{n}.png": png(own[n]) for n in range(30)}
    files |= {f"test/a/{n}.png": png(own[n]) for n in range(30, 40)} | {f"test/{n}.png": png(own[n]) for n in range(6)}
    root = str(write_folder(tmp_path / "data", files))
    said = r"^Quarantined: 6 of 16 images of test \(37\.50 %\), .*: an image outside the class folders \(6; move each"
    with pytest.raises(GateError, match=said) as caught:
        audit(root=root, workspace=tmp_path / "w", max_overlap=0)
    numbers = Numbers(caught.value.report)
    assert "6 files were refused, so they are not compared" in answer(numbers)
    assert sentences(numbers, "outcome") == ["undecided"]
    assert "Look at the refused files, which may be copies" in sentences(numbers, "next_steps")[-1]
    assert audit(root=root, workspace=tmp_path / "w", max_quarantine=0.38).rows.test == 10


def test_ignored_images_and_archives_are_told_however_few_they_are(prefect_server: None, tmp_path: Path) -> None:
    files = {
        f"{split}/{n}.png": png(image) for split in ("train", "test") for n, image in enumerate(glyphs(150, seed=3))
    }
    rows = "".join(f"{n}.png,x\n" for n in range(149))
    tables = {f"{split}.csv": f"file_name,label\n{rows}".encode() for split in ("train", "test")}
    root = write_folder(tmp_path / "data", files | tables | {"test.zip": b"", "notes.md": b""})
    numbers = Numbers(audit(root=str(root), workspace=tmp_path / "w"))
    assert "Files ignored, so not compared: 3 of 302 (2 .png, 1 .zip)." in answer(numbers)
    assert sentences(numbers, "outcome") == ["duplicates"]
    clean = Numbers(replace(numbers.report, states=tuple(replace(of, duplicates=0) for of in numbers.report.states)))
    assert sentences(clean, "outcome") == ["undecided"]


def test_without_a_test_split_answer_and_gate_speak_of_validation(prefect_server: None, tmp_path: Path) -> None:
    root = splits_of(tmp_path / "data", train=list(range(30)), val=list(range(24, 40)))
    with pytest.raises(GateError, match=r"6 of 16 validation images \(37\.50 %\) have a duplicate in train") as caught:
        audit(root=root, workspace=tmp_path / "w", **LIMIT)
    said = answer(Numbers(caught.value.report))
    assert "6 of the 16 validation images (37.5 %) have a duplicate in train." in said
    with pytest.raises(GateError, match="Too few validation images are left: 10, and --min-rows requires 11"):
        audit(root=root, workspace=tmp_path / "w", min_rows=11)
    with pytest.raises(GateError, match="have a duplicate in train"):
        audit(root=root, workspace=tmp_path / "w", summary=tmp_path / "gone" / "summary.md", **LIMIT)


def test_a_test_that_is_all_in_validation_fails(prefect_server: None, tmp_path: Path) -> None:
    root = splits_of(tmp_path / "data", train=list(range(20)), val=list(range(20, 40)), test=list(range(20, 40)))
    with pytest.raises(GateError, match=r"20 of 20 test images \(100\.00 %\) have a duplicate in validation") as caught:
        audit(root=root, workspace=tmp_path / "w", **LIMIT)
    assert "20 of the 20 test images (100.0 %) have a duplicate in validation." in answer(Numbers(caught.value.report))


def test_images_of_one_colour_and_ramps_which_can_not_be_compared_pass_no_gate(
    prefect_server: None, tmp_path: Path
) -> None:
    plain = {f"test/a/{n}.png": saved(Colours.new("RGB", (64, 64), (n, 90, 0)), "PNG") for n in range(5)}
    ramp = Colours.linear_gradient("L").resize((64, 64)).rotate(30, Colours.Resampling.BICUBIC, expand=True)
    ramps = {f"test/a/{5 + n}.png": saved(ramp.crop((26 - n, 26, 58 + n, 58)), "PNG") for n in range(4)}
    scenes = {f"{'train' if n else 'test'}/b/{n}.png": saved(scene(64, 64, n), "PNG") for n in range(10)}
    how: dict[str, Any] = {"root": str(write_folder(tmp_path / "data", plain | ramps | scenes)), "view": "photo"}
    with pytest.raises(GateError, match=r"9 of the 10 test images have no usable fingerprint, so .* `--und") as caught:
        audit(**how, workspace=tmp_path / "w", **LIMIT)
    numbers = Numbers(caught.value.report)
    assert sentences(numbers, "outcome") == ["undecided"]
    assert "9 of the 10 test images have no usable fingerprint, so changed copies may be missed." in answer(numbers)
    assert audit(**how, workspace=tmp_path / "w", undecided="pass", **LIMIT).gates[-1].passed
    assert audit(**how, workspace=tmp_path / "w", max_overlap=0.9).gates[-1].passed


def test_undecided_images_and_others_that_can_not_be_compared_count_together(audited: Report) -> None:
    assert isinstance(audited.spec, AuditSpec)
    fifths = ((of, of.rows // 5) for of in audited.states)
    states = tuple(replace(of, duplicates=0, undecided=fifth, blank=fifth) for of, fifth in fifths)
    for limit, undecided, passed in ((0.2, "fail", False), (0.2, "pass", True), (0.4, "fail", True)):
        spec = replace(audited.spec, max_overlap=limit, undecided=undecided)  # type: ignore[arg-type]
        gate = measure_gates(replace(audited, spec=spec, states=states))[-1]
        assert (gate.name, gate.value is None, gate.passed) == ("max_overlap", not passed, passed)


def test_a_single_image_that_can_not_be_compared_passes_no_gate_on_any_duplicate(audited: Report) -> None:
    assert isinstance(audited.spec, AuditSpec)
    states = tuple(replace(of, duplicates=0, undecided=0, blank=int(of.split == "test")) for of in audited.states)
    for limit, passed in ((0.0, False), (0.5, True)):
        spec = replace(audited.spec, max_overlap=limit)
        assert measure_gates(replace(audited, spec=spec, states=states))[-1].passed == passed


def test_duplicates_and_images_that_can_not_be_compared_are_added_in_the_same_split_only(audited: Report) -> None:
    assert isinstance(audited.spec, AuditSpec)
    (test,) = audited.states
    states = (
        replace(test, duplicates=test.rows // 5, undecided=0, blank=0),
        replace(test, split="validation", duplicates=0, undecided=0, blank=test.rows // 5),
    )
    for limit, passed in ((0.2, True), (0.1, False)):
        spec = replace(audited.spec, max_overlap=limit)
        assert measure_gates(replace(audited, spec=spec, states=states))[-1].passed == passed


def test_an_image_that_can_not_be_compared_but_has_an_identical_copy_counts_once(
    prefect_server: None, tmp_path: Path
) -> None:
    plain = [saved(Colours.new("RGB", (64, 64), (40 * n, 90, 0)), "PNG") for n in range(5)]
    scenes = [saved(scene(64, 64, n), "PNG") for n in range(40)]
    files = {f"{split}/a/plain{n}.png": plain[n] for split in ("train", "test") for n in range(2)}
    files |= {f"{('train', 'test')[n % 2]}/b/{n}.png": scenes[n] for n in range(36)}
    how: dict[str, Any] = {"workspace": tmp_path / "w", "view": "photo"}
    root = str(write_folder(tmp_path / "data", files))
    report = audit(root=root, max_overlap=0.1, **how)
    leak = report.pair("test", "train")
    assert (leak.rows, leak.exact, leak.blank, report.within_split("test").blank) == (20, 2, 0, 2)
    assert (report.gates[-1].value, report.gates[-1].passed) == (0.1, True)
    write_folder(tmp_path / "data", {"test/a/other.png": plain[4], "test/b/other.png": scenes[39]})
    with pytest.raises(GateError, match="can't be checked"):
        audit(root=root, max_overlap=0.1, **how)

    copies = {f"a/{n}.png": plain[n // 3] for n in range(5)} | {f"b/{n}.png": scenes[n] for n in range(15)}
    copies |= {f"{label}/other.png": plain[3] for label in "ab"}  # one stays for its label
    source = str(write_folder(tmp_path / "set", copies))
    (inside,) = (of for of in dedupe(source, max_duplicates=7 / 22, **how).duplicates if of.rows)
    assert (inside.exact, inside.held, inside.blank) == (3, 1, 3), "of each colour, one image stays uncompared"
    with pytest.raises(GateError, match="can't be checked: 7 of the 22 images have no usable fingerprint"):
        dedupe(source, max_duplicates=6 / 22, **how)


def test_a_gate_speaks_of_one_image_in_the_singular(audited: Report) -> None:
    assert isinstance(audited.spec, AuditSpec)
    states = tuple(replace(of, duplicates=1, in_train=1, undecided=0) for of in audited.states)
    limited = replace(audited, spec=replace(audited.spec, max_overlap=0.0), gates=(), states=states)
    with pytest.raises(GateError, match=r"1 of \d+ test images \([\d.]+ %\) has a duplicate in train, more than"):
        enforce_gates(replace(limited, gates=measure_gates(limited)))
    single = replace(limited, states=tuple(replace(of, rows=1) for of in states))
    with pytest.raises(GateError, match=r"1 of 1 test image \(100\.00 %\) has a duplicate in train, more than"):
        enforce_gates(replace(single, gates=measure_gates(single)))


def test_a_split_without_rows_fails_its_gate_and_nothing_is_said_of_none(audited: Report) -> None:
    assert isinstance(audited.spec, AuditSpec)
    limited = replace(audited, spec=replace(audited.spec, max_overlap=1.0), gates=())
    assert measure_gates(limited)[-1].passed
    none = {"rows": 0, "duplicates": 0, "in_train": 0, "exact": 0, "undecided": 0, "blank": 0, "left": 0}
    states = tuple(replace(of, **none) for of in audited.states)  # type: ignore[arg-type]
    empty = replace(limited, states=states, rows=RowCounts(train=audited.rows.train, validation=0, test=0))
    gate = measure_gates(empty)[-1]
    assert (gate.name, gate.value, gate.passed) == ("max_overlap", None, False)
    with pytest.raises(GateError, match="--max-overlap can't be checked: test has no images"):
        enforce_gates(replace(empty, gates=(gate,)))
    assert "their overlap with train is unknown" in answer(Numbers(empty))


@pytest.mark.parametrize("protect", ["train", "test"])
def test_each_image_of_test_is_counted_once_whichever_split_has_its_duplicate(
    prefect_server: None, tmp_path: Path, protect: str
) -> None:
    """Six of test are in train only, six in validation only, three in both: 15 in all, which the gate counts."""
    test = [*range(6), *range(30, 36), *range(20, 23), *range(50, 55)]
    root = splits_of(tmp_path / "data", train=list(range(30)), val=list(range(20, 48)), test=test)
    with pytest.raises(
        GateError, match=r"15 of 20 test images \(75\.00 %\) have a duplicate in train or vali"
    ) as caught:
        audit(root=root, workspace=tmp_path / "w", protect=protect, **LIMIT)
    report: Report = caught.value.report
    assert [(of.split, of.rows, of.duplicates, of.in_train, of.left) for of in report.states] == [
        ("test", 20, 15, 9, 5),
        ("validation", 28, 10, 10, 18),
    ]
    numbers = Numbers(report)
    assert sentences(numbers, "in_short") == [
        "9 of the 20 test images (45.0 %) have a duplicate in train; 6 more in validation."
    ]
    page = (report.run / "report.html").read_text()
    assert sentences(Numbers(report, html=True), "in_short")[0] in page
    assert 'data-key="states.0.left"' in page


def splits_with(folder: Path, files: dict[str, bytes]) -> str:
    """Return splits of 24 different glyphs each, four of them shared, with further files."""
    own = glyphs(44, seed=3)
    images = {
        f"{split}/a/{n}.png": png(own[n + 20 * (split == "test")]) for split in ("train", "test") for n in range(24)
    }
    return str(write_folder(folder, images | files))


def bursts(split: str) -> dict[str, bytes]:
    frames = [scene(40, 40, seed=n) for n in range(3)]
    several = saved(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    return {f"{split}/a/burst{n}.avif": several for n in range(2)}


LARGER = {f"train/a/large{n}.png": png(image) for n, image in enumerate(glyphs(3, seed=5, side=32))}
LABELS = {f"train/a/{n}.txt": b"0 0.5 0.5 1 1" for n in range(24)}
GATES: dict[str, tuple[dict[str, bytes], tuple[str, str], str]] = {
    "bursts": (
        bursts("train") | {"train/a/empty.png": b""},
        ("--view", "photo"),
        "Quarantined: 3 of 27 images of train a (11.11 %), more than the 1 % allowed by --max-quarantine: more than "
        "one image in one file (2; save each page or frame as a file), no bytes (1). quarantine.parquet names each; "
        "`--max-quarantine 0.12` accepts this share.",
    ),
    "another side": (
        LARGER,
        ("--view", "ink"),
        "the width or height is not the expected one (3; `--view photo` reads images of any ",
    ),
    "labels": (LABELS, ("--max-ignored", "0.1"), "Files ignored: 24 (33.33 %: .txt 24)"),
    "overlap": ({}, ("--max-overlap", "0.1"), "4 of 24 test images (16.67 %) have a duplicate in train, more than"),
    "rows": ({}, ("--min-rows", "22"), "Too few test images are left: 20, and --min-rows requires 22;"),
}  # fmt: skip


@pytest.mark.parametrize("name", GATES)
def test_a_gate_that_fails_prints_reasons_and_what_to_type(
    prefect_server: None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, given, said = GATES[name]
    monkeypatch.chdir(tmp_path)
    options = {"--workspace": str(tmp_path / "a workspace"), given[0]: given[1]}
    source = splits_with(tmp_path / "data", files)
    failed = here("audit", source, *chain(*options.items()))
    assert failed.returncode == 4, failed.stderr
    sentence = failed.stderr.splitlines()[-1]
    assert said in sentence
    for typed in re.findall("`([^`]+)`", sentence):
        words = shlex.split(typed)
        if words[0] != "cleansplit":
            words = ["cleansplit", "audit", source, *chain(*(options | {words[0]: words[1]}).items())]
        done = here(*words[1:])
        assert done.returncode == 0, done.stderr


def test_the_answer_comes_before_the_files_of_other_kinds(audited: Report) -> None:
    audited = replace(audited, searched=())  # whose sentence is the last
    said = answer(Numbers(replace(audited, ignored=(IgnoredKind(".txt", 890),))))
    before = answer(Numbers(replace(audited, ignored=())))
    assert said.startswith(f"{before} Files ignored, so not compared: 890 of ")
    assert said.endswith("(890 .txt).")


def test_heic_without_its_decoder_names_an_extra_that_brings_it() -> None:
    assert "`pip install 'cleansplit[heic]'`" in REMEDIES["needs_heic"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["heic"][0].startswith("pillow-heif")


def test_rows_that_stay_in_their_groups_may_be_undecided_between_them(prefect_server: None, tmp_path: Path) -> None:
    base = scene(96, 96, seed=1)
    rows = {"a": base, "b": noisy(base, 1, 25)[0]}
    files = {f"c/{name}{n}.png": saved(rows[name], "PNG") for name in rows for n in (1, 2)}
    with pytest.raises(UndecidedError, match=r"2 of 4 images \(50\.00 %\) are duplicates, and 2 more are undecided"):
        dedupe(str(write_folder(tmp_path / "data", files)), workspace=tmp_path / "w", max_duplicates=0.5, view="photo")
