"""A run that was tampered with, its manifest included: verify must still see it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.records import Report
from tasks.reporting.verify import verify_run
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.storage.stages import digest_of
from tasks.storage.stores import at


@pytest.fixture
def copy(run: Report, tmp_path: Path) -> Path:
    """Return a copy of a run; changes to it do not reach stages."""
    return Path(shutil.copytree(run.run, tmp_path / "run"))


def seal(run: Path) -> None:
    """Make the manifest agree with the files, as a defect or a clever hand would."""
    record = json.loads((run / "run.json").read_text())
    for name, fact in record["files"].items():
        fact |= {"bytes": (run / name).stat().st_size, "sha256": at(Place.of(run / name)).sha256()}
    del record["sha256"]
    (run / "run.json").write_text(json.dumps(record | {"sha256": digest_of(record)}))


def test_a_whole_run_is_whole(copy: Path) -> None:
    assert verify_run(Place.of(copy)) == []


def test_every_kind_of_damage_is_named(copy: Path) -> None:
    (copy / "report.json").write_text((copy / "report.json").read_text() + " ")
    (copy / "removed.parquet").unlink()
    (copy / "extra\a").write_text("x")
    wrong = verify_run(Place.of(copy))
    assert any(line.startswith("report.json has") and "bytes instead of" in line for line in wrong)
    assert "removed.parquet is missing." in wrong
    assert r"extra\x07 is not part of the run." in wrong
    (copy / "run.json").write_text("{")
    assert verify_run(Place.of(copy)) == ["run.json is missing or was changed."]


def change(name: str, edit: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        path = next(run.glob(name))
        tables.write(edit(pq.read_table(path)), Place.of(path))

    return apply


def in_report(edit: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        content = json.loads((run / "report.json").read_text())
        edit(content)
        (run / "report.json").write_text(json.dumps(content))

    return apply


def set_label(table: pa.Table) -> pa.Table:
    labels = table["label"].to_pylist()
    return table.set_column(2, table.schema.field("label"), pa.array([labels[0] + 1, *labels[1:]]))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (change("raw/test-*", lambda t: t.slice(1)), "raw test has 119 rows, but the report says 120."),
        (
            change("sanitized/test-*", lambda t: t.take(list(range(len(t)))[::-1])),
            "sanitized test is not raw test without",
        ),
        (change("raw/train-*", set_label), "raw train has labels that do not match its classes."),
        (change("raw/train-*", lambda t: pa.concat_tables([t.slice(1), t.slice(1, 1)])), "an id occurs more than once"),
        (change("removed.parquet", lambda t: t.slice(1)), "is not raw"),
        (change("quarantine.parquet", lambda t: t.slice(1)), "quarantine.parquet names"),
        (in_report(lambda c: c["conservation"][0].update(members=99)), "the outcomes of 99 members do not add up"),  # type: ignore[index]
    ],
    ids=["row lost", "order", "label", "row doubled", "removed", "quarantine", "members"],
)
def test_what_the_tables_say_is_compared_even_when_every_digest_agrees(
    copy: Path, tamper: Callable[[Path], None], said: str
) -> None:
    tamper(copy)
    seal(copy)
    assert any(said in line for line in verify_run(Place.of(copy))), verify_run(Place.of(copy))


def test_twins_that_are_not_equal_are_seen(copy: Path) -> None:
    def swap(table: pa.Table) -> pa.Table:
        reasons = pa.array(["exact"] * len(table))
        return table.set_column(table.schema.get_field_index("reason"), table.schema.field("reason"), reasons)

    change("removed.parquet", swap)(copy)
    seal(copy)
    assert any("with other pixels" in line for line in verify_run(Place.of(copy)))
