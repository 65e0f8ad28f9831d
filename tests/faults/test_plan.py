"""A fast slice of some families of the fault plan; ``python -m tests.faults`` carries out all, in full."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import accepting, crash, outside, rot, storage
from tests.faults.oracle import Golden, Tally, total


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return Golden.make(tmp_path_factory.mktemp("golden"))


def assert_survived(tally: Tally) -> None:
    assert tally.survived == tally.cases > 0, tally.notes


FAMILIES: dict[str, Callable[[Golden, Path], Tally]] = {
    "crash": lambda golden, scratch: crash.crash_loop(golden, scratch, step=211),
    "kill": lambda golden, scratch: crash.kill_loop(golden, scratch, 3),
    "rot": lambda golden, scratch: rot.rotten(golden, scratch, step=241),
    "size": lambda golden, scratch: storage.small_files(golden, scratch, [500, 5000]),
    "accept": lambda golden, scratch: accepting.killed_while_accepting(golden, scratch, step=7),
    "accept-both": lambda golden, scratch: accepting.accepted_at_once(golden, scratch, 2),
    "archives": lambda _golden, _scratch: outside.damaged_archives(40),
    "pickles": lambda golden, scratch: outside.planted_pickles(golden, scratch),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_slice_of_the_plan(family: str, golden: Golden, tmp_path: Path) -> None:
    assert_survived(FAMILIES[family](golden, tmp_path))


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
