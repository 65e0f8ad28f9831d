import dataclasses
import functools
import inspect
import json
import re
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast, get_args
from uuid import UUID

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest
from cyclopts import Parameter
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import TaskRun
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from pydantic import TypeAdapter

from flows.command.commands import app
from flows.engine.parameters import Command, Typed
from flows.engine.progress import timed
from flows.pipeline import cleansplit, evaluate, sanitize
from flows.publish import key_of
from flows.table import CLEAN, COMMANDS, REPRODUCE, VERIFY
from tasks.errors import DataError, GateError, UsageError
from tasks.kernel import engine
from tasks.records import Report
from tasks.records.parameters import DESCRIPTIONS, described
from tasks.records.spec import RunSpec
from tests.build import MEASURED, glyphs, members_of, write_tar
from tests.schema import schema

pytestmark = pytest.mark.usefixtures("prefect_server")

QUICK: dict[str, Any] = {"models": ("1nn",), "sizes": ("all",), "trainings": 1}


def run_again(workspace: Path, sources: dict[str, Any], **changed: Any) -> UUID:
    """Run the flow again and return the id that the server gave this run of it."""
    ended = cleansplit(**sources, workspace=workspace, **MEASURED | changed, return_state=True)
    ended.result()
    number = ended.state_details.flow_run_id
    assert number is not None
    return number


def task_states(workspace: Path, sources: dict[str, Any], **changed: Any) -> dict[str, list[str]]:
    """Run the flow again and return the names of the final states of its tasks, by the start of their names."""
    number = run_again(workspace, sources, **changed)
    states: dict[str, list[str]] = {}
    with get_client(sync_client=True) as client:
        for task in recorded(number, client):
            if task.state and task.state.state_details.child_flow_run_id:
                continue  # stands for a subflow
            states.setdefault(task.name.split()[0], []).append(str(task.state and task.state.name))
    return states


def recorded(run: UUID, client: SyncPrefectClient) -> list[TaskRun]:
    """Return the task runs of a run once the server has written down how all of them ended, a second later at most."""
    for _ in range(50):
        tasks = list(tasks_of(run, client))
        published = any(task.name == "publish the report" for task in tasks)
        if published and all(task.state and task.state.is_final() for task in tasks):
            return tasks
        time.sleep(0.2)
    raise AssertionError("the server has not written down how the tasks ended")


def tasks_of(run: UUID, client: SyncPrefectClient) -> Iterator[TaskRun]:
    """Return the task runs of a flow run and of all below it; the server tells of 200 of a flow, and none has more."""
    found = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])))
    assert len(found) < 200
    yield from found
    below = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]))
    for child in client.read_flow_runs(flow_run_filter=below):
        yield from tasks_of(child.id, client)


def test_a_run_is_published_whole(run: Report) -> None:
    assert sorted(path.name for path in run.run.iterdir()) == [
        "README.md",
        "actions.csv",
        "duplicates.parquet",
        "figures",
        "label_conflicts.parquet",
        "quarantine.parquet",
        "raw",
        "remove",
        "removed.parquet",
        "report.html",
        "report.json",
        "run.json",
        "sanitized",
    ]


def test_latest_is_the_run_that_was_published_last(run: Report, sources: dict[str, Any], tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(run.run.parents[1], tmp_path / "w", symlinks=True))
    newest = sanitize(run=run.run.name, workspace=workspace, threshold=0.98)
    assert (workspace / "latest").resolve() == newest.run.resolve()
    again = cleansplit(**sources, workspace=workspace, **MEASURED)
    assert (workspace / "latest").resolve() == again.run.resolve()
    assert newest.run.name != again.run.name == run.run.name


def test_the_report_is_valid_against_its_schema_and_equals_the_record(run: Report) -> None:
    content = json.loads((run.run / "report.json").read_text())
    jsonschema.validate(content, schema())
    assert {f.name for f in dataclasses.fields(Report)} - {"run"} == set(schema()["properties"])
    assert set(schema()["properties"]) == set(schema()["required"]) == set(content)
    assert run.to_json() == content
    read = Report.of_json(run.run, content)
    assert read.spec.settings() == run.spec.settings()
    assert dataclasses.replace(read, spec=run.spec) == run


def test_members_are_conserved(run: Report) -> None:
    assert all(row.members == row.accepted + row.quarantined + row.ignored for row in run.conservation)
    named = pq.read_table(run.run / "quarantine.parquet").to_pylist()
    assert {(row["role"], row["class_name"], row["member"], row["outcome"], row["reason"]) for row in named} == {
        ("large", "A", "broken.png", "quarantined", "empty"),
        ("large", "J", "text.png", "quarantined", "not_png"),
        ("large", "B", ".DS_Store", "ignored", "os_metadata"),
        ("large", None, "root/stray.png", "quarantined", "no_class"),
        ("small", "F", "empty.png", "quarantined", "empty"),
    }
    outside = [row for row in run.conservation if row.class_name is None]
    assert [(row.role, row.members, row.quarantined) for row in outside] == [("large", 1, 1)]


def test_planted_twins_are_found_and_removed(run: Report) -> None:
    assert len({(pair.rows_of, pair.found_in) for pair in run.overlap}) == len(run.overlap) == 6
    in_train, in_validation = run.pair("test", "train"), run.pair("test", "validation")
    assert in_train.rows == 120
    assert in_train.exact + in_validation.exact == 20, "each planted image is in train or in validation"
    assert in_train.near + in_validation.near == 20
    removed = pq.read_table(run.run / "removed.parquet").to_pylist()
    assert sum(row["split"] == "test" for row in removed) == 40
    assert run.sanitized.near.test == 80
    assert run.sanitized.exact.test == 100
    for row in removed:
        assert row["twin_id"].split("/")[0] == "large"
        assert row["reason"] == ("exact" if row["jaccard"] == 1 else "near")


def test_sanitized_files_are_the_raw_rows_that_stay_in_their_order(run: Report) -> None:
    raw = pq.read_table(run.run / "raw" / "test-00000-of-00001.parquet")
    sanitized = pq.read_table(run.run / "sanitized" / "test-00000-of-00001.parquet")
    gone = {r["id"] for r in pq.read_table(run.run / "removed.parquet").to_pylist() if r["split"] == "test"}
    kept = np.array([name not in gone for name in raw["id"].to_pylist()])
    assert sanitized.equals(raw.filter(kept))


def test_scores_cover_every_model_size_and_subset(run: Report) -> None:
    keys = {(s.model, s.train_rows, s.seed, s.arm, s.evaluated_on) for s in run.scores}
    usable = max(s.train_rows for s in run.scores)
    assert usable == run.rows.train - run.pair("train", "test").either, "both arms have the rows of the smaller"
    # Models x sizes x trainings with twins, and without, where those of 1nn on all rows would all be the same.
    assert len(keys) == len(run.scores) == 2 * 2 * 5 * 10 + (5 + 5) * 4 + (5 + 1) * 4
    assert {s.arm for s in run.scores} == {"with_twins", "without_twins"}
    for score in run.scores:
        if score.n:
            assert score.accuracy is not None
            assert score.low is not None
            assert score.high is not None
            assert score.low <= score.accuracy <= score.high


def test_effects_compare_the_arms_of_every_model_and_size(run: Report) -> None:
    assert len(run.effects) == 2 * 2 * 4
    for effect in run.effects:
        assert effect.trainings == 5
        assert effect.points is not None
        assert effect.low is not None
        assert effect.high is not None
        assert effect.low <= effect.points <= effect.high
    own = {e.comparison: e.points or 0 for e in run.effects if e.model == "1nn" and e.train_rows > 50}
    accuracy = {
        arm: np.mean([
            s.accuracy for s in run.scores
            if (s.model, s.arm, s.evaluated_on) == ("1nn", arm, "test_raw") and s.train_rows > 50
        ])
        for arm in ("with_twins", "without_twins")
    }  # fmt: skip
    share = run.pair("test", "train").either / run.rows.test
    change = 100 * (accuracy["with_twins"] - accuracy["without_twins"])
    assert share * own["on_rows_with_twin"] + (1 - share) * own["on_other_rows"] == pytest.approx(change)
    assert own["effect_of_twins"] == pytest.approx(share * (own["on_rows_with_twin"] - own["on_other_rows"]))


def test_the_effect_of_the_twins_is_concluded_of_every_model(run: Report) -> None:
    assert [(one.model, one.trainings, one.reason) for one in run.conclusions] == [("sgd", 5, None), ("1nn", 5, None)]
    effect = next(e for e in run.effects if (e.model, e.comparison) == ("1nn", "effect_of_twins") and e.train_rows > 50)
    (conclusion,) = [one for one in run.conclusions if one.model == "1nn"]
    assert (conclusion.train_rows, conclusion.points) == (effect.train_rows, effect.points)
    assert conclusion.significant, "30 % of the test rows have a twin, and 1-nearest-neighbour remembers it"


def test_intervals_do_not_depend_on_which_split_loses_rows(run: Report, sources: dict[str, Any]) -> None:
    other = cleansplit(**sources, workspace=run.run.parents[1], **MEASURED | {"protect": "test"})
    scores = [
        {
            (s.model, s.train_rows, s.seed, s.arm): (s.accuracy, s.low, s.high)
            for s in report.scores
            if s.evaluated_on == "test_raw"
        }
        for report in (run, other)
    ]
    assert scores[0] == scores[1]
    assert run.conclusions == other.conclusions
    assert run.sanitized != other.sanitized


def test_a_second_run_reuses_every_stage_and_rewrites_nothing(run: Report, sources: dict[str, Any]) -> None:
    workspace = run.run.parents[1]
    before = {path: path.stat().st_mtime_ns for path in workspace.rglob("*") if path.is_file()}
    states = task_states(workspace, sources)
    assert len(states["load"]) == 20
    assert {name for names in states.values() for name in names} <= {"Reused", "Completed"}
    assert {name for name, ended in states.items() if "Completed" in ended} == {"fetch", "look"}  # ask sources
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*") if path.is_file()} == before


def test_three_new_images_in_one_class_load_that_class_alone(
    run: Report, sources: dict[str, Any], tmp_path: Path
) -> None:
    workspace = Path(shutil.copytree(run.run.parents[1], tmp_path / "w", symlinks=True))
    with tarfile.open(sources["large"]) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    new = members_of({"C": glyphs(3, seed=999)}, "new")
    grown = sources | {"large": str(write_tar(tmp_path / "large.tar.gz", members | new))}
    states = task_states(workspace, grown, **QUICK)
    assert (states["load"].count("Reused"), states["load"].count("Completed")) == (19, 1)


def test_another_seed_reuses_the_class_shards_and_no_state_of_a_task_is_asked_of_the_server(
    run: Report, sources: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "httpx")
    states = task_states(run.run.parents[1], sources, seed=1, **QUICK)
    assert set(states["load"]) == set(states["index"]) == {"Reused"}
    assert states["draw"] == ["Completed"]
    assert "POST http" in caplog.text
    assert not re.search(r"GET \S+/task_runs/", caplog.text)


def test_another_threshold_reuses_the_join(run: Report, sources: dict[str, Any]) -> None:
    states = task_states(run.run.parents[1], sources, threshold=0.97, **QUICK)
    assert set(states["find"]) == {"Reused"}
    assert states["sanitize"][0] != "Reused"


def test_a_process_pool_gives_the_same_run(
    run: Report, sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.engine.runners.PROCESSES_FROM", 1)
    workspace = Path(shutil.copytree(run.run.parents[1], tmp_path / "w", symlinks=True))
    for gone in ("runs", "stages/classes", "stages/fingerprints"):
        shutil.rmtree(workspace / gone)
    other = cleansplit(**sources, workspace=workspace, **MEASURED)
    assert other.run.name == run.run.name
    shards = sorted((workspace / "stages" / "classes").rglob("*.parquet"))
    assert len(shards) >= 20
    for shard in shards:
        assert shard.read_bytes() == (run.run.parents[1] / shard.relative_to(workspace)).read_bytes(), shard
    for path in sorted(p.relative_to(run.run) for p in run.run.rglob("*") if p.is_file() and p.name != "run.json"):
        assert (other.run / path).read_bytes() == (run.run / path).read_bytes(), path


@pytest.mark.parametrize(
    "entry", [one for one in COMMANDS if one not in (REPRODUCE, CLEAN, VERIFY)], ids=lambda one: one.name
)
def test_parameters_are_the_same_in_spec_flow_run_form_and_command(entry: Command[Any]) -> None:
    flow: Any = load_flow_from_entrypoint(entry.flow, use_placeholder_flow=False)
    command, spec = entry.name, cast(Any, entry.takes)
    fields = {field.name: field for field in dataclasses.fields(spec)}
    in_flow = inspect.signature(flow.fn).parameters
    in_form = parameter_schema(flow.fn)
    in_command = arguments_of(command)
    assert list(in_flow) == list(in_form.properties)
    assert {*in_command} == {*in_flow, "verbose"}
    assert app[command].help == entry.sentence == str(inspect.getdoc(flow.fn)).splitlines()[0]
    assert set(in_flow) == set(fields)
    for name, field in fields.items():
        shown, typed = in_form.properties[name], in_command[name]
        kind: Any = field.type
        own = [part for part in get_args(typed.field_info.annotation) if not isinstance(part, Parameter)]
        assert get_args(in_flow[name].annotation)[:-1] == get_args(kind)
        assert own == list(get_args(kind)), "but for how it is refused: --no-decisions"
        form = TypeAdapter(Annotated[kind, Typed()]).json_schema() | {
            "title": name,
            "position": list(in_flow).index(name),
        }
        required = field.default is dataclasses.MISSING
        if not required:
            form["default"] = json.loads(json.dumps(field.default))
        assert shown == form
        assert (name in in_form.required, typed.required) == (required, required)
        default = inspect.Parameter.empty if required else field.default
        assert in_flow[name].default == typed.field_info.default == default
        assert shown["description"] == typed.parameter.help, name
        assert shown["description"]
    if command in ("run", "audit"):
        assert in_form.properties["max_quarantine"]["maximum"] == 1
        assert in_form.properties["protect"]["enum"] == ["train", "test"]


@pytest.mark.parametrize("flow", [sanitize, evaluate], ids=lambda flow: flow.name)
def test_the_run_may_be_given_without_the_name_of_the_parameter(flow: Any) -> None:
    assert inspect.signature(flow.fn).bind("one").arguments == {"run": "one"}
    assert arguments_of(flow.name.removeprefix("cleansplit-"))["run"].index == 0


OTHERS = ["verify", "report", "compare", "export", "clean", "review", "apply", "pull", "doctor"]


@pytest.mark.parametrize("command", [*OTHERS, *(f"reference {part}" for part in ("add", "list", "verify", "drop"))])
def test_other_commands_describe_every_parameter_in_the_words_of_the_flows(command: str) -> None:
    shown = {name: typed.parameter.help for name, typed in arguments_of(command).items()}
    assert shown["workspace"] == DESCRIPTIONS["workspace"]
    assert shown == {name: described(command.split()[-1], name) for name in shown}


def arguments_of(command: str) -> dict[str, Any]:
    """Return the options of the command, as its help shows them, by name."""
    found = functools.reduce(lambda part, word: part[word], command.split(), app)
    return {typed.field_info.name: typed for typed in found.assemble_argument_collection(parse_docstring=True)}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"small": None}, "large is given without small"),
        ({"threshold": 0.955}, r"threshold 0\.955 is not a whole percent"),
        ({"threshold": 0.0, "floor": 0.0}, r"threshold 0\.0 is not a whole percent of at least 0\.01"),
        ({"train": 101}, r"train 101 is not a multiple of 10 classes; use 100 or 110\."),
        ({"test": 5000}, "test can have at most 120 rows, not 5,000"),
        ({"models": ()}, "models must name at least one entry"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    prefect_server: None, sources: dict[str, Any], tmp_path: Path, wrong: dict[str, Any], sentence: str
) -> None:
    state = cleansplit(**sources | {"workspace": tmp_path} | MEASURED | wrong, return_state=True)
    assert state.is_failed()
    with pytest.raises(UsageError, match=sentence) as caught:
        state.result()
    assert state.message == str(caught.value)


def test_a_wrong_number_of_classes_lists_them(prefect_server: None, sources: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"large\.tar\.gz has 10 class folders \(A, B, C, D, E and 5 more\) where 9"):
        cleansplit(**sources, workspace=tmp_path, classes=9)


def test_too_many_unreadable_members_of_a_class_fail_the_run_after_its_report(
    run: Report, sources: dict[str, Any]
) -> None:
    with pytest.raises(GateError) as caught:
        cleansplit(**sources, workspace=run.run.parents[1], **MEASURED | {"max_quarantine": 0.01})
    said = "of small F (7.69 %), more than the 1 % allowed by --max-quarantine: no bytes (1)."
    assert said in str(caught.value)
    assert (caught.value.report.run / "report.json").is_file()


def test_a_floor_above_the_threshold_is_lowered_with_it() -> None:
    assert RunSpec.of(threshold=0.85).settled("ink", 28, 10).floor_percent == 85


def test_notmnist_has_its_own_minimum_of_members() -> None:
    assert [RunSpec.of(dataset="notmnist").minimum(role) for role in ("large", "small")] == [45_000, 1_800]
    assert RunSpec.of().minimum("large") == 1


def test_stages_are_timed_in_the_run_record(run: Report) -> None:
    result = json.loads((run.run / "run.json").read_text())["result"]
    assert result["compared_by"] == [engine()]
    seconds = result["seconds"]
    assert {"load classes", "find overlap", "train and score"} <= set(seconds)
    with timed() as nothing:
        pass
    assert nothing == {}


def test_prefect_shows_tables_charts_and_the_summary_under_a_key_of_the_sources(
    run: Report, sources: dict[str, Any]
) -> None:
    number = run_again(run.run.parents[1], sources)
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[number]))
    with get_client(sync_client=True) as client:
        shown = {artifact.key: artifact for artifact in client.read_artifacts(artifact_filter=of_run)}
    about = key_of([sources["large"], sources["small"]])
    kinds = ("summary", "similarity", "overlap", "accuracy", "removed", "thresholds", "effects")
    assert set(shown) >= {f"cleansplit-{about}-{kind}" for kind in kinds}
    assert f"cleansplit-{about}-report" not in shown, "a page that only the worker's machine has can't be linked"
    assert str(run.run) in str(shown[f"cleansplit-{about}-summary"].data)
    described = str(shown[f"cleansplit-{about}-summary"].description)
    assert described.startswith(f"{run.pair('test', 'train').either} of the {run.rows.test} test images (")
    assert " have a duplicate in train" in described
    assert described.endswith(f". Run {run.run.name}.")


def test_a_link_leads_to_where_runs_are_served(
    run: Report, sources: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANSPLIT_REPORTS_URL", "https://reports.example.org/runs/")
    number = run_again(run.run.parents[1], sources)
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[number]))
    with get_client(sync_client=True) as client:
        links = [found.data for found in client.read_artifacts(artifact_filter=of_run) if "-report" in str(found.key)]
    assert links == [f"[report.html](https://reports.example.org/runs/{run.run.name}/report.html)"]
