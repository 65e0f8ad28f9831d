import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StorageError
from tasks.storage import building, disk, stages, workspace
from tasks.storage.place import Place
from tasks.storage.stores import at


def build(target: Place) -> dict[str, Any]:
    disk.write_bytes(target / "data", b"content")
    return {"rows": 1}


def stage(space: Path, inputs: dict[str, Any], build: Callable[[Place], dict[str, Any]] = build) -> stages.Stage:
    return stages.stage(Place.of(space), "classes", inputs, build)


def path_of(made: stages.Stage) -> Path:
    return Path(str(made.folder))


def test_equal_inputs_are_found_again_and_not_built_again(tmp_path: Path) -> None:
    first = stage(tmp_path, {"a": 1, "b": 2})
    written = (path_of(first) / "data").stat().st_mtime_ns
    second = stage(tmp_path, {"b": 2, "a": 1})
    assert (first.reused, second.reused) == (False, True)
    assert second.folder == first.folder
    assert second.result == {"rows": 1}
    assert (path_of(second) / "data").stat().st_mtime_ns == written


def test_what_is_found_again_equals_what_was_built_to_the_order_of_its_keys(tmp_path: Path) -> None:
    def unordered(_target: Place) -> dict[str, Any]:
        return {"rows": 1, "largest": 2, "count": (3,)}

    first, second = (stage(tmp_path, {}, unordered) for _ in range(2))
    assert list(first.result.items()) == list(second.result.items())


@pytest.mark.parametrize("right", [True, False])
def test_digests_that_a_builder_knows_are_those_by_which_damage_is_noticed(tmp_path: Path, right: bool) -> None:
    def knowing(target: Place) -> dict[str, Any]:
        result = build(target)
        return result | {stages.DIGESTS: {"data": hashlib.sha256(b"content" if right else b"other").hexdigest()}}

    first, second = (stage(tmp_path, {}, knowing) for _ in range(2))
    assert first.result == {"rows": 1}
    assert second.reused == right


def test_other_inputs_get_a_stage_of_their_own(tmp_path: Path) -> None:
    one, two = (stage(tmp_path, {"a": a}) for a in (1, 2))
    assert one.folder != two.folder


@pytest.mark.parametrize("damage", ["flip", "cut", "delete", "manifest", "no manifest"])
def test_a_damaged_stage_is_rebuilt_and_never_used(tmp_path: Path, damage: str) -> None:
    folder = path_of(stage(tmp_path, {}))
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
    again = stage(tmp_path, {})
    assert not again.reused
    assert (folder / "data").read_bytes() == b"content"


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(target: Place) -> dict[str, Any]:
        disk.write_bytes(target / "data", b"half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        stage(tmp_path, {}, fail)
    assert not [path for path in (tmp_path / "stages" / "classes").iterdir() if path.suffix != ".lock"]


def test_leftovers_of_a_dead_build_are_swept(tmp_path: Path) -> None:
    place = stages.stage_folder(Place.of(tmp_path), "classes", {})
    leftover = Path(str(place.parent / f".{place.last}.building"))
    leftover.mkdir(parents=True)
    (leftover / "half").write_bytes(b"half")
    folder = path_of(stage(tmp_path, {}))
    assert not leftover.exists()
    assert sorted(path.name for path in folder.iterdir()) == ["data", "manifest.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_storage_trouble_is_one_sentence(tmp_path: Path, number: int) -> None:
    def fail(target: Place) -> dict[str, Any]:
        raise OSError(number, os.strerror(number), str(target))

    with pytest.raises(StorageError, match=r"cannot use .*; fix that, or choose another source or --workspace"):
        stage(tmp_path, {}, fail)


@pytest.mark.parametrize(
    ("number", "heals"),
    [
        (errno.EIO, True), (errno.ESTALE, True), (errno.ETIMEDOUT, True), (errno.EAGAIN, True),
        (errno.ENOSPC, False), (errno.EROFS, False), (errno.EACCES, False),
    ],
)  # fmt: skip
def test_only_storage_trouble_that_may_pass_heals(tmp_path: Path, number: int, heals: bool) -> None:
    def fail(target: Place) -> dict[str, Any]:
        raise OSError(number, os.strerror(number), str(target))

    with pytest.raises(StorageError) as caught:
        stage(tmp_path, {}, fail)
    assert caught.value.heals is heals


def test_every_file_and_folder_of_a_stage_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = set[int](), os.fsync

    def noting(opened: int) -> None:
        sync(opened)
        synced.add(os.fstat(opened).st_ino)

    def deep(target: Place) -> dict[str, Any]:
        disk.make_folder(target / "below")
        for number in range(40):
            disk.write_bytes(target / "below" / str(number), b"content")
        return {}

    monkeypatch.setattr(os, "fsync", noting)
    folder = path_of(stage(tmp_path, {}, deep))
    paths = [folder.parent, folder, *folder.rglob("*")]
    assert len(paths) == 44
    assert {path.stat().st_ino for path in paths} <= synced


def test_a_file_that_cannot_be_synced_is_storage_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(opened: int) -> None:
        if os.fstat(opened).st_size == len(b"content"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="input/output error") as caught:
        stage(tmp_path, {})
    assert caught.value.heals
    assert not [path for path in (tmp_path / "stages" / "classes").iterdir() if path.suffix != ".lock"]


def test_a_workspace_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="a file is where a folder should be"):
        stage(tmp_path / "file", {})


def test_a_link_is_the_same_file(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_text("x")
    at(Place.of(source)).link(Place.of(tmp_path / "deep" / "b"))
    assert (tmp_path / "deep" / "b").samefile(source)


def test_latest_points_to_the_newest_run_relative_to_the_workspace(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        workspace.point_latest(Place.of(run))
        assert (tmp_path / "latest").resolve() == run
        assert not (tmp_path / "latest").readlink().is_absolute()


def test_a_draft_without_the_lock_replaces_nothing(tmp_path: Path) -> None:
    target = Place.of(tmp_path / "out")

    def build_while_another_does() -> None:
        with building.draft(target, exclusive=False) as draft:
            disk.write_text(draft / "mine", "new")
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "theirs").write_text("kept")

    with pytest.raises(OSError, match="not empty"):
        build_while_another_does()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["theirs"]
