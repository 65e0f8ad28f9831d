"""One row per run of a workspace, for those who watch how a data set changes."""

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock

from tasks import store, tables
from tasks.errors import DataError
from tasks.records import Report
from tasks.reporting.assemble import read_report
from tasks.reporting.numbers import measure, place
from tasks.reporting.summary import LEAK
from tasks.workspace import RUN_MANIFEST

NAME = "history.parquet"
SCHEMA = pa.schema(
    {
        "run": pa.string(),
        "finished": pa.string(),
        "train": pa.int64(),
        "validation": pa.int64(),
        "test": pa.int64(),
        "exact": pa.int64(),  # test rows with an exact twin in train
        "near": pa.int64(),
        "left": pa.int64(),  # test rows after sanitizing
        "quarantined": pa.int64(),
        "model": pa.string(),
        "train_rows": pa.int64(),
        "accuracy_raw": pa.float64(),
        "accuracy_sanitized": pa.float64(),
        "seconds": pa.float64(),
    }
)


def remember(workspace: Path, report: Report) -> None:
    """Add a run to the history of its workspace, once; two runs that end together both get in."""
    with store.storage_errors(workspace), FileLock(workspace / ".history.lock"):
        known, damaged = _known(workspace)
        if report.run.name not in known["run"].to_pylist():
            known = pa.concat_tables([known, pa.Table.from_pylist([_row(report)], schema=SCHEMA)])
        elif not damaged:
            return
        store.put(workspace / NAME, partial(tables.write, known))


def read_history(workspace: Path) -> pa.Table:
    """Return the history of a workspace, the oldest run first; without rows where there is none."""
    path = workspace / NAME
    return tables.read(path) if path.exists() else SCHEMA.empty_table()


def _known(workspace: Path) -> tuple[pa.Table, bool]:
    """Return the history and whether it was damaged: then it is what the runs that are there still tell."""
    try:
        return read_history(workspace), False
    except DataError:
        manifests = sorted((workspace / "runs").glob(f"[!.]*/{RUN_MANIFEST}"))
        rows = []
        for run in (path.parent for path in manifests if store.read_manifest(path)):
            with contextlib.suppress(DataError):  # damaged, or of another version
                rows.append(_row(read_report(run)))
        rows.sort(key=lambda row: str(row["finished"]))
        return pa.Table.from_pylist(rows, schema=SCHEMA), True


def _row(report: Report) -> dict[str, Any]:
    made = (store.read_manifest(report.run / RUN_MANIFEST) or {})["result"]
    leak = place(report, "overlap", **LEAK)
    raw = [s for s in report.scores if (s["control"], s["evaluated_on"]) == ("none", "test_raw")]
    largest = max(raw, key=lambda s: int(s["train_rows"]), default=None)
    return {
        "run": report.run.name,
        "finished": made["finished"],
        **report.rows,
        **{kind: measure(report, f"{leak}.{kind}") for kind in ("exact", "near")},
        "left": report.sanitized["near"]["test"],
        "quarantined": measure(report, "conservation.*.quarantined"),
        "model": largest and largest["model"],
        "train_rows": largest and largest["train_rows"],
        "accuracy_raw": largest and largest["accuracy"],
        "accuracy_sanitized": largest and _sanitized(report, largest),
        "seconds": sum(made["seconds"].values()),
    }


def _sanitized(report: Report, raw: dict[str, Any]) -> float | None:
    same = {name: raw[name] for name in ("model", "train_rows", "seed", "control")}
    return report.scores[int(place(report, "scores", **same, evaluated_on="test_near").split(".")[1])]["accuracy"]
