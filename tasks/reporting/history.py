"""One row per run of a workspace, for those who watch how a data set changes."""

import contextlib
from typing import Any

import pyarrow as pa

from tasks.errors import DataError
from tasks.records import Report, Score
from tasks.records.rows import PairOverlap, SplitGroups
from tasks.reporting.read import read_report
from tasks.storage import stages, tables
from tasks.storage.place import Place
from tasks.storage.stores import at
from tasks.storage.workspace import RUN_MANIFEST
from tasks.vocabulary import SPLITS

NAME = "history.parquet"
SCHEMA = pa.schema(
    {
        "run": pa.string(),
        "finished": pa.string(),
        "train": pa.int64(),
        "validation": pa.int64(),
        "test": pa.int64(),
        "exact": pa.int64(),  # test rows (else validation) with an exact twin in train, or images of a set that go
        "near": pa.int64(),
        "left": pa.int64(),  # of these rows after sanitizing, or images that stay
        "quarantined": pa.int64(),
        "model": pa.string(),
        "train_rows": pa.int64(),
        "accuracy_raw": pa.float64(),
        "accuracy_sanitized": pa.float64(),
        "seconds": pa.float64(),
    }
)


def remember(workspace: Place, report: Report) -> None:
    """Add a run to the history of its workspace, once; two runs that end together both get in."""

    def with_run(part: Place) -> None:
        known, damaged = _known(workspace)
        if report.run.name not in known["run"].to_pylist():
            row = pa.Table.from_pylist([_row(workspace, report)], schema=SCHEMA)
            tables.write(pa.concat_tables([known, row]), part)
        elif damaged:
            tables.write(known, part)

    at(workspace / NAME).revise(with_run)


def read_history(workspace: Place) -> pa.Table:
    """Return the history of a workspace, the oldest run first; without rows where there is none."""
    place = workspace / NAME
    return tables.read(place) if at(place).exists() else SCHEMA.empty_table()


def _known(workspace: Place) -> tuple[pa.Table, bool]:
    """Return the history and whether it was damaged; if so, it is rebuilt from the existing runs."""
    try:
        return read_history(workspace), False
    except DataError:
        manifests = at(workspace).matching(f"runs/[!.]*/{RUN_MANIFEST}")
        rows = []
        for run in (place.parent for place in manifests if stages.read_manifest(place)):
            with contextlib.suppress(DataError):  # damaged, or of another version
                rows.append(_row(workspace, read_report(run)))
        rows.sort(key=lambda row: str(row["finished"]))
        return pa.Table.from_pylist(rows, schema=SCHEMA), True


def _row(workspace: Place, report: Report) -> dict[str, Any]:
    run = report.run.name
    made = (stages.read_manifest(workspace / "runs" / run / RUN_MANIFEST) or {})["result"]
    alone, split = report.alone, report.scored
    leak: PairOverlap | SplitGroups = report.duplicates_in("train") if alone else report.pair(split, "train")
    largest = max(report.raw_scores(), key=lambda score: score.train_rows, default=None)
    return {
        "run": run,
        "finished": made["finished"],
        **{name: report.rows[name] for name in SPLITS},
        "exact": leak.exact,
        "near": leak.near,
        "left": report.sanitized.near["train" if alone else split],
        "quarantined": sum(row.quarantined for row in report.conservation),
        "model": largest and largest.model,
        "train_rows": largest and largest.train_rows,
        "accuracy_raw": largest and largest.accuracy,
        "accuracy_sanitized": largest and _sanitized(report, largest),
        "seconds": sum(made["seconds"].values()),
    }


def _sanitized(report: Report, raw: Score) -> float | None:
    """Return the accuracy on sanitized rows of the model that has a score on raw rows."""
    about = raw.model, raw.train_rows, raw.seed
    return next(s.accuracy for s in report.raw_scores("test_near") if (s.model, s.train_rows, s.seed) == about)
