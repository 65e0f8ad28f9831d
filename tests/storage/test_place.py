import os
from pathlib import Path

import pytest

from tasks.errors import DataError, StorageError
from tasks.storage import at, disk
from tasks.storage.place import Place

WORKSPACE = Place.of("/data/workspace")
OTHER = Path("/dev/shm")  # noqa: S108  # in memory, on Linux


def test_names_join_below_a_root() -> None:
    run = WORKSPACE / "runs" / "one"
    assert run == WORKSPACE / "runs/one"
    assert (run.root, run.name, run.last) == ("/data/workspace", "runs/one", "one")
    assert str(run) == "/data/workspace/runs/one"
    assert (run.parent, run.parent / "two") == (WORKSPACE / "runs", WORKSPACE / "runs/two")


@pytest.mark.parametrize("name", ["..", "../other", "runs/../../other", "runs/..", "/", "/etc/passwd"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    for place in (WORKSPACE, WORKSPACE / "runs"):
        with pytest.raises(DataError, match="points outside /data/workspace"):
            place / name


def test_dots_inside_a_name_lead_nowhere() -> None:
    assert str(WORKSPACE / "runs/..a../...") == "/data/workspace/runs/..a../..."


def test_a_location_is_a_name_below_the_workspace_or_an_absolute_path() -> None:
    assert WORKSPACE.locate("downloads/large.tar") == WORKSPACE / "downloads/large.tar"
    assert WORKSPACE.locate("/elsewhere/large.tar") == Place.of("/elsewhere/large.tar")
    with pytest.raises(DataError, match="points outside /data/workspace"):
        WORKSPACE.locate("../large.tar")


def test_a_place_of_a_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Place.of("large.tar") == Place.of(Path("large.tar")) == Place.of(tmp_path / "large.tar")
    assert str(Place.of("~/large.tar")) == "/home/somebody/large.tar"


def test_a_file_is_moved_on_its_own_file_system_alone(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_text("mine")
    disk.move(Place.of(source), Place.of(tmp_path / "b"))
    assert (tmp_path / "b").read_text() == "mine"
    if not OTHER.is_dir() or OTHER.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"needs {OTHER} to be another file system")
    with pytest.raises(StorageError, match="are on different file systems"):
        disk.move(Place.of(tmp_path / "b"), Place.of(OTHER / f"cleansplit-{os.getpid()}"))
    assert (tmp_path / "b").read_text() == "mine"


@pytest.mark.parametrize("path", ["/data", "s3://bucket/data"])
def test_a_folder_is_inside_itself_and_those_above_it_only(path: str) -> None:
    place = Place.of(path)
    assert at(place).is_inside(place)
    assert at(place / "train").is_inside(place)
    assert not at(Place.of(f"{path}-2")).is_inside(place)
