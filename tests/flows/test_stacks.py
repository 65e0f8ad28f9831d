"""Pages of a TIFF and frames of a DICOM file in a run are images, which stay together in splits and go one by one."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageSequence

from tasks.classes.decoder import decode
from tests.build import saved, scene, write_folder
from tests.classes.test_dicom import cine
from tests.flows.test_cli import here, refused
from tests.plain import audit, dedupe, split


def stack(*seeds: int) -> bytes:
    first, *others = (scene(90, 70, seed=seed) for seed in seeds)
    return saved(first, "TIFF", save_all=True, append_images=others)


@pytest.mark.usefixtures("prefect_server")
def test_a_page_that_is_a_duplicate_goes_and_the_others_are_written_as_files(tmp_path: Path) -> None:
    files = {"a/stack.tif": stack(1, 2, 3), "a/alone.png": saved(scene(90, 70, seed=2), "PNG")}
    files |= {f"a/{seed}.png": saved(scene(90, 70, seed=seed), "PNG") for seed in range(10, 14)}
    run = dedupe(source=str(write_folder(tmp_path / "data", files)), keep="first", workspace=tmp_path / "w")
    assert run.rows.train == 8
    (removed,) = pq.read_table(run.run / "removed.parquet").to_pylist()
    assert (removed["id"], removed["reason"]) == ("source/a/stack#2.tif", "exact")
    assert here("apply", str(run.run), "--link", str(tmp_path / "clean"), "--execute").returncode == 0
    left = {path.name: path.read_bytes() for path in (tmp_path / "clean").rglob("*.*")}
    assert sorted(left) == ["10.png", "11.png", "12.png", "13.png", "alone.png", "stack#1.tif", "stack#3.tif"]
    for name, seed in (("stack#1.tif", 1), ("stack#3.tif", 3)):
        with Image.open(io.BytesIO(left[name])) as page:
            assert [*ImageSequence.Iterator(page)] == [page]
        assert decode(left[name], reduced=False).digest == decode(saved(scene(90, 70, seed=seed), "PNG"), False).digest
    said = refused(here("apply", str(run.run), "--move", str(tmp_path / "gone")), 2)
    assert "stack#2.tif is a page or a link, or an image that stays is in the same file; use --link." in said
    assert (tmp_path / "data" / "a" / "stack.tif").read_bytes() == files["a/stack.tif"]


@pytest.mark.usefixtures("prefect_server")
def test_split_divides_no_stack(tmp_path: Path) -> None:
    files = {f"{number}.tif": stack(*range(3 * number, 3 * number + 3)) for number in range(4)}
    sizes = {"train": 6, "validation": 3, "test": 3}
    data = str(write_folder(tmp_path / "data", files))
    report = split(source=data, models=("1nn",), **sizes, workspace=tmp_path / "w")
    rows = pq.read_table(report.run / "groups.parquet").to_pylist()
    pages = {(row["id"].rpartition("/")[2].partition("#")[0], row["split"]) for row in rows}
    assert len(rows) == 12
    assert len(pages) == 4


@pytest.mark.usefixtures("prefect_server")
def test_a_stack_that_is_named_like_another_image_is_quarantined_whole(tmp_path: Path) -> None:
    files = {f"{number}.png": stack(*range(3 * number, 3 * number + 3)) for number in range(4)}
    files |= {f"own{number}.png": saved(scene(90, 70, seed=20 + number), "PNG") for number in range(8)}
    data = str(write_folder(tmp_path / "data", files))
    sizes = {"train": 4, "validation": 2, "test": 2}
    report = split(source=data, models=("1nn",), **sizes, max_quarantine=0.5, workspace=tmp_path / "w")
    left_out = pq.read_table(report.run / "quarantine.parquet").to_pylist()
    assert {(row["member"], row["reason"]) for row in left_out} == {(f"{n}.png", "several_images") for n in range(4)}
    kept = pq.read_table(report.run / "groups.parquet")["id"].to_pylist()
    assert sorted(name.rpartition("/")[2] for name in kept) == [f"own{n}.png" for n in range(8)]


def film(*seeds: int) -> bytes:
    return cine([np.asarray(scene(90, 70, seed=seed).convert("L")) for seed in seeds], PatientID=f"P{seeds[0]}")


@pytest.mark.usefixtures("prefect_server")
def test_a_frame_of_train_in_test_is_a_leak(tmp_path: Path) -> None:
    files = {"train/film.dcm": film(*[1] * 30), "train/other.dcm": film(5), "test/one.dcm": film(1)}
    files |= {"test/film.dcm": film(7, 8, 9), "test/5.png": saved(scene(90, 70, seed=5).convert("L"), "PNG")}
    report = audit(
        root=str(write_folder(tmp_path / "data", files)), group_by="dicom:PatientID", workspace=tmp_path / "w"
    )
    assert (report.rows.train, report.rows.test, report.pair("test", "train").exact) == (31, 5, 2)
    assert report.shared_groups[0].shared == 1
    assert here("apply", str(report.run), "--link", str(tmp_path / "clean"), "--execute").returncode == 0
    left = {path.name: path.read_bytes() for path in (tmp_path / "clean" / "test").rglob("*.*")}
    assert sorted(left) == [f"film#{number}.dcm" for number in (1, 2, 3)]
    again = audit(root=str(tmp_path / "clean"), workspace=tmp_path / "w2")
    assert (again.rows.train, again.rows.test, again.pair("test", "train").exact) == (31, 3, 0)


@pytest.mark.usefixtures("prefect_server")
def test_split_divides_no_film(tmp_path: Path) -> None:
    files = {f"{number}.DCM": film(*range(3 * number, 3 * number + 3)) for number in range(4)}
    data = str(write_folder(tmp_path / "data", files))
    report = split(source=data, models=("1nn",), train=6, validation=3, test=3, workspace=tmp_path / "w")
    rows = pq.read_table(report.run / "groups.parquet").to_pylist()
    assert len(rows) == 12
    assert len({(row["id"].rpartition("/")[2].partition("#")[0], row["split"]) for row in rows}) == 4


@pytest.mark.usefixtures("prefect_server")
def test_a_file_is_listed_to_remove_only_if_all_its_pages_go(tmp_path: Path) -> None:
    files = {f"train/{seed}.png": saved(scene(90, 70, seed=seed), "PNG") for seed in range(1, 7)}
    files |= {"test/part.tif": stack(1, 2, 20), "test/all.tif": stack(3, 4), "test/own#1.tif": stack(5)}
    files |= {"test/own.tif": stack(21), "test/6.png": files["train/6.png"], "test/new.png": stack(22)}
    report = audit(root=str(root := write_folder(tmp_path / "data", files)), workspace=tmp_path / "w")
    assert report.pair("test", "train").exact == 6
    listed = (report.run / "remove" / "test.txt").read_text().splitlines()
    assert listed == [f"{root}/test/{name}" for name in ("6.png", "all.tif", "own#1.tif")]
    alone = dedupe(source=f"{root}/test", keep="first", workspace=tmp_path / "w")
    kept = (alone.run / "keep.txt").read_text().splitlines()
    assert kept == [str(path) for path in sorted((root / "test").iterdir())]
    assert (alone.run / "remove.txt").read_text() == ""
