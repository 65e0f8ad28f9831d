"""Single steps on the splits of an existing run."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.pipeline import audit, evaluate, prepare, sanitize
from flows.publish import key_of
from tasks.errors import DataError, UsageError
from tasks.exporting.export import export_run, pull_run
from tasks.records import Report
from tasks.reporting.read import read_findings
from tasks.storage.place import Place
from tests import plain
from tests.build import MEASURED, TINY, glyphs, png, write_tar

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def workspace(run: Report, tmp_path: Path) -> Path:
    """Return a copy of the workspace of a run, in another place."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(run.run.parents[1], copy, symlinks=True)
    return copy


def test_sanitizing_again_gives_what_a_run_with_that_threshold_gives(
    run: Report, workspace: Path, sources: dict[str, Any]
) -> None:
    again = sanitize(run=run.run.name, workspace=workspace, threshold=0.99, protect="test")
    whole = plain.run(**sources, workspace=workspace, threshold=0.99, protect="test", **TINY)
    assert again.run.name != whole.run.name
    assert again.scores == ()
    assert again.spec.settings()["models"] == ()
    for name in ("overlap", "sanitized", "conservation", "groups", "rows", "inputs"):
        assert getattr(again, name) == getattr(whole, name), name
    removed = [pq.read_table(report.run / "removed.parquet") for report in (again, whole)]
    assert removed[0].equals(removed[1])


def test_what_is_not_given_stays_as_in_the_run(run: Report, workspace: Path) -> None:
    again = sanitize(run=run.run.name, workspace=workspace)
    assert again.spec.settings() == run.spec.settings() | {"models": ()}
    assert again.sanitized == run.sanitized


def test_evaluating_again_gives_what_a_run_with_those_models_gives(
    run: Report, workspace: Path, sources: dict[str, Any]
) -> None:
    again = evaluate(run=run.run.name, workspace=workspace, models=("sgd",), sizes=(100,))
    whole = plain.run(**sources, workspace=workspace, **MEASURED | {"models": ("sgd",), "sizes": (100,)})
    assert again.run == whole.run
    assert {score.model for score in again.scores} == {"sgd"}


def test_prepared_splits_are_found_by_a_run(workspace: Path, sources: dict[str, Any]) -> None:
    for gone in ("runs", "stages/splits"):
        shutil.rmtree(workspace / gone)
    folder = prepare(**sources, workspace=workspace)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    report = plain.run(**sources, workspace=workspace, **TINY)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert all((report.run / "raw" / path.name).samefile(path) for path in before)


def test_a_run_that_cannot_be_used_is_named(run: Report, workspace: Path) -> None:
    with pytest.raises(UsageError, match="run nothing does not exist; give its folder"):
        sanitize(run="nothing", workspace=workspace)
    pull_run(Place.of(run.run), Place.of(workspace.parent / "pulled"))
    with pytest.raises(DataError, match="pulled is a copy of a run; this needs the run in its workspace"):
        sanitize(run=str(workspace.parent / "pulled"), workspace=workspace)
    shutil.rmtree(workspace / "stages" / "splits")
    with pytest.raises(DataError, match=r"needs .*splits.*, which --fresh or a person removed; do the run again"):
        sanitize(run=run.run.name, workspace=workspace)


def test_what_sanitize_published_can_be_sanitized_again(run: Report, workspace: Path) -> None:
    once = sanitize(run=run.run.name, workspace=workspace, threshold=0.99)
    twice = sanitize(run=once.run.name, workspace=workspace, threshold=0.9)
    assert twice.spec.threshold == 0.9
    assert evaluate(run=twice.run.name, workspace=workspace, models=("1nn",), sizes=("all",)).scores


def test_audits_of_folders_named_by_numbers_stay_audits(
    prefect_server: None, sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, source in (("2019", sources["large"]), ("2020", sources["small"])):
        shutil.copyfile(source, tmp_path / name)
    audited = plain.audit(train="2019", test="2020", workspace=tmp_path / "w", max_quarantine=0.1)
    with pytest.raises(UsageError, match=f"{audited.run.name} drew no splits"):
        evaluate(run=audited.run.name, workspace=tmp_path / "w")


def test_artifacts_that_are_gone_are_made_again_and_others_only_once(sources: dict[str, Any], tmp_path: Path) -> None:
    own = [shutil.copy(sources[role], tmp_path / Path(sources[role]).name) for role in ("large", "small")]
    given: dict[str, Any] = {"train": str(own[0]), "test": str(own[1]), "workspace": tmp_path / "w"}
    given |= {"max_quarantine": 0.1}
    start = f"cleansplit-{key_of([given['train'], given['test']])}"

    ours = ArtifactFilter(key=ArtifactFilterKey(like_=f"{start}%"))

    def made() -> Counter[str]:
        with get_client(sync_client=True) as client:
            found = client.read_artifacts(artifact_filter=ours)
        return Counter(
            str(one.key).removeprefix(f"{start}-") for one in sorted(found, key=lambda one: str(one.created))
        )

    def remove(*keep: str) -> None:
        with get_client(sync_client=True) as client:
            for one in client.read_artifacts(artifact_filter=ours):
                if not str(one.key).endswith(keep):
                    client.delete_artifact(one.id)

    audit(**given)
    first = made()
    assert {"summary", "overlap", "similarity", "removed", "thresholds"} <= first.keys()
    assert list(first)[-1] == "summary", "where it is, all is there"
    audit(**given)
    assert made() == first + Counter(["summary"])
    remove("summary")  # as with the night that made the others
    audit(**given)
    assert made() == first + Counter(["summary"] * 2)
    remove("overlap", "similarity")  # as after a kill between them
    audit(**given)
    assert made() == first + Counter(["overlap", "similarity"])


def test_sources_may_move_between_runs(prefect_server: None, photographs: dict[str, Any], tmp_path: Path) -> None:
    for place in ("here", "there"):
        copies: dict[str, Any] = {
            name: str(shutil.copytree(source, tmp_path / place / name)) for name, source in photographs.items()
        }
        found = plain.audit(**copies, workspace=tmp_path / "w", max_quarantine=0.5)
        shards = {path.name for path in (tmp_path / "w" / "stages" / "classes").glob("[!.]*")}
        if place == "here":
            shutil.rmtree(tmp_path / "here")
            loaded = shards
    folder = Place.of(found.run)
    assert shards == loaded, "nothing was loaded again"
    export_run(folder, "folder", Place.of(tmp_path / "out"), found.classes, read_findings(folder))
    next((tmp_path / "there" / "test").rglob("*.bmp")).unlink()
    with pytest.raises(DataError, match=r"\.bmp is missing; restore it"):
        export_run(folder, "folder", Place.of(tmp_path / "again"), found.classes, read_findings(folder))


def test_a_run_of_several_compressed_archives_is_sanitized_again(tmp_path: Path) -> None:
    own = iter(glyphs(24, seed=7))
    for name in ("train-0", "train-1", "test-0", "test-1"):
        write_tar(
            tmp_path / f"{name}.tar.gz", {f"{letter}/{name}-{n}.png": png(next(own)) for letter in "ab" for n in "012"}
        )
    given = {split: str(tmp_path / f"{split}-*.tar.gz") for split in ("train", "test")}
    audited = plain.audit(**given, workspace=tmp_path / "w")
    assert sanitize(run=audited.run.name, workspace=tmp_path / "w").rows == audited.rows
    shutil.rmtree(tmp_path / "w" / "stages" / "unpacked")
    with pytest.raises(DataError, match=r"archive-\*\.tar, which --fresh or a person removed"):
        sanitize(run=audited.run.name, workspace=tmp_path / "w")
