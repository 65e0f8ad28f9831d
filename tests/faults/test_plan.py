"""A fast slice of every family of the fault plan; ``python -m tests.faults`` carries it out in full."""

import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import crash, outside, rot, same_bytes, signals, storage, together, web
from tests.faults.oracle import Golden, Tally, total


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return Golden.make(tmp_path_factory.mktemp("golden"))


def assert_survived(tally: Tally) -> None:
    assert tally.survived == tally.cases > 0, tally.notes


QUICK_FAULTS = ("reset in the middle", "429 with Retry-After", "404", "a page with status 200", "wrong length")
FAMILIES: dict[str, Callable[[Golden, Path], Tally]] = {
    "crash": lambda golden, scratch: crash.crash_loop(golden, scratch, step=36),
    "error": lambda golden, scratch: crash.error_loop(golden, scratch, step=54),
    "kill": lambda golden, scratch: crash.kill_loop(golden, scratch, 4),
    "rot": lambda golden, scratch: rot.rotten(golden, scratch, step=61),
    "size": lambda golden, scratch: storage.small_files(golden, scratch, [500, 5000]),
    "together": lambda golden, scratch: together.two_at_once(golden, scratch, 2),
    "holder": lambda golden, scratch: together.holder_killed(golden, scratch, 2),
    "archives": lambda _golden, _scratch: outside.damaged_archives(40),
    "pickles": lambda golden, scratch: outside.planted_pickles(golden, scratch),
    "web": lambda golden, scratch: web.misbehaving(golden, scratch, QUICK_FAULTS),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_slice_of_the_plan(family: str, golden: Golden, tmp_path: Path) -> None:
    assert_survived(FAMILIES[family](golden, tmp_path))


@pytest.mark.skipif(not storage.may_mount(), reason="needs the right to mount file systems")
def test_full_and_read_only_disks(golden: Golden, tmp_path: Path) -> None:
    assert_survived(storage.full_disk(golden, tmp_path, 4))
    assert_survived(storage.read_only(golden, tmp_path, 45))


@pytest.mark.skipif(not storage.may_mount(), reason="needs the right to become another user")
def test_another_user(golden: Golden, tmp_path: Path) -> None:
    assert_survived(storage.no_permission(golden, tmp_path))


@pytest.mark.skipif(not storage.may_trace(), reason="needs strace, and the right to use it")
def test_a_failing_device(golden: Golden, tmp_path: Path) -> None:
    assert_survived(storage.failing_device(golden, tmp_path, {"fsync": [2], "write": [5]}))


def test_the_same_bytes_in_other_surroundings(golden: Golden, server: dict[str, str], tmp_path: Path) -> None:
    cases = [same_bytes.SURROUNDINGS[number] for number in (0, 5, 6)]
    assert_survived(same_bytes.surroundings(golden.sources, server, tmp_path, cases))


def test_signals_and_killed_pools(golden: Golden, server: dict[str, str], tmp_path: Path) -> None:
    assert_survived(signals.stopped(server, tmp_path, [(signal.SIGTERM, "processes", 1.5, 2)], golden.sources))
    assert_survived(signals.orphaned(server, tmp_path, 1, golden.sources))
    assert_survived(signals.robbed(server, tmp_path, 1, golden.sources))


def test_a_server_that_goes_away_is_named(golden: Golden, server: dict[str, str], tmp_path: Path) -> None:
    assert_survived(outside.server_gone(server, tmp_path, golden.sources))


def test_the_plan_counts_what_went_wrong(golden: Golden, tmp_path: Path) -> None:
    tally = Tally("family")
    tally.count("a", Counter())
    tally.count("b", Counter(lost=2, torn=1))
    assert tally.line().split() == ["family", "1/2"]
    assert total([tally]) == "faults survived 1/2 · rows lost 2 · rows wrong 0 · unexplained 0 · torn artifacts 1"


def test_the_plan_sees_lost_and_wrong_rows(golden: Golden, tmp_path: Path) -> None:
    from tests.faults.oracle import compare, torn

    workspace = tmp_path / "w"
    shutil.copytree(golden.workspace, workspace, symlinks=True)
    assert not compare(golden, workspace)
    run: Any = (workspace / "latest").resolve()
    next((run / "raw").glob("test-*")).unlink()
    assert compare(golden, workspace)["lost"] > 0
    assert torn(workspace) > 0
