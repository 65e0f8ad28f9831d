"""The sets of an export hold what their names say: raw has all images, sanitized has the images that stay."""

import csv
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cleansplit
from tasks.errors import UsageError
from tasks.exporting.export import export_run
from tasks.records import Report
from tasks.reporting.read import read_findings
from tasks.reporting.verify import verify_run
from tasks.storage.place import Place
from tasks.vocabulary import Format
from tests.build import glyphs, noise, png, saved, scene, write_folder
from tests.plain import dedupe

SETS = ("raw", "sanitized")


def export(report: Report, form: Format, out: Path) -> Path:
    run = Place.of(report.run)
    found = read_findings(run) if report.kind == "photographs" else None
    export_run(run, form, Place.of(out), report.classes, found)
    return out


def kept(report: Report, name: str, split: str = "train") -> set[str]:
    """Return class and file of the images of a split, without removed images if the set is sanitized."""
    with (report.run / "actions.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    return {"/".join(row["path"].split("/")[-2:]) for row in rows if name == "raw" or row["action"] != "remove"}


@pytest.fixture(scope="module")
def of_glyphs(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("glyphs")
    own = glyphs(30, seed=4)
    files = {f"{'ab'[i % 2]}/{i:02d}.png": png(image) for i, image in enumerate(own)}
    files |= {"a/copy.png": png(own[2]), "a/near.png": png(noise(own[4], 1, seed=1)), "b/copy.png": png(own[3])}
    return dedupe(source=str(write_folder(folder / "set", files)), workspace=folder / "w")


@pytest.fixture(scope="module")
def of_photographs(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Search 40 pictures of one size and two worse copies, in gray and in colour."""
    folder = tmp_path_factory.mktemp("photographs")
    pictures = [scene(96, 72, seed=seed) for seed in range(40)]
    pictures[7] = pictures[7].convert("L")
    files = {f"{'ab'[i % 2]}/{i:02d}.png": saved(picture, "PNG") for i, picture in enumerate(pictures)}
    files |= {f"{'ab'[i % 2]}/{i:02d}-worse.jpg": saved(pictures[i], "JPEG", quality=40) for i in (2, 5)}
    return dedupe(source=str(write_folder(folder / "set", files)), workspace=folder / "w")


def test_a_set_alone_is_sanitized_of_its_duplicates(of_glyphs: Report, of_photographs: Report) -> None:
    for report, left in ((of_glyphs, 30), (of_photographs, 40)):
        assert report.sanitized.near.train == left < report.rows.train
        assert len(kept(report, "sanitized")) == left
        assert verify_run(Place.of(report.run)) == []


@pytest.mark.parametrize("kind", ["of_glyphs", "of_photographs"])
def test_every_format_of_a_set_alone_has_the_images_that_stay(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    import datasets

    report: Report = request.getfixturevalue(kind)
    out = {form: export(report, form, tmp_path / form) for form in ("folder", "parquet", "npz")}
    for name in SETS:
        wanted = kept(report, name)
        files = [path for path in (out["folder"] / name).rglob("*.*") if path.is_file()]
        assert {"/".join(path.parts[-2:]) for path in files} == wanted
        loaded = datasets.load_dataset(str(out["parquet"]), name, cache_dir=str(tmp_path / "cache"))
        assert {
            row["path"] for row in loaded["train"].cast_column("image", datasets.Image(decode=False))["image"]
        } == wanted
        found = cleansplit.Result(report).splits(name)
        assert {"/".join(name.split("/")[-2:]) for name in found["train"]["id"]} == wanted
        assert [path.name for path in (out["folder"] / name).iterdir()] == ["train"]
        with np.load(out["npz"] / f"{name}.npz") as arrays:
            assert len(arrays["train_dataset"]) == len(arrays["train_labels"]) == len(wanted)


def test_pickles_and_links_of_a_set_alone_have_the_images_that_stay(
    of_glyphs: Report, of_photographs: Report, tmp_path: Path
) -> None:
    pickled = export(of_glyphs, "course", tmp_path / "course") / "notMNIST_sanitized.pickle"
    assert len(pickle.loads(pickled.read_bytes())["train_dataset"]) == 30  # noqa: S301  # written a moment ago
    linked = export(of_photographs, "links", tmp_path / "links") / "sanitized" / "train"
    files = [path for path in linked.rglob("*.*") if path.is_file()]
    assert {"/".join(path.parts[-2:]) for path in files} == kept(of_photographs, "sanitized")
    assert all(path.stat().st_nlink > 1 for path in files)


def test_arrays_of_photographs_are_their_pixels(of_photographs: Report, tmp_path: Path) -> None:
    source = Path(read_findings(Place.of(of_photographs.run)).archives[0].name)
    originals = {path.relative_to(source).as_posix(): path for path in source.rglob("*.png")}
    ids = [name.removeprefix("source/") for name in cleansplit.Result(of_photographs).splits("raw")["train"]["id"]]
    with np.load(export(of_photographs, "npz", tmp_path / "out") / "raw.npz") as arrays:
        found = dict(zip(ids, arrays["train_dataset"], strict=True))
    assert {array.shape for array in found.values()} == {(72, 96, 3)}
    for name, path in originals.items():
        assert np.array_equal(found[name], np.asarray(Image.open(path).convert("RGB"))), name


def test_splits_of_audited_photographs_have_the_originals(audited: Report, photographs: dict[str, Any]) -> None:
    import datasets

    for name, count in (("raw", audited.rows.test), ("sanitized", audited.sanitized.near.test)):
        found = cleansplit.Result(audited).splits(name)
        assert {split: len(rows) for split, rows in found.items()} == {"train": audited.rows.train, "test": count}
        for row in found["test"].cast_column("image", datasets.Image(decode=False)):
            path = Path(photographs["test"], "data", "test", row["image"]["path"])
            assert row["image"]["bytes"] == path.read_bytes()
    with pytest.raises(UsageError, match="'test' is not a set of splits; use one of raw, sanitized"):
        cleansplit.Result(audited).splits("test")


def test_what_a_format_cannot_hold_is_said_before_anything_is_written(audited: Report, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"need images of one size; these have \d+ sizes. Use --format parquet"):
        export(audited, "npz", tmp_path / "out")
    with pytest.raises(UsageError, match="--format course holds only glyphs"):
        export(audited, "course", tmp_path / "out")
    assert not list(tmp_path.iterdir())
