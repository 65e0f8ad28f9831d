"""The history of a workspace: one row per run, to follow the changes of a data set."""

import contextlib
from typing import Any

import pyarrow as pa

from tasks.errors import DataError
from tasks.records import Report
from tasks.reporting.read import read_report
from tasks.storage import Place, at, stages, tables
from tasks.storage.workspace import RUN_MANIFEST
from tasks.vocabulary import SPLITS

NAME = "history.parquet"
# `exact` and `near` are test rows (else validation) with a duplicate in train, or removed images of a set; `left` are
# the others of these rows or images.
SCHEMA = pa.schema(
    dict.fromkeys(("run", "finished"), pa.string())
    | dict.fromkeys((*SPLITS, "exact", "near", "left", "quarantined"), pa.int64())
    | {"model": pa.string(), "train_rows": pa.int64()}
    | dict.fromkeys(("accuracy_raw", "accuracy_sanitized", "seconds"), pa.float64())
)


def remember(workspace: Place, report: Report) -> None:
    """Add a run to the history of its workspace, once; runs that end at the same time are both added."""

    def with_run(part: Place) -> None:
        try:
            known = read_history(workspace)
        except DataError:
            tables.write(_rebuilt(workspace), part)  # with this run, which is published
            return
        if report.run.name not in known["run"].to_pylist():
            made = (stages.read_manifest(workspace / "runs" / report.run.name / RUN_MANIFEST) or {})["result"]
            tables.write(pa.concat_tables([known, pa.Table.from_pylist([_row(report, made)], schema=SCHEMA)]), part)

    at(workspace / NAME).revise(with_run)


def read_history(workspace: Place) -> pa.Table:
    """Return the history of a workspace, oldest run first; an empty table if it is missing; raises `DataError`."""
    place = workspace / NAME
    known = tables.read(place) if at(place).exists() else SCHEMA.empty_table()
    if known.schema != SCHEMA:
        raise DataError(f"{place} has other columns; remove it, and the next run makes it again.")
    return known


def _rebuilt(workspace: Place) -> pa.Table:
    rows = []
    for place in at(workspace).matching(f"runs/[!.]*/{RUN_MANIFEST}"):
        if facts := stages.read_manifest(place):
            with contextlib.suppress(DataError):  # damaged, or of another version
                rows.append(_row(read_report(place.parent), facts["result"]))
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["finished"])), schema=SCHEMA)


def _row(report: Report, made: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run": report.run.name,
        "finished": made["finished"],
        **{name: report.rows[name] for name in SPLITS},
        "left": report.states[0].left,
        "quarantined": sum(row.quarantined for row in report.conservation),
        "seconds": sum(made["seconds"].values()),
    }
    leak = report.states[0]
    row |= {"exact": leak.exact, "near": leak.duplicates - leak.exact}
    if raw := max(report.raw_scores(), key=lambda score: score.train_rows, default=None):
        about = raw.model, raw.train_rows, raw.seed
        near = next(s for s in report.raw_scores("test_near") if (s.model, s.train_rows, s.seed) == about)
        row |= {"model": raw.model, "train_rows": raw.train_rows}
        row |= {"accuracy_raw": raw.accuracy, "accuracy_sanitized": near.accuracy}
    return row
