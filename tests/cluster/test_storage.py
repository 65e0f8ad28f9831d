"""What a workspace in a bucket promises, against a real store."""

import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import CleanSplitError, DataError, StorageError, UsageError
from tasks.exporting.export import pull_run
from tasks.storage import cleaning, disk, leases, objects, published, scratch, stages, workspace
from tasks.storage.manifests import sealed
from tasks.storage.place import Place
from tasks.storage.stages import Stage
from tasks.storage.stores import at
from tests.cluster.children import wait_for
from tests.cluster.faults import Cut, Delay, Fault, LostAnswer, NoConditions, NotFound, SlowDown, Spoilt
from tests.cluster.proxy import Proxy
from tests.cluster.store import BUCKET, Store

LARGE = 20_000_000  # bytes; goes in two parts
INPUTS = {"of": "a test"}


def build(space: Place, text: str = "as built", size: int = 10) -> Stage:
    """Find the stage of the tests, or build it."""

    def written(target: Place) -> dict[str, Any]:
        disk.make_folder(target / "folder")
        disk.write_text(target / "folder" / "text", text)
        disk.write_bytes(target / "data", bytes(size))
        return {"text": text}

    return stages.stage(space, "tested", INPUTS, written)


def forget(space: Place) -> None:
    """Remove the cache of a workspace from this machine."""
    shutil.rmtree(scratch.folder())
    published.known_files.clear()  # as in a process that has just started


def content_of(made: Stage, name: str) -> Place:
    """Return the object that holds the content of a file."""
    record = stages.read_manifest(made.folder / "manifest.json")
    assert record is not None
    return published.content_of(made.folder, record["files"][name]["sha256"])


def test_a_stage_is_built_once_and_read_on_another_machine(space: Place) -> None:
    made = build(space)
    forget(space)
    found = build(space, "other")
    assert (made.reused, found.reused, found.result) == (False, True, {"text": "as built"})
    assert at(found.folder / "folder" / "text").read_text() == "as built"
    assert at(found.folder).files_below() == ["data", "folder/text", "manifest.json"]
    assert [place.name for place in at(found.folder).matching("fold*/t*")] == [f"{found.folder.name}/folder/text"]
    assert at(found.folder / "folder").is_folder()
    assert not at(found.folder / "fold").exists()
    with pytest.raises(FileNotFoundError):
        at(found.folder / "nothing").read_bytes()


def test_credentials_come_from_a_profile(space: Place, store: Store, tmp_path: Path) -> None:
    build(space)
    keys = {name.lower(): store.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    (tmp_path / "profiles").write_text("\n".join(["[team]", *(f"{name} = {key}" for name, key in keys.items())]))
    own = {name: value for name, value in os.environ.items() if name.lower() not in keys}
    own |= {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "profiles"), "AWS_EC2_METADATA_DISABLED": "true"}
    list_references = [sys.executable, "-P", "-m", "flows.command.cli", "reference", "list", f"--workspace={space}"]
    for profile in ("team", "nobody", None):
        with_profile = own | ({"AWS_PROFILE": profile} if profile else {})
        ended = subprocess.run(list_references, env=with_profile, capture_output=True, text=True)
        assert (ended.returncode == 0) == (profile == "team"), ended.stderr
        said = "has no references." if profile == "team" else f"no credentials found for s3://{BUCKET}; set AWS_ACCESS"
        assert said in ended.stderr


def test_what_differs_is_another_stage(space: Place) -> None:
    build(space)
    other = stages.stage(space, "tested", {"of": "another"}, lambda _: {"text": "other"})
    assert (other.reused, other.result) == (False, {"text": "other"})


def _race(address: str, start: Any, answers: Any, number: int) -> None:
    os.environ["CLEANSPLIT_SCRATCH"] += f"-{number}"
    space = workspace.workspace_at(address)

    def written(target: Place) -> dict[str, Any]:
        start.wait()  # all have seen that it does not exist
        disk.write_text(target / "who", str(number))
        return {"who": number}

    made = stages.stage(space, "raced", INPUTS, written)
    answers.put((made.reused, made.result["who"], at(made.folder / "who").read_text()))


def test_of_many_that_build_at_once_all_take_what_the_first_published(space: Place) -> None:
    spawning = multiprocessing.get_context("spawn")
    start, answers = spawning.Barrier(4), spawning.Queue()
    racing = [spawning.Process(target=_race, args=(str(space), start, answers, number)) for number in range(4)]
    for process in racing:
        process.start()
    found = [answers.get(timeout=60) for _ in racing]
    for process in racing:
        process.join()
    assert sorted(reused for reused, _, _ in found) == [False, True, True, True]
    winner = next(who for reused, who, _ in found if not reused)
    assert {(who, text) for _, who, text in found} == {(winner, str(winner))}


@pytest.mark.parametrize("damage", [b"", b"{", b'{"sha256": "0"}', b"\xff"])
def test_a_damaged_manifest_is_replaced(space: Place, damage: bytes) -> None:
    made = build(space)
    objects.write(made.folder / "manifest.json", damage)
    forget(space)
    assert not build(space).reused
    assert build(space).reused


def test_content_that_is_gone_is_built_again(space: Place) -> None:
    objects.delete([content_of(build(space), "data")])
    forget(space)
    assert not build(space).reused
    assert at(build(space).folder / "data").read_bytes() == bytes(10)


def test_damaged_content_is_named_and_built_again(space: Place) -> None:
    made = build(space)
    objects.write(content_of(made, "data"), b"0" * 10)
    forget(space)
    with pytest.raises(DataError, match="data is damaged; run the same command again"):
        at(build(space).folder / "data").read_bytes()
    assert not build(space).reused
    assert at(build(space).folder / "data").read_bytes() == bytes(10)


def test_one_bad_download_is_read_again_and_deletes_nothing(space: Place, through: Proxy) -> None:
    made = build(space)
    shutil.rmtree(scratch.folder())
    spoilt = through.add(Spoilt(times=1))
    assert at(made.folder / "data").read_bytes() == bytes(10)
    assert spoilt.happened == 1
    assert objects.size_of(content_of(made, "data")) == 10


@pytest.mark.parametrize(
    "files",
    [
        {"data": {"bytes": 5, "sha256": "../../../etc/passwd"}},
        {"data": {"bytes": "5", "sha256": "0" * 64}},
        {"data": {"sha256": "0" * 64}},
        {"data": 5},
        ["data"],
        None,
    ],
    ids=json.dumps,
)
def test_a_manifest_that_others_wrote_is_refused(space: Place, files: Any) -> None:
    objects.write(space / "stages/tested/hostile/manifest.json", sealed({"files": files}).encode())
    with pytest.raises(DataError, match="not written by cleansplit"):
        at(space / "stages/tested/hostile/data").read_bytes()


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_a_manifest_names_nothing_outside_its_folder(space: Place, tmp_path: Path, name: str) -> None:
    publish_run(space, "one")
    run = space / "runs" / "one"
    record = stages.read_manifest(run / workspace.RUN_MANIFEST)
    assert record is not None
    record["files"][name] = record["files"]["own"]
    objects.write(run / workspace.RUN_MANIFEST, sealed(record).encode())
    forget(space)
    with pytest.raises(DataError, match="points outside"):
        pull_run(run, Place.of(tmp_path / "pulled"))
    assert not (tmp_path / "pulled").exists()
    assert not (tmp_path / "out").exists()


def test_a_run_is_brought_home_whole_or_not_at_all(space: Place, tmp_path: Path) -> None:
    publish_run(space, "one")
    run = workspace.find_run("one", space)
    pull_run(run, Place.of(tmp_path / "pulled"))
    assert (tmp_path / "pulled" / "own").read_text() == "one"
    assert verify_files(tmp_path / "pulled") == []
    with pytest.raises(UsageError, match="already exists"):
        pull_run(run, Place.of(tmp_path / "pulled"))
    record = stages.read_manifest(run / workspace.RUN_MANIFEST)
    assert record is not None
    objects.delete([published.content_of(run, record["files"]["data"]["sha256"])])
    forget(space)
    with pytest.raises(DataError, match="is damaged"):
        pull_run(run, Place.of(tmp_path / "again"))
    assert not (tmp_path / "again").exists()


def verify_files(run: Path) -> list[str]:
    """Return the problems of the files of a run on this machine."""
    return stages.damaged_files(Place.of(run), workspace.RUN_MANIFEST)


FAULTS: dict[str, Callable[[], Fault]] = {
    "some are refused": lambda: SlowDown(share=0.4),
    "the first are refused": lambda: SlowDown(times=3),
    "cut before the body": lambda: Cut(after=0, times=2),
    "cut in the body": lambda: Cut(after=1_000_000, times=2),
    "answers to PUT are lost": lambda: LostAnswer(method="PUT", share=0.5),
    "answers to GET are lost": lambda: LostAnswer(method="GET", times=2),
    "slow": lambda: Delay(seconds=0.3),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_trouble_with_the_store_is_waited_out(space: Place, through: Proxy, fault: str) -> None:
    added = through.add(FAULTS[fault]())
    made = build(space, size=LARGE)
    forget(space)
    assert build(space).result == made.result
    assert at(made.folder / "data").read_bytes() == bytes(LARGE)
    assert added.happened


def test_a_store_that_stays_busy_is_named(space: Place, through: Proxy) -> None:
    through.add(SlowDown())
    with pytest.raises(StorageError, match="answered with an error") as caught:
        build(space)
    assert caught.value.heals
    assert "secret" not in str(caught.value)


def test_a_store_that_restarts_is_waited_for(space: Place, store: Store) -> None:
    down, answers = threading.Event(), list[Stage]()

    def written(target: Place) -> dict[str, Any]:
        down.wait()
        disk.write_bytes(target / "data", bytes(LARGE))
        return {}

    building = threading.Thread(target=lambda: answers.append(stages.stage(space, "restarted", INPUTS, written)))
    building.start()
    store.kill()
    down.set()
    time.sleep(2)
    store.start()
    building.join()
    forget(space)
    assert at(answers[0].folder / "data").read_bytes() == bytes(LARGE)


def test_a_wrong_secret_is_named_and_not_shown(space: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    objects._store.cache_clear()
    try:
        with pytest.raises(StorageError, match="the store denies access") as caught:
            build(space)
    finally:
        objects._store.cache_clear()
    assert "another-secret" not in str(caught.value)


def test_a_bucket_that_is_missing_is_named(space: Place, through: Proxy) -> None:
    through.add(NotFound())
    for use in (workspace.in_use(space), workspace.in_use(space, fresh=True)):
        with pytest.raises(StorageError, match=rf"^the bucket {BUCKET} does not exist; create it,"), use:
            raise AssertionError("a run started")
    with pytest.raises(StorageError, match="does not exist; create it"):
        workspace.find_run("latest", space)
    with pytest.raises(StorageError, match="does not exist; create it"):
        list(objects.below(space))


def test_a_store_that_ignores_conditions_is_refused(space: Place, through: Proxy) -> None:
    through.add(NoConditions())
    with pytest.raises(StorageError, match="ignores conditions on writing"), workspace.in_use(space):
        pass


def test_two_that_change_one_file_both_get_in(space: Place) -> None:
    place = space / "list"

    def add(number: int) -> None:
        def with_number(part: Place) -> None:
            known = at(place).read_text() if at(place).exists() else ""
            disk.write_text(part, f"{known}{number}\n")

        at(place).revise(with_number)

    adding = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()
    assert sorted(at(place).read_text().split()) == [str(number) for number in range(6)]


def test_a_change_whose_answer_is_lost_is_made_once(space: Place, through: Proxy) -> None:
    through.add(LostAnswer(method="PUT", times=1))
    at(space / "list").revise(lambda part: _write_unless(part, space / "list"))
    assert at(space / "list").read_text() == "x"


def _write_unless(part: Place, place: Place) -> None:
    if not at(place).exists():
        disk.write_text(part, "x")


def test_runs_and_cleanings_keep_off_each_other(space: Place) -> None:
    build(space)
    with workspace.in_use(space):
        with pytest.raises(UsageError, match="holds no runs"):
            cleaning.clean(space, 1)
        publish_run(space, "one")
        with pytest.raises(UsageError, match="a run is using"):
            cleaning.clean(space, 1)
        with (
            workspace.in_use(space),
            pytest.raises(UsageError, match="another run"),
            workspace.in_use(space, fresh=True),
        ):
            pass
    objects.write(space / "leases" / "cleaning-of-another", b"")
    with pytest.raises(StorageError, match="is being cleaned"), workspace.in_use(space):
        pass


def _forget_all(address: str, port: int) -> None:
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
    with workspace.in_use(workspace.workspace_at(address), fresh=True):
        pass


def test_a_run_that_starts_while_stages_are_forgotten_is_refused(space: Place, proxy: Proxy) -> None:
    build(space)
    proxy.add(Delay(method="POST", seconds=3))  # deletes objects
    forgetting = multiprocessing.get_context("spawn").Process(target=_forget_all, args=(str(space), proxy.port))
    forgetting.start()
    wait_for(lambda: proxy.requests["POST"] == 2, 60)  # after that of the probe
    with pytest.raises(StorageError, match="is being cleaned; try again"), workspace.in_use(space):
        pass
    forgetting.join()
    with workspace.in_use(space):
        assert not build(space).reused


def _build_late(address: str, ready: Any, go: Any, said: Any) -> None:
    leases.RENEWED, leases.VALID = 0.2, timedelta(seconds=4)
    space = workspace.workspace_at(address)
    try:
        with workspace.in_use(space):
            ready.set()
            go.wait()
            build(space)
            said.put("built")
    except StorageError as error:
        said.put(str(error))


@pytest.mark.parametrize("sleeps", [False, True])
def test_a_run_that_slept_too_long_to_renew_its_lease_ends(space: Place, sleeps: bool) -> None:
    spawning = multiprocessing.get_context("spawn")
    ready, go, said = spawning.Event(), spawning.Event(), spawning.Queue()
    running = spawning.Process(target=_build_late, args=(str(space), ready, go, said))
    running.start()
    assert ready.wait(60)
    assert running.pid
    with pytest.raises(UsageError, match="another run is using"), workspace.in_use(space, fresh=True):
        pass
    if sleeps:
        os.kill(running.pid, signal.SIGSTOP)
        time.sleep(5)
        os.kill(running.pid, signal.SIGCONT)
    go.set()
    assert ("renew the lease of this run" if sleeps else "built") in said.get(timeout=60)
    running.join()


def test_a_run_ends_when_the_store_is_away_until_its_lease_is_over(
    space: Place, through: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEWED", 0.2)
    monkeypatch.setattr(leases, "VALID", timedelta(seconds=2))
    with workspace.in_use(space):
        through.add(SlowDown(method="PUT"))
        time.sleep(3)
        through.faults.clear()
        with pytest.raises(StorageError, match=r"renew the lease of this run, .*; run the same"):
            build(space)


def test_a_lease_is_renewed_after_any_error(space: Place, through: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def written() -> Any:
        return [each.written for each in objects.below(space / "leases")]

    monkeypatch.setattr(leases, "RENEWED", 0.2)
    with workspace.in_use(space):
        missing = through.add(NotFound(method="PUT", times=3))
        wait_for(lambda: missing.happened == 3, 30)
        before = written()
        wait_for(lambda: bool(written() > before), 30)
        assert missing.happened == 3, "and no more failures were needed"


def test_a_probe_is_no_cleaning(space: Place) -> None:
    objects.write(space / "leases" / "probe-of-another", b"")
    with workspace.in_use(space):
        assert len(list(objects.below(space / "leases"))) == 2, "the run has its own lease"


def publish_run(space: Place, name: str) -> None:
    """Publish a run that shares a file with the stage of the tests."""
    made = build(space)

    def written(target: Place) -> dict[str, Any]:
        at(made.folder / "data").link(target / "data")
        disk.write_text(target / "own", name)
        return {"finished": name, "stages": [f"tested/{made.folder.last}"]}

    run = stages.publish(space / "runs" / name, {"name": name}, written, manifest=workspace.RUN_MANIFEST).folder
    workspace.point_latest(run)


def test_cleaning_removes_what_no_run_needs_and_nothing_else(space: Place) -> None:
    for name in ("1", "2", "3"):
        publish_run(space, name)
    other = stages.stage(space, "tested", {"of": "another"}, _small)
    objects.write(published.content_of(space, "0" * 64), b"left by a run that died")
    done = cleaning.clean(space, 2)
    assert (done.runs, done.stages, done.unknown) == (["1"], 1, [])
    assert done.bytes == len("1") + len("??") + len(b"left by a run that died")
    forget(space)
    assert not at(other.folder).exists()
    assert build(space).reused
    assert workspace.find_run("latest", space).name == "runs/3"
    assert [at(space / "runs" / name / "own").read_text() for name in ("2", "3")] == ["2", "3"]


def _small(target: Place) -> dict[str, Any]:
    disk.write_text(target / "t", "??")
    return {}


def test_fresh_forgets_stages_and_keeps_runs(space: Place) -> None:
    publish_run(space, "1")
    with workspace.in_use(space, fresh=True):
        pass
    forget(space)
    assert at(space / "runs" / "1" / "data").read_bytes() == bytes(10)
    assert not build(space).reused


def test_scratch_keeps_within_its_limit(space: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANSPLIT_SCRATCH_GB", "0.00005")
    monkeypatch.setattr(scratch, "IN_USE_SECONDS", 0)
    made = [stages.stage(space, "tested", {"number": number}, partial(_large, number)) for number in range(4)]
    forget(space)
    for stage in made:
        assert at(stage.folder / "data").read_bytes()[:1] == bytes([stage.result["number"]])
    assert sum(path.stat().st_size for path in (scratch.folder() / "files").iterdir()) <= 50_000


def _large(number: int, target: Place) -> dict[str, Any]:
    disk.write_bytes(target / "data", bytes([number]) * 20_000)
    return {"number": number}


def _limited(address: str, answers: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        build(workspace.workspace_at(address), size=LARGE)
    except CleanSplitError as error:
        answers.put(str(error))


def test_scratch_without_space_is_named_and_leaves_nothing(space: Place, tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    answers = spawning.Queue()
    child = spawning.Process(target=_limited, args=(str(space), answers))
    child.start()
    assert "file too large" in answers.get(timeout=60)
    child.join()
    assert objects.read(stages.stage_folder(space, "tested", INPUTS) / "manifest.json") is None
    assert not list((tmp_path / "scratch" / "building").iterdir())
    assert not build(space, size=LARGE).reused
