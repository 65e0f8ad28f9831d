import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

from tasks.records import Report
from tasks.reporting.history import NAME, read_history, remember
from tasks.storage import tables
from tasks.storage.place import Place


def test_a_run_is_remembered_once_with_its_numbers(run: Report) -> None:
    rows = read_history(Place.of(run.run.parents[1])).to_pylist()
    mine = [row for row in rows if row["run"] == run.run.name]
    assert len(mine) == 1
    assert (mine[0]["train"], mine[0]["validation"], mine[0]["test"]) == (400, 20, 120)
    test = run.states[0]
    assert (mine[0]["exact"], mine[0]["near"]) == (test.exact, test.duplicates - test.exact)
    assert (mine[0]["left"], mine[0]["quarantined"]) == (80, 4)
    assert mine[0]["model"] == "sgd"
    assert 0 < mine[0]["accuracy_raw"] < 1
    assert mine[0]["seconds"] > 0


def remember_many(workspace: Path, report: Report, names: list[str]) -> None:
    for name in names:
        folder = workspace / "runs" / name
        folder.mkdir(parents=True)
        (folder / "run.json").write_bytes((report.run / "run.json").read_bytes())
        remember(Place.of(workspace), replace(report, run=folder))


def test_runs_that_end_together_are_all_remembered(run: Report, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    names = [[f"{letter}{number}" for number in range(8)] for letter in "ab"]
    children = [context.Process(target=remember_many, args=(tmp_path, run, part)) for part in names]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert sorted(read_history(Place.of(tmp_path))["run"].to_pylist()) == sorted([*names[0], *names[1]])
    before = (tmp_path / NAME).stat().st_mtime_ns
    remember(Place.of(tmp_path), replace(run, run=tmp_path / "runs" / "a0"))
    assert (tmp_path / NAME).stat().st_mtime_ns == before


def test_a_damaged_history_is_made_again_from_the_runs(run: Report, tmp_path: Path) -> None:
    space = Path(shutil.copytree(run.run.parents[1], tmp_path / "w", symlinks=True))
    before = [row for row in read_history(Place.of(space)).to_pylist() if (space / "runs" / row["run"]).exists()]
    without = read_history(Place.of(space)).drop_columns(["seconds"])
    tables.write(without, Place.of(tmp_path / "other"))
    for other in (b"damaged", (tmp_path / "other").read_bytes()):
        (space / NAME).write_bytes(other)
        remember(Place.of(space), replace(run, run=space / "runs" / run.run.name))
        assert read_history(Place.of(space)).to_pylist() == before


def test_a_workspace_without_runs_has_an_empty_history(tmp_path: Path) -> None:
    assert read_history(Place.of(tmp_path)).num_rows == 0
