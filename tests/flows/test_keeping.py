"""Existing runs are verified, cleaned and repeated; secrets stay nowhere."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterStartTime,
    LogFilter,
    LogFilterTimestamp,
    TaskRunFilter,
    TaskRunFilterStartTime,
)
from prefect.client.schemas.sorting import FlowRunSort, LogSort, TaskRunSort
from prefect.states import Cancelled, Running

from flows import keeping
from flows.command.undeploy import undeploy
from tasks.errors import DataError, UsageError
from tasks.records import Report
from tasks.reporting.published_results import figures
from tasks.storage.place import Place
from tasks.storage.workspace import point_latest
from tests.faults.web import SECRET, serving
from tests.flows.test_cli import TINY, here, refused
from tests.plain import audit

PAGE = 200  # of an answer of the server
T = TypeVar("T")


def pages(read: Callable[[int], list[T]]) -> list[T]:
    """Return all that the server has, page by page; `read` gets the number of those to leave out."""
    found: list[T] = []
    while fresh := read(len(found)):
        found += fresh
    return found


@pytest.fixture
def space(run: Report, tmp_path: Path) -> Path:
    """Return a copy of a workspace whose latest run is `run`, regardless of later ones."""
    copy = Path(shutil.copytree(run.run.parents[1], tmp_path / "w", symlinks=True))
    point_latest(Place.of(copy / "runs" / run.run.name))
    return copy


def test_verify_says_that_a_run_is_whole(space: Path) -> None:
    done = here("verify", "--workspace", str(space))
    assert (done.returncode, done.stdout) == (0, "")
    assert "is intact." in done.stderr


def test_verify_lists_what_is_wrong_and_exits_with_3(space: Path) -> None:
    run = (space / "latest").resolve()
    (run / "removed.parquet").write_bytes(b"")
    os.truncate(next(run.glob("raw/test-*")), 100)
    done = here("verify", run.name, "--workspace", str(space))
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert "removed.parquet has 0 bytes instead of" in lines[0] + lines[1]
    assert any(line.startswith("reading stopped: ") and "test-00000" in line for line in lines)
    assert done.stderr.splitlines()[-1].endswith(f"{run.name} has 3 problems; run its command again to rebuild it.")


def test_verify_names_a_run_that_is_not_there(tmp_path: Path) -> None:
    done = here("verify", "nothing", "--workspace", str(tmp_path))
    assert f"run nothing does not exist; give its folder, its id below {tmp_path}/runs, or latest." in refused(done, 2)


def test_clean_prints_the_runs_that_it_removed(
    space: Path, prefect_server: None, sources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("run", "--large", sources["large"], "--small", sources["small"], *TINY)
    monkeypatch.setenv("CLEANSPLIT_WORKSPACE", str(space))
    (old,) = [path.name for path in (space / "runs").glob("[!.]*")]
    new = here(*arguments, "--seed", "1").stdout.strip()
    done = here("clean", "--keep", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [old]
    assert "removed 1 run and " in done.stderr
    assert [str(path) for path in (space / "runs").glob("[!.]*")] == [new]
    again = here(*arguments, "--seed", "1")
    assert again.stdout.strip() == new
    assert "draw splits            1 task, 1 reused" in again.stderr, "stages of the newest run were kept"
    assert "20 tasks, 20 reused" in again.stderr
    for stage in ("look up fingerprints", "find overlap", "measure the baseline", "settle overlap"):
        assert re.search(rf"{stage} +(\d+) tasks?, \1 reused", again.stderr), stage
    anew = here(*arguments, "--seed", "1", "--fresh")
    assert anew.returncode == 0, anew.stderr
    assert "load classes          20 tasks, " in anew.stderr
    assert "20 tasks, 20 reused" not in anew.stderr
    assert anew.stdout.strip() == new


def test_a_clean_that_would_keep_nothing_is_refused(tmp_path: Path) -> None:
    assert "keep: give a whole number above 0" in refused(here("clean", "--keep", "0"), 2)
    assert "holds no runs" in refused(here("clean", "--keep", "1", "--workspace", str(tmp_path)), 2)


def test_the_secrets_of_a_url_stay_nowhere(prefect_server: None, sources: dict[str, Any], tmp_path: Path) -> None:
    start = datetime.now(UTC)
    with serving(Path(sources["large"]).read_bytes()) as (url, _):
        arguments = ("run", "--large", url, "--small", sources["small"], "--workspace", str(tmp_path), *TINY)
        done = here(*arguments)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    report = json.loads((tmp_path / "latest" / "report.json").read_text())
    assert report["inputs"][0]["name"].endswith("/large.tar.gz")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    of_runs = FlowRunFilter(start_time=FlowRunFilterStartTime.model_validate({"after_": start}))
    of_tasks = TaskRunFilter(start_time=TaskRunFilterStartTime.model_validate({"after_": start}))
    of_lines = LogFilter(timestamp=LogFilterTimestamp.model_validate({"after_": start}))
    with get_client(sync_client=True) as client:
        runs = pages(
            lambda offset: client.read_flow_runs(
                flow_run_filter=of_runs, sort=FlowRunSort.ID_DESC, limit=PAGE, offset=offset
            )
        )
        tasks = pages(
            lambda offset: client.read_task_runs(
                task_run_filter=of_tasks, sort=TaskRunSort.ID_DESC, limit=PAGE, offset=offset
            )
        )
        lines = pages(
            lambda offset: client.read_logs(log_filter=of_lines, sort=LogSort.TIMESTAMP_ASC, limit=PAGE, offset=offset)
        )
    mine = [run for run in runs if "/large.tar.gz" in json.dumps(run.model_dump(mode="json"))]
    assert any(run.name.startswith("large-sources") for run in mine), "named after the different part of the sources"
    assert not [run for run in runs if SECRET in json.dumps(run.model_dump(mode="json"))]
    assert "fetch large" in {task.name for task in tasks}
    assert not [task for task in tasks if SECRET in task.model_dump_json()]
    assert lines
    assert not [line for line in lines if SECRET in line.message]


def test_reproduce_names_the_figures_that_differ_and_exits_with_4(
    prefect_server: None, sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    archives = ("--large", sources["large"], "--small", sources["small"])
    done = here("reproduce", *archives, "--workspace", str(tmp_path))
    assert done.returncode == 4, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    assert json.loads((run / "report.json").read_text())["spec"]["recipe"] == "course"
    table = [line.split() for line in done.stderr.splitlines()]
    assert ["members", "of", "large", "529,119", "424", "different"] in table
    assert ["0.9006", "-", "not", "checked"] in [row[-4:] for row in table]
    assert done.stderr.splitlines()[-1].startswith("cleansplit: ")
    assert "published figures differ: bytes of the large archive, " in done.stderr.splitlines()[-1]


def test_every_published_figure_has_a_way_to_be_measured(run: Report) -> None:
    softmax = [replace(score, model="softmax") for score in run.scores if score.model == "sgd"]  # quicker to train
    checked = figures(replace(run, scores=tuple(softmax)))
    assert len(checked) == len({figure.name for figure in checked}) == 93
    unchecked = {figure.name for figure in checked if figure.verdict == "not checked"}
    assert unchecked == {f"accuracy of softmax on {rows:,} rows (within 0.002)" for rows in (100, 1000, 5000, 200_000)}


def test_the_page_can_be_built_again_and_is_the_same(run: Report, tmp_path: Path) -> None:
    space = shutil.copytree(run.run.parents[1], tmp_path / "w", symlinks=True)
    (space / "history.parquet").unlink()
    done = here("report", run.run.name, "--workspace", str(space), "--out", str(tmp_path / "page.html"))
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'page.html'}\n"), done.stderr
    assert (tmp_path / "page.html").read_bytes() == (run.run / "report.html").read_bytes()


@pytest.mark.parametrize("edit", [{"spec": None}, {"within": []}, {"overlap": []}, {"spec": [1]}], ids=str)
def test_an_edited_report_is_named(run: Report, tmp_path: Path, edit: dict[str, Any]) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.run, copy)
    content = json.loads((copy / "report.json").read_text())
    (copy / "report.json").write_text(json.dumps(content | edit))
    ended = here("report", str(copy), "--out", str(tmp_path / "page.html"))
    assert ended.returncode == 3
    assert re.search(f"{copy}.* was (changed or )?written by another version; do the run again", ended.stderr)


def test_what_the_system_refuses_is_named_by_every_command(tmp_path: Path) -> None:
    (tmp_path / "runs" / "one" / "report.json").mkdir(parents=True)
    ended = here("report", "one", "--workspace", str(tmp_path))
    assert (ended.returncode, "a folder is where a file should be" in ended.stderr) == (6, True)


def test_compare_shows_settings_rows_and_overlap_that_changed(run: Report, space: Path, prefect_server: None) -> None:
    first = space / "runs" / run.run.name
    second = Path(here("sanitize", run.run.name, "--threshold", "1.0", "--workspace", str(space)).stdout.strip())
    done = here("compare", first.name, second.name, "--workspace", str(space))
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["settings", "threshold", "0.95", "1.0"] in rows
    assert ["rows", "test,", "sanitized", "80", "100"] in rows
    assert ["overlap", "test", "in", "train,", "near", "18", "0"] in rows
    assert not [row for row in rows if row[:2] == ["settings", "large"]]
    page = here("report", "--workspace", str(space), "--out", str(space / "page.html"))
    assert page.returncode == 0, page.stderr
    text = (space / "page.html").read_text()
    assert "Earlier and later runs" in text
    assert all(f"<bdi>{path.name}</bdi>" in text for path in (first, second))
    same = here("compare", first.name, first.name, "--workspace", str(space))
    assert same.stdout == "Nothing changed: both runs have the same results.\n"


def test_flows_remove_old_runs_and_check_the_newest(
    prefect_server: None, sources: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert keeping.clean(workspace=tmp_path) == [], "there is nothing yet"
    assert keeping.verify(workspace=tmp_path) == ""
    given: dict[str, Any] = {"train": sources["large"], "test": sources["small"], "max_quarantine": 0.1}
    first, second = (audit(**given, threshold=percent, workspace=tmp_path) for percent in (0.95, 0.96))
    assert keeping.clean(keep=1, workspace=tmp_path) == [first.run.name]
    assert "removed 1 run and " in caplog.text
    assert keeping.verify(workspace=tmp_path) == second.run.name
    (second.run / "removed.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r" has [0-9]+ problems?; run its command again"):
        keeping.verify(workspace=tmp_path)
    with pytest.raises(UsageError, match="keep: give a whole number above 0"):
        keeping.clean(keep=0, workspace=tmp_path)


@pytest.mark.usefixtures("prefect_server")
def test_undeploying_names_an_active_run_and_the_command_that_cancels_it() -> None:
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(keeping.verify, name="verify pets", state=Running())
        with pytest.raises(UsageError, match="verify pets is active; let it end, or run `prefect ") as caught:
            undeploy()
        client.set_flow_run_state(run.id, Cancelled(), force=True)
    assert str(caught.value).endswith(f"`prefect flow-run cancel {run.id}`.")
