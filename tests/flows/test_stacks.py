"""A TIFF of several pages in a run: its pages are images, which stay together in splits and go one by one."""

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageSequence

from flows.pipeline import dedupe, split
from tasks.classes.decoder import decode
from tests.build import saved, scene, write_folder
from tests.flows.test_cli import here, refused


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
    assert "stack#2.tif is a page of a file, or a link to one, and cannot be moved; use --link." in said
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
