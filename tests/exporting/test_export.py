"""Exports of a real run, read back with the tools of their users."""

import os
import pickle
import pickletools
import shutil
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from tasks.errors import DataError, UsageError
from tasks.exporting.export import export_run, files_of
from tasks.exporting.formats import Column, write_pickle
from tasks.records import Report
from tasks.storage.image_files import read_images
from tasks.storage.images import normalize
from tasks.storage.place import Place
from tasks.storage.workspace import find_run
from tasks.vocabulary import Format, SplitName
from tests.flows.test_cli import here
from tests.plain import audit

SPLITS: dict[str, SplitName] = {"train": "train", "valid": "validation", "test": "test"}


def export(run: Report, form: Format, out: Path) -> list[Path]:
    return [Path(str(place)) for place in export_run(Place.of(run.run), form, Place.of(out), run.classes)]


def expected(run: Path, name: str) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for short, split in SPLITS.items():
        images = read_images(files_of(Place.of(run), name, split))
        arrays |= {f"{short}_dataset": normalize(images.gray), f"{short}_labels": images.labels.astype(np.int32)}
    return arrays


def same(found: Any, wanted: dict[str, Any]) -> bool:
    return set(found) == set(wanted) and all(
        found[key].dtype == array.dtype and np.array_equal(found[key], array) for key, array in wanted.items()
    )


@pytest.mark.parametrize(("name", "file"), [("raw", "notMNIST"), ("sanitized", "notMNIST_sanitized")])
def test_pickles_and_npz_hold_the_course_arrays(run: Report, tmp_path: Path, name: str, file: str) -> None:
    wanted = expected(run.run, name)
    assert {key: (array.shape[1:], array.dtype.str) for key, array in wanted.items()} == {
        key: ((28, 28), "<f4") if key.endswith("dataset") else ((), "<i4") for key in wanted
    }
    export(run, "course", tmp_path / "course")
    export(run, "npz", tmp_path / "npz")
    with (tmp_path / "course" / f"{file}.pickle").open("rb") as stream:
        assert same(pickle.load(stream), wanted)  # noqa: S301  # written a moment ago
    with np.load(tmp_path / "npz" / f"{name}.npz", allow_pickle=False) as arrays:
        assert same(arrays, wanted | {"class_names": np.array(run.classes)})


def test_the_pickle_is_what_python_2_reads_and_nothing_but_arrays_and_texts(run: Report, tmp_path: Path) -> None:
    export(run, "course", tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        operations = [(code, argument) for code, argument, _ in pickletools.genops(path.read_bytes())]
        assert max(code.proto for code, _ in operations) == 2
        made_by = {argument for code, argument in operations if code.name == "GLOBAL"}
        assert made_by == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype", "_codecs encode"}


def test_an_exported_folder_gives_the_same_audit(run: Report, prefect_server: None, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(run, "folder", out)
    train, validation, test = (str(out / "raw" / split) for split in ("train", "validation", "test"))
    found = audit(train=train, validation=validation, test=test, workspace=tmp_path / "w")
    assert found.overlap == run.overlap
    assert found.overlap_by_threshold == run.overlap_by_threshold
    assert found.sanitized == run.sanitized
    train, test = (str(out / "sanitized" / split) for split in ("train", "test"))
    clean = audit(train=train, test=test, workspace=tmp_path / "w")
    assert clean.pair("test", "train").either == 0


def test_the_same_rows_give_the_same_bytes(run: Report, tmp_path: Path) -> None:
    forms: tuple[Format, ...] = ("course", "npz")
    for form in forms:
        one, two = ({p.name: p.read_bytes() for p in export(run, form, tmp_path / f"{form}-{n}")} for n in "ab")
        assert one == two


def test_a_pickle_is_written_in_bounded_memory(tmp_path: Path) -> None:
    piece = np.full((50, 28, 28), -0.5, np.float32)
    long = Column((2000, 28, 28), piece.dtype, lambda: (piece.copy() for _ in range(40)))
    tracemalloc.start()
    with (tmp_path / "long.pickle").open("wb") as out:
        write_pickle({"train_dataset": long}, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 28 * 28 * 4 / 4


def test_what_is_there_is_not_overwritten_and_what_is_no_run_is_named(run: Report, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already exists"):
        export(run, "npz", tmp_path)
    with pytest.raises(DataError, match=r"run\.json is missing or was changed\. Run its command again"):
        export_run(Place.of(tmp_path), "npz", Place.of(tmp_path / "out"), run.classes)
    assert not list(tmp_path.iterdir())


def test_of_exports_to_one_folder_at_once_one_succeeds_with_all_images(run: Report, tmp_path: Path) -> None:
    start = Barrier(4)

    def one(_: int) -> str:
        start.wait()
        try:
            return export(run, "folder", tmp_path / "out")[0].name
        except UsageError as reason:
            return str(reason)

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(one, range(4)))
    assert said == [*[f"{tmp_path / 'out'} already exists; choose another folder."] * 3, "raw"]
    export(run, "folder", tmp_path / "alone")
    alone, together = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.png")}
        for name in ("alone", "out")
    )
    assert alone == together


def test_the_command_shows_sizes_and_prints_the_folder(run: Report, tmp_path: Path) -> None:
    alone = tmp_path / run.run.name  # without its workspace, as a run that was pulled
    shutil.copytree(run.run, alone)
    done = here("export", str(alone), "--format", "npz", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'out'}\n"
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["raw.npz", "sanitized.npz"]
    refused = here("export", str(run.run), "--format", "hdf5", "--out", str(tmp_path / "other"))
    assert refused.returncode == 2
    assert "format: give course, npz, folder, links or parquet" in refused.stderr


def test_a_run_that_was_changed_is_not_exported(run: Report, tmp_path: Path) -> None:
    copy = tmp_path / "runs" / run.run.name
    shutil.copytree(run.run, copy)
    (copy / "raw" / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"raw/train-00000-of-00001.parquet has 4 bytes instead of"):
        export_run(Place.of(copy), "folder", Place.of(tmp_path / "out"), run.classes)
    assert not (tmp_path / "out").exists()


def test_a_run_with_a_link_in_it_is_not_read(run: Report, tmp_path: Path) -> None:
    copy = tmp_path / "runs" / run.run.name
    shutil.copytree(run.run, copy)
    (copy / "figures" / "balance.png").unlink()
    (copy / "figures" / "balance.png").symlink_to("/etc/passwd")
    with pytest.raises(DataError, match=r"figures/balance.png is not a regular file: cleansplit did not write it"):
        find_run(str(copy), Place.of(tmp_path))
    (copy / "figures" / "balance.png").unlink()
    os.mkfifo(copy / "figures" / "balance.png")
    with pytest.raises(DataError, match=r"figures/balance.png is not a regular file"):
        find_run(str(copy), Place.of(tmp_path))
