"""Several test sets of one train set: each is audited as if it were the only one, and train is loaded once."""

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

import cleansplit
from flows.pipeline import audit
from tasks.errors import DataError, GateError, UsageError
from tasks.presenting.terminal import print_benchmarks
from tasks.records import Benchmarks, Report
from tasks.reporting.read import PAGE
from tests.build import glyphs, noise, png, write_folder

OWN = glyphs(40, seed=6)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Build a train set of classes m and n, and three benchmarks: one of classes m and n, one of class a, one clean.

    The first has copies of 0, 1 and 2; the second a copy of 2 and a near-duplicate of 3; class a comes before m and n.
    """
    folder = tmp_path_factory.mktemp("benchmarks")
    sets = {
        "train": {f"{'mn'[k % 2]}/{k}.png": png(OWN[k]) for k in range(16)},
        "alike": {f"{'mn'[k % 2]}/{k}.png": png(OWN[k]) for k in (0, 1, 2, 20, 21)},
        "other": {"a/2.png": png(OWN[2]), "a/3.png": png(noise(OWN[3], 1, seed=0)), "a/22.png": png(OWN[22])},
        "clean": {f"a/{k}.png": png(OWN[k]) for k in range(30, 34)},
    }
    return {name: str(write_folder(folder / name, files)) for name, files in sets.items()}


@pytest.fixture(scope="module")
def found(prefect_server: None, sources: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Benchmarks:
    """Return the audits of all three, two of them with a failed gate."""
    train, *tests = sources.values()
    with pytest.raises(GateError, match=f"{tests[0]}: 3 of 5 test images .* {tests[1]}: 2 of 3 test images") as caught:
        audit(train=train, test=tests, max_overlap=0.1, workspace=tmp_path_factory.mktemp("w"))
    held: Benchmarks = caught.value.report
    return held


def test_the_other_benchmarks_change_no_byte_of_the_audit_of_one(
    found: Benchmarks, sources: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(GateError) as caught:
        audit(train=sources["train"], test=sources["other"], max_overlap=0.1, workspace=tmp_path)
    one: Report = caught.value.report
    assert one.run.name == found.reports[1].run.name
    for name in ("report.json", "removed.parquet", "raw/train-00000-of-00001.parquet", PAGE):
        assert (one.run / name).read_bytes() == (found.reports[1].run / name).read_bytes(), name


def test_train_is_loaded_once_although_a_benchmark_has_other_classes(found: Benchmarks) -> None:
    loaded = found.reports[0].run.parents[1] / "stages" / "classes"
    rows = [pq.read_table(shard, columns=["id"])["id"].to_pylist() for shard in loaded.glob("*/shard.parquet")]
    assert sorted(name for part in rows for name in part if name.startswith("train/")) == sorted(
        f"train/{'mn'[k % 2]}/{k}.png" for k in range(16)
    )


def test_train_images_to_remove_are_listed_by_benchmark(found: Benchmarks, sources: dict[str, str]) -> None:
    rows = pq.read_table(Path(found.where) / "train_removals.parquet").to_pylist()
    assert {(row["id"], row["benchmark"], row["benchmark_id"], row["reason"]) for row in rows} == {
        ("train/m/0.png", sources["alike"], "test/m/0.png", "exact"),
        ("train/n/1.png", sources["alike"], "test/n/1.png", "exact"),
        ("train/m/2.png", sources["alike"], "test/m/2.png", "exact"),
        ("train/m/2.png", sources["other"], "test/a/2.png", "exact"),
        ("train/n/3.png", sources["other"], "test/a/3.png", "near"),
    }


def test_one_page_leads_to_every_audit_and_names_failed_gates(found: Benchmarks) -> None:
    page = (Path(found.where) / PAGE).read_text()
    assert "4 train images have a duplicate in at least one of 3 benchmarks." in page
    for report in found.reports:
        assert f'href="../../runs/{report.run.name}/{PAGE}"' in page
        assert (Path(found.where) / "../../runs" / report.run.name / PAGE).is_file()
    assert page.count(">max_overlap</td>") == 2


def test_the_terminal_names_the_list_of_train_images_to_remove(found: Benchmarks) -> None:
    said = io.StringIO()
    print_benchmarks(found, f"{found.where}/{PAGE}", Console(file=said, width=200))
    paths = dict(line.rsplit(maxsplit=1) for line in said.getvalue().splitlines()[-2:])
    assert list(paths) == ["to remove", "report"]
    assert all(Path(path).is_file() for path in paths.values())


@pytest.mark.parametrize(
    ("files", "said", "loads"), [({}, "is empty", False), ({"a/1.png": b"text"}, "read; left out: ", True)]
)
def test_a_benchmark_that_cannot_be_read_is_named_before_the_first_audit(
    files: dict[str, bytes], said: str, loads: bool, prefect_server: None, sources: dict[str, str], tmp_path: Path
) -> None:
    (bad := tmp_path / "bad").mkdir()
    tests = sources["alike"], str(write_folder(bad, files)), sources["clean"]
    with pytest.raises(DataError, match=f"{bad} .*{said}"):
        audit(train=sources["train"], test=tests, workspace=tmp_path / "w")
    stages = {folder.name for folder in (tmp_path / "w" / "stages").iterdir()}
    assert ("classes" in stages) is loads
    assert not {"prints", "overlap"} & stages
    assert not (tmp_path / "w" / "runs").exists()


def test_equal_test_sets_are_refused_and_python_takes_one(sources: dict[str, str], tmp_path: Path) -> None:
    tests = sources["clean"], sources["alike"], sources["clean"]
    with pytest.raises(UsageError, match="test and test 3 are the same source"):
        cleansplit.audit(train=sources["train"], test=tests, workspace=tmp_path)
    with pytest.raises(UsageError, match="takes one test set; call it for each"):
        cleansplit.audit(train=sources["train"], test=tests[:2], workspace=tmp_path)
