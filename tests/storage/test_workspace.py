import multiprocessing
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StorageError, UsageError
from tasks.storage import cleaning, disk, workspace
from tasks.storage.place import Place
from tasks.storage.stages import publish, stage
from tasks.storage.stores import at
from tasks.storage.workspace import in_use


def add_run(space: Place, name: str, finished: str, key: str) -> None:
    """Publish a run that shares a file with its only stage."""
    made = stage(space, "classes", {"key": key}, lambda target: write(target / "data", key))
    used = [f"classes/{made.folder.last}"]

    def build(target: Place) -> dict[str, Any]:
        at(made.folder / "data").link(target / "data")
        return {"finished": finished, "stages": used}

    run = publish(space / "runs" / name, {"name": name}, build, manifest=workspace.RUN_MANIFEST).folder
    workspace.point_latest(run)


def write(place: Place, text: str) -> dict[str, Any]:
    disk.write_text(place, text)
    return {}


@pytest.fixture
def space(tmp_path: Path) -> Place:
    here = Place.of(tmp_path)
    for day in range(1, 5):
        add_run(here, f"run-{day}", f"2026-01-0{day}T00:00:00+00:00", key=str(day))
    return here


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "runs").iterdir() if not path.name.startswith("."))


def test_cleaning_keeps_the_newest_runs_and_the_stages_that_they_use(space: Place, tmp_path: Path) -> None:
    stage(space, "classes", {"key": "of a run that never ended"}, lambda target: write(target / "data", "x" * 1000))
    done = cleaning.clean(space, keep=2)
    assert done.runs == ["run-1", "run-2"]
    assert names(tmp_path) == ["run-3", "run-4"]
    assert done.stages == 3
    assert done.bytes > 1000
    kept = sorted(path.read_text() for path in (tmp_path / "stages").glob("classes/[!.]*/data"))
    assert kept == ["3", "4"]
    assert not (tmp_path / "runs" / ".run-1.lock").exists()


def test_runs_that_end_at_once_can_all_point_latest_to_themselves(space: Place) -> None:
    runs = [space / "runs" / f"run-{day}" for day in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(workspace.point_latest, runs * 50))
    assert at(space / "latest").pointed() in [f"runs/{run.last}" for run in runs]
    assert not list(Path(str(space)).glob(".latest*"))


def test_the_run_that_latest_points_to_is_always_kept(space: Place, tmp_path: Path) -> None:
    workspace.point_latest(space / "runs" / "run-2")
    assert cleaning.clean(space, keep=1).runs == ["run-1", "run-3", "run-4"]
    assert names(tmp_path) == ["run-2"]


def test_a_folder_that_is_no_complete_run_is_named_and_left_alone(space: Place, tmp_path: Path) -> None:
    (tmp_path / "runs" / "run-1" / "run.json").write_text("{}")
    done = cleaning.clean(space, keep=1)
    assert done.unknown == ["run-1"]
    assert names(tmp_path) == ["run-1", "run-4"]


def hold(space: Place, ready: Any) -> None:
    with workspace.in_use(space):
        ready.set()
        signal.pause()


@pytest.fixture
def living(space: Place) -> Any:
    """Another process that uses the workspace."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=hold, args=(space, ready))
    process.start()
    assert ready.wait(10)
    yield process
    process.kill()
    process.join()


def test_nothing_is_cleaned_or_forgotten_while_a_run_uses_the_workspace(space: Place, living: Any) -> None:
    with pytest.raises(UsageError, match="a run is using"):
        cleaning.clean(space, keep=1)
    with pytest.raises(UsageError, match="another run is using"), workspace.in_use(space, fresh=True):
        pass
    with workspace.in_use(space):
        pass
    living.kill()
    living.join()
    assert cleaning.clean(space, keep=1).runs == ["run-1", "run-2", "run-3"]


def test_fresh_forgets_the_stages_and_keeps_the_runs(space: Place, tmp_path: Path) -> None:
    with workspace.in_use(space, fresh=True):
        assert not (tmp_path / "stages").exists()
        assert (tmp_path / "runs" / "run-1" / "data").read_text() == "1"


def build_for_ever(space: Place, ready: Any) -> None:
    def build(target: Place) -> dict[str, Any]:
        disk.write_text(target / "half", "x")
        ready.set()
        signal.pause()
        return {}

    stage(space, "classes", {"key": "long"}, build)


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=build_for_ever, args=(Place.of(tmp_path), ready))
    process.start()
    assert ready.wait(10)
    (tmp_path / ".gone.1").mkdir()
    workspace.sweep(Place.of(tmp_path))
    building = list(tmp_path.rglob("*.building"))
    assert len(building) == 1, "it is being built"
    process.kill()
    process.join()
    with workspace.in_use(Place.of(tmp_path)):
        assert not building[0].exists()
        assert not (tmp_path / ".gone.1").exists()


def test_a_run_is_found_by_folder_id_and_as_latest(space: Place, tmp_path: Path) -> None:
    run = Place.of((tmp_path / "runs" / "run-4").resolve())
    assert workspace.find_run("latest", space) == workspace.find_run("run-4", space) == run
    assert workspace.find_run(str(run), Place.of("elsewhere")) == run
    with pytest.raises(UsageError, match="run nothing does not exist; give its folder"):
        workspace.find_run("nothing", space)


def test_what_cannot_fit_is_not_started(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    disk.require_space(Place.of(tmp_path), free // 2, "a run")
    with pytest.raises(StorageError, match=r"MB free, but a run takes about .* MB; make room"):
        disk.require_space(Place.of(tmp_path), 2 * free, "a run")


def test_a_workspace_holds_no_probe_afterwards(tmp_path: Path) -> None:
    with workspace.in_use(Place.of(tmp_path / "new")):
        assert [path.name for path in (tmp_path / "new").iterdir()] == [".in-use"]
    assert os.listdir(tmp_path / "new") == [".in-use"]


def test_a_workspace_that_every_user_can_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StorageError, match="every user of this machine can write"), in_use(Place.of(tmp_path)):
        pass
    monkeypatch.setenv("CLEANSPLIT_SHARED_WORKSPACE", "1")
    with in_use(Place.of(tmp_path)):
        assert (tmp_path / ".in-use").exists()


def test_a_workspace_where_no_folder_can_be_made_is_named() -> None:
    with pytest.raises(StorageError, match="/proc/no/such cannot be made"), in_use(Place.of("/proc/no/such")):
        pass


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("data")
    space = tmp_path / "w"
    space.mkdir()
    (space / ".in-use").symlink_to(precious)
    with pytest.raises(StorageError), in_use(Place.of(space)):
        pass
    assert precious.read_text() == "data"


def test_runs_that_start_at_once_do_not_remove_the_probes_of_each_other(tmp_path: Path) -> None:
    def enter(_number: int) -> None:
        with in_use(Place.of(tmp_path)):
            pass

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(enter, range(200)))) == 200
