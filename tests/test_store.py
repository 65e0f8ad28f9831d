import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tasks import store
from tasks.errors import StorageError


def build(target: Path) -> dict[str, Any]:
    (target / "data").write_bytes(b"content")
    return {"rows": 1}


def test_equal_inputs_are_found_again_and_not_built_again(tmp_path: Path) -> None:
    first = store.stage(tmp_path, "letters", {"a": 1, "b": 2}, build)
    written = (first.folder / "data").stat().st_mtime_ns
    second = store.stage(tmp_path, "letters", {"b": 2, "a": 1}, build)
    assert (first.reused, second.reused) == (False, True)
    assert second.folder == first.folder
    assert second.result == {"rows": 1}
    assert (second.folder / "data").stat().st_mtime_ns == written


def test_what_is_found_again_equals_what_was_built_to_the_order_of_its_keys(tmp_path: Path) -> None:
    def unordered(_target: Path) -> dict[str, Any]:
        return {"rows": 1, "largest": 2, "count": (3,)}

    first, second = (store.stage(tmp_path, "letters", {}, unordered) for _ in range(2))
    assert list(first.result.items()) == list(second.result.items())


def test_other_inputs_get_a_stage_of_their_own(tmp_path: Path) -> None:
    one, two = (store.stage(tmp_path, "letters", {"a": a}, build) for a in (1, 2))
    assert one.folder != two.folder


@pytest.mark.parametrize("damage", ["flip", "cut", "delete", "manifest", "no manifest"])
def test_a_damaged_stage_is_rebuilt_and_never_used(tmp_path: Path, damage: str) -> None:
    folder = store.stage(tmp_path, "letters", {}, build).folder
    if damage == "flip":
        (folder / "data").write_bytes(b"kontent")
    elif damage == "cut":
        (folder / "data").write_bytes(b"conten")
    elif damage == "delete":
        (folder / "data").unlink()
    elif damage == "manifest":
        (folder / "manifest.json").write_text("{")
    else:
        (folder / "manifest.json").unlink()
    again = store.stage(tmp_path, "letters", {}, build)
    assert not again.reused
    assert (folder / "data").read_bytes() == b"content"


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(target: Path) -> dict[str, Any]:
        (target / "data").write_bytes(b"half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.stage(tmp_path, "letters", {}, fail)
    assert not [path for path in (tmp_path / "stages" / "letters").iterdir() if path.suffix != ".lock"]


def test_leftovers_of_a_dead_build_are_swept(tmp_path: Path) -> None:
    place = store.stage_folder(tmp_path, "letters", {})
    leftover = place.parent / f".{place.name}.building"
    leftover.mkdir(parents=True)
    (leftover / "half").write_bytes(b"half")
    folder = store.stage(tmp_path, "letters", {}, build).folder
    assert not leftover.exists()
    assert sorted(path.name for path in folder.iterdir()) == ["data", "manifest.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_storage_trouble_is_one_sentence(tmp_path: Path, number: int) -> None:
    def fail(target: Path) -> dict[str, Any]:
        raise OSError(number, os.strerror(number), str(target))

    with pytest.raises(StorageError, match=r"cannot use .*; mend that or choose another --workspace"):
        store.stage(tmp_path, "letters", {}, fail)


def test_a_workspace_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="a file is where a folder should be"):
        store.stage(tmp_path / "file", "letters", {}, build)


def test_a_link_is_the_same_file(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_text("x")
    store.link(source, tmp_path / "deep" / "b")
    assert (tmp_path / "deep" / "b").samefile(source)


def test_latest_points_to_the_newest_run_relative_to_the_workspace(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        store.point_latest(tmp_path, run)
        assert (tmp_path / "latest").resolve() == run
        assert not (tmp_path / "latest").readlink().is_absolute()
