"""Sources in a bucket are read as on disk, and downloads become content of a workspace in a bucket."""

import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterName

from flows.pipeline import audit
from tasks.errors import DataError, UsageError
from tasks.records import Report
from tasks.reporting.read import read_findings
from tasks.sources.layout import check_source
from tasks.sources.opening import read_folder
from tasks.sources.tasks import fetch, index
from tasks.storage import objects, scratch
from tasks.storage.place import Place
from tasks.storage.stores import at
from tests.build import glyphs, members_of, png, write_folder
from tests.cluster.faults import SlowDown
from tests.cluster.proxy import Proxy
from tests.cluster.store import BUCKET
from tests.cluster.test_runs import AUDITED, files_of
from tests.operations.conftest import until
from tests.sources.listed import listed

pytestmark = pytest.mark.usefixtures("prefect_server")


def uploaded(path: Path, address: str) -> str:
    """Store a file, or all files of a folder, below an address."""
    place = Place.of(address)
    for file in [path] if path.is_file() else filter(Path.is_file, path.rglob("*")):
        objects.write(place / file.relative_to(path).as_posix() if file != path else place, file)
    return address


def packed(form: str, folder: Path, target: Path) -> Path:
    """Return a folder as it is, or as an archive."""
    if form == "folder":
        return folder
    files = [(path, path.relative_to(folder).as_posix()) for path in sorted(folder.rglob("*")) if path.is_file()]
    if form == "zip":
        with zipfile.ZipFile(target, "w") as archive:
            for path, name in files:
                archive.write(path, name)
    else:
        with tarfile.open(target, "w:gz" if form == "tar.gz" else "w") as tar:
            for path, name in files:
                tar.add(path, name)
    return target


@pytest.mark.parametrize("form", ["folder", "tar", "zip", "tar.gz"])
def test_a_source_of_any_form_holds_in_a_bucket_what_it_holds_on_disk(form: str, space: Place, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "own", members_of({name: glyphs(6, seed=ord(name)) for name in "AB"}, "own"))
    away = uploaded(packed(form, folder, tmp_path / f"own.{form}"), f"s3://{BUCKET}/{tmp_path.name}-sources/{form}")
    images, members = listed({"train": away}, tmp_path / "away")
    assert images.total() == 12
    assert (images, members) == listed({"train": str(folder)}, tmp_path / "here")


def test_a_whole_run_on_sources_in_a_bucket_is_that_on_disk(
    audited: Report, photographs: dict[str, Any], space: Place, tmp_path: Path
) -> None:
    below = f"s3://{BUCKET}/{tmp_path.name}-sources"
    away = {
        name: uploaded(packed("zip", Path(folder), tmp_path / f"{name}.zip"), f"{below}/{name}.zip")
        for name, folder in photographs.items()
    }
    report = audit(**away, workspace=tmp_path / "w", **AUDITED)
    # These hold names of sources.
    names_of_sources = ("report", "README.md", "actions.csv", "quarantine.parquet", "duplicates/", "remove/")
    here, there = (
        {name: fact for name, fact in files_of(each).items() if not name.startswith(names_of_sources)}
        for each in (audited, report)
    )
    assert here == there
    refused = [pq.read_table(each.run / "quarantine.parquet").drop_columns(["path"]) for each in (audited, report)]
    assert refused[0].equals(refused[1])
    said = [(each.run / "README.md").read_text().replace(each.run.name, "RUN") for each in (audited, report)]
    assert said[0] == said[1]
    assert [source.name for source in report.inputs] == list(away.values())
    assert [archive.location for archive in read_findings(Place.of(report.run)).archives] == list(away.values())


@pytest.mark.parametrize(("name", "last"), [("load train b", 6), ("look at a sample of the images", 18)])
def test_a_task_that_failed_and_was_tried_again_can_be_read_from_the_server(
    through: Proxy, space: Place, tmp_path: Path, name: str, last: int
) -> None:
    """As a person does in the UI: a task by its name, that of a class, and the states that it went through."""
    below = f"s3://{BUCKET}/{tmp_path.name}-sources"
    for number, split in enumerate(("train", "test")):
        for letter in "ab":
            images = glyphs(6, seed=2 * number + ord(letter))
            write_folder(tmp_path / split, {f"{letter}/{i}.png": png(image) for i, image in enumerate(images)})
    away = {split: uploaded(tmp_path / split, f"{below}/{split}") for split in ("train", "test")}
    counted = through.add(SlowDown(method="GET", of="/train/b/", times=0))
    audit(**away, workspace=tmp_path / "undisturbed")
    fault = through.add(SlowDown(method="GET", of="/train/b/", spared=counted.seen - last))
    named = TaskRunFilter(name=TaskRunFilterName(any_=[name]))
    with get_client(sync_client=True) as client:
        before = {task.id for task in client.read_task_runs(task_run_filter=named)}

        def states() -> list[str]:
            tasks = [task.id for task in client.read_task_runs(task_run_filter=named) if task.id not in before]
            return [state.name for task in tasks for state in client.read_task_run_states(task)]

        def heal() -> None:
            until(lambda: "AwaitingRetry" in states())
            fault.times = 0

        healing = threading.Thread(target=heal)
        healing.start()
        report = audit(**away, workspace=tmp_path / "w")
        healing.join()
        assert report.rows.train == 12
        until(lambda: states()[-1:] == ["Completed"])
        assert states() == ["Pending", "Running", "AwaitingRetry", "Retrying", "Completed"]


def test_a_folder_is_listed_in_the_order_of_a_disk(space: Place, tmp_path: Path) -> None:
    for name in ("b.png", "a/z.png", "a/.hidden", "a-b/x.png", "a/b/c.png", "ü 1/ä%20.png"):
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / name).write_bytes(name.encode())
    address = uploaded(tmp_path / "s", f"s3://{BUCKET}/{tmp_path.name}/s")
    objects.write(Place.of(address) / "a", b"")  # as the consoles of stores make a folder
    assert list(read_folder(Place.of(address))) == list(read_folder(Place.of(tmp_path / "s")))


def test_a_file_is_read_in_ranges(space: Place, tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(3_000_000)
    (tmp_path / "f").write_bytes(data)
    place = Place.of(uploaded(tmp_path / "f", f"s3://{BUCKET}/{tmp_path.name}/f"))
    with at(place).reading() as file:
        for start in (0, 2_999_990, 1_000_000, 999_000, 3_000_000):
            file.seek(start)
            assert file.read(2000) == data[start : start + 2000]
        assert file.seek(-5, 2) == 2_999_995
        assert file.read() == data[-5:]
        file.seek(0)
        assert file.read() == data
    assert at(place).read_bytes() == data


def test_what_is_not_there_is_named(space: Place) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        check_source("train", f"s3://{BUCKET}/nothing")
    with pytest.raises(UsageError, match="only addresses of http"):
        check_source("train", "gs://bucket/train")


def test_arrays_in_a_bucket_are_refused(space: Place, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8), np.uint8))
    source = uploaded(tmp_path / "x.npy", f"s3://{BUCKET}/{tmp_path.name}/x.npy")
    error = index.fn(fetch.fn("train", source, {}, space).data, space).data
    assert isinstance(error, UsageError)
    assert "name a place on this machine" in str(error)


@pytest.fixture
def served(sources: dict[str, Any], tmp_path: Path) -> Iterator[str]:
    """Serve the archives over HTTP, and one that is damaged."""
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(sources["large"], folder / "large.tar.gz")
    (folder / "damaged.tar.gz").write_bytes(Path(sources["large"]).read_bytes()[:-1000])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_download_is_found_by_other_machines(served: str, space: Place) -> None:
    source = fetch.fn("large", f"{served}/large.tar.gz", {}, space).data
    assert source.location.startswith("stages/downloads/")
    shutil.rmtree(scratch.folder())
    (archive,) = index.fn(source, space).data
    assert sum(archive.members.values()) == 423


def test_a_damaged_download_is_fetched_again(served: str, space: Place) -> None:
    source = fetch.fn("large", f"{served}/damaged.tar.gz", {}, space).data
    downloads = scratch.folder() / "downloads"
    assert len(list(downloads.iterdir())) == 1
    state = index.fn(source, space)
    assert isinstance(state.data, DataError)
    assert not list(downloads.iterdir())
