"""The same run on threads, on a Dask cluster, and in a bucket as the only shared storage; also when workers die."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import distributed
import pytest
from prefect.blocks.system import Secret

from cleansplit import dedupe, open_run
from flows.engine import cluster as engine
from flows.engine.closing import LOSSES, lost_cluster
from flows.pipeline import audit, cleansplit
from tasks.errors import DataError, ServerError, UsageError
from tasks.records import Report
from tasks.records.spec import SanitizeSpec
from tasks.stage_task import take_credentials
from tasks.storage.stages import read_manifest
from tasks.storage.workspace import RUN_MANIFEST, run_at
from tests.build import MEASURED, ROOT, glyphs, png, write_folder, write_tar
from tests.cluster.dask import Cluster
from tests.cluster.proxy import Proxy
from tests.cluster.store import BUCKET, Store, environment
from tests.real import read_members

pytestmark = pytest.mark.usefixtures("prefect_server")

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ON_CLUSTER = MEASURED | {"workers": None}
AUDITED: dict[str, Any] = {"also": ("mirrored",), "threshold": 0.9, "max_quarantine": 0.5}


@pytest.fixture(scope="module")
def proxy(store: Store) -> Iterator[Proxy]:
    with Proxy(store.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def cluster(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start two workers that reach the store, each with a scratch folder of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    own = [environment(proxy.port) | {"CLEANSPLIT_SCRATCH": str(folder / f"scratch-{n}")} for n in range(2)]
    with Cluster(folder, own, memory="1.5GB") as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def bucket(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let this process reach the store, too; return an address of its own in it."""
    for name, value in environment(proxy.port).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLEANSPLIT_SCRATCH", str(tmp_path / "scratch"))
    yield f"s3://{BUCKET}/{tmp_path.name}"
    proxy.faults.clear()


def files_of(report: Report) -> dict[str, Any]:
    """Return bytes and sha256 of each file of a run."""
    manifest = read_manifest(run_at(report.run) / RUN_MANIFEST)
    assert manifest is not None
    files: dict[str, Any] = manifest["files"]
    return files


def test_a_run_is_the_same_wherever_it_is_done(
    run: Report, sources: dict[str, Any], cluster: Cluster, bucket: str
) -> None:
    away = cleansplit(**sources, workspace=bucket, **ON_CLUSTER, runner="dask", cluster=cluster.address)
    assert files_of(run) == files_of(away)
    assert away.where == f"{bucket}/runs/{run.run.name}"


def test_python_shows_and_opens_what_is_in_a_bucket(server: dict[str, str], bucket: str, tmp_path: Path) -> None:
    own = {f"a/{number}.png": png(image) for number, image in enumerate(glyphs(8, seed=1))}
    where: dict[str, Any] = {"workspace": bucket}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.items():
            patch.setenv(name, value)
        found = dedupe(source=str(write_folder(tmp_path / "data", own)), keep="first", **where)
    assert found.report == open_run(workspace=bucket).report == open_run(found.folder.name, bucket).report
    assert found.table().num_rows == 8
    assert found.table("removed").num_rows == 0
    with pytest.raises(UsageError, match="has no table 'x'; use one of actions, "):
        found.table("x")
    assert f'"{bucket}/runs/{found.folder.name}/report.html"' in found._repr_html_()


def test_photographs_are_the_same_wherever_they_are(
    audited: Report, photographs: dict[str, Any], cluster: Cluster, bucket: str
) -> None:
    away = audit(**photographs, workspace=bucket, **AUDITED, runner="dask", cluster=cluster.address)
    assert files_of(audited) == files_of(away)


def test_scans_are_the_same_on_a_cluster_that_shares_a_disk(
    shared: Path, prefect_server: None, cluster: Cluster, tmp_path: Path
) -> None:
    """``python -m tests.benchmarks.cluster --given`` does the same with whole sets and a bucket; see `make same`."""
    given: dict[str, Any] = {}
    for split in ("train", "test"):
        file = shared / "data" / f"mri_{split}.tar"
        members = sorted(read_members(file))
        given[split] = str(write_tar(tmp_path / f"{split}.tar", dict(members[:: len(members) // 30])))
    here = audit(**given, workspace=tmp_path / "w")
    away = audit(**given, workspace=tmp_path / "shared", runner="dask", cluster=cluster.address)
    assert files_of(here) == files_of(away)


def test_credentials_may_lie_in_a_block(
    audited: Report,
    photographs: dict[str, Any],
    proxy: Proxy,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = environment(proxy.port)
    cast(Any, Secret)(value={name: variables[name] for name in SECRETS}).save("store", overwrite=True)
    own = {name: value for name, value in variables.items() if name not in SECRETS}
    own |= {"CLEANSPLIT_STORE_BLOCK": "store", "CLEANSPLIT_SCRATCH": str(tmp_path / "of the worker")}
    for name in SECRETS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)  # and so after the test
    monkeypatch.setenv("CLEANSPLIT_STORE_BLOCK", "store")
    take_credentials.cache_clear()
    with Cluster(tmp_path / "cluster", [own]) as alone:
        away = audit(**photographs, workspace=bucket, **AUDITED, runner="dask", cluster=alone.address)
    assert files_of(audited) == files_of(away)


def test_a_block_that_holds_something_else_is_named(
    prefect_server: None, photographs: dict[str, Any], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast(Any, Secret)(value={"PATH": "here"}).save("other", overwrite=True)
    take_credentials.cache_clear()
    for name, said in (("other", "must hold JSON"), ("none", "no Secret block none")):
        monkeypatch.setenv("CLEANSPLIT_STORE_BLOCK", name)
        with pytest.raises(UsageError, match=said):
            audit(**photographs, workspace=bucket, **AUDITED)


def test_a_cluster_that_does_not_answer_is_named(
    prefect_server: None, sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SECONDS_FOR_SCHEDULER", 2)
    with pytest.raises(ServerError, match=r"scheduler at tcp://127\.0\.0\.1:9 does not answer"):
        cleansplit(**sources, workspace=tmp_path / "w", **ON_CLUSTER, runner="dask", cluster="tcp://127.0.0.1:9")


def test_a_cluster_without_workers_is_named(
    prefect_server: None, sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SECONDS_FOR_WORKERS", 2)
    with Cluster(tmp_path, []) as empty, pytest.raises(ServerError, match="has no workers"):
        cleansplit(**sources, workspace=tmp_path / "w", **ON_CLUSTER, runner="dask", cluster=empty.address)


def test_a_worker_with_another_version_is_named(prefect_server: None, sources: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "other" / "cleansplit-0.1.dist-info").mkdir(parents=True)
    (tmp_path / "other" / "cleansplit-0.1.dist-info" / "METADATA").write_text("Name: cleansplit\nVersion: 0.1\n")
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "other"), str(ROOT)])}
    said = rf"^tcp://\S+ of the Dask cluster has cleansplit 0\.1, and this machine has {version('cleansplit')}; install"
    with Cluster(tmp_path / "cluster", [path]) as old, pytest.raises(UsageError, match=said):
        cleansplit(**sources, workspace=tmp_path / "w", **ON_CLUSTER, runner="dask", cluster=old.address)


def test_bad_data_on_a_cluster_are_code_3_and_named(
    prefect_server: None, sources: dict[str, Any], cluster: Cluster, bucket: str, tmp_path: Path
) -> None:
    bad, on = tmp_path / "bad.tar", {"runner": "dask", "cluster": cluster.address}
    bad.write_bytes(b"no archive" * 100)
    with pytest.raises(DataError, match=r"bad\.tar is neither a zip nor a readable tar archive") as caught:
        cleansplit(**sources | {"large": str(bad)}, workspace=tmp_path / "w", **ON_CLUSTER, **on)
    assert caught.value.exit_code == 3


def test_a_gate_that_fails_on_a_cluster_is_code_4_and_one_sentence(
    audited: Report, photographs: dict[str, Any], cluster: Cluster, server: dict[str, str], tmp_path: Path
) -> None:
    space = shutil.copytree(audited.run.parents[1], tmp_path / "w", symlinks=True)
    line = [sys.executable, "-m", "flows.command.cli", "audit", "--workspace", str(space)]
    line += ["--train", photographs["train"], "--test", photographs["test"]]
    line += ["--max-overlap", "0.1", "--max-quarantine", "0.5", "--runner", "dask", "--cluster", cluster.address]
    done = subprocess.run(line, env=os.environ | server, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "have a duplicate in train" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_only_lost_connections_and_workers_are_a_lost_cluster(cluster: Cluster) -> None:
    with cluster.client() as client, pytest.raises(TimeoutError, match="Only 2/9 workers"), lost_cluster():
        client.wait_for_workers(9, timeout=0.1)  # an error of distributed, too
    there = {
        name for module in (distributed.client, distributed.comm.core, distributed.scheduler) for name in vars(module)
    }
    assert there >= LOSSES


def test_a_cluster_is_for_dask_alone(sources: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is for tasks on Dask, not for runner threads"):
        cleansplit(**sources, runner="threads", cluster="tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match="is for tasks on Dask, not for runner threads"):
        SanitizeSpec.of(runner="threads", cluster="tcp://127.0.0.1:9")


@pytest.mark.parametrize(("given", "named"), [({"workers": 3}, "workers 3"), ({"memory": 8.5}, "memory 8.5")])
def test_limits_of_this_machine_are_not_for_a_cluster(
    sources: dict[str, Any], given: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANSPLIT_CLUSTER", "tcp://127.0.0.1:9")
    where = r"tasks on this machine, not on the cluster at tcp://127\.0\.0\.1:9"
    said = rf"{named} is for {where}; remove {next(iter(given))}\."
    with pytest.raises(UsageError, match=said):
        cleansplit(**sources, **given)
