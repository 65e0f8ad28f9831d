"""Fixtures: one store and one cluster for the tests of a module, a proxy for each."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.storage import objects
from tasks.storage.place import Place
from tasks.storage.workspace import workspace_at
from tests.cluster.dask import Cluster
from tests.cluster.proxy import Proxy
from tests.cluster.store import BUCKET, Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with Proxy(store.port) as proxy:
        yield proxy


@pytest.fixture
def space(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return a workspace of its own in the store, with a scratch folder of its own."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLEANSPLIT_SCRATCH", str(tmp_path / "scratch"))
    return workspace_at(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.fixture
def through(proxy: Proxy, space: Place, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """Reach the store through a proxy, with less patience than a real run has."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setattr(objects, "PATIENCE", timedelta(seconds=8))
    return proxy


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with Cluster(folder, [{"CLEANSPLIT_SCRATCH": "first"}, {"CLEANSPLIT_SCRATCH": "second"}]) as cluster:
        yield cluster
