"""Write what a user takes away from a run."""

import json
import platform
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks import tables
from tasks.conservation import conserve
from tasks.errors import DataError
from tasks.images import read_ids, thumbnails
from tasks.records import SPLITS, Findings, Report, of_json, to_json
from tasks.reporting.assemble import assemble, run_name, to_report
from tasks.reporting.figures import write_figures
from tasks.reporting.galleries import THUMBNAILS, shown_ids
from tasks.reporting.history import remember
from tasks.reporting.page import build_page
from tasks.reporting.summary import to_markdown
from tasks.store import Stage, amend, digest_of, link, point_latest, publish, read_manifest
from tasks.workspace import RUN_MANIFEST, stages_of

VERSION = 6
PAGE = "report.html"
LIBRARIES = ("prefect", "numpy", "pillow", "scikit-learn", "pyarrow", "datasketch")


def publish_run(found: Findings, seconds: dict[str, float], workspace: Path) -> tuple[Report, Stage]:
    """Write the run directory, or find it as it was written before, and point ``latest`` to it.

    Parameters
    ----------
    found : Findings
    seconds : dict
        Seconds per stage, for run.json alone.
    workspace : Path
    """
    content: dict[str, Any] = json.loads(json.dumps(assemble(found)))
    about = {"version": VERSION, "report": digest_of(content)}
    folder = workspace / "runs" / f"{run_name(found)}-{digest_of(about)[:10]}"
    report = to_report(folder, content)

    def build(target: Path) -> dict[str, Any]:
        write_run(found, report, content, target)
        return {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": seconds,
            "host": platform.node(),
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in LIBRARIES},
            "workers": found.spec.workers,
            "stages": stages_of(workspace, found.folders),
            "findings": to_json(found, workspace),
        }

    stage = publish(folder, about, build, manifest=RUN_MANIFEST)
    if stage.reused:
        amend(folder / RUN_MANIFEST, "findings", to_json(found, workspace))  # its sources may lie elsewhere now
    point_latest(workspace, folder)
    remember(workspace, report)
    return report, stage


def read_findings(run: Path) -> Findings:
    """Return the records that a published run was made of.

    Raises
    ------
    DataError
        When they are missing, or what they name is gone.
    """
    manifest, workspace = read_manifest(run / RUN_MANIFEST), run.parent.parent
    if manifest is None or "findings" not in manifest["result"]:
        raise DataError(f"{run / RUN_MANIFEST} is damaged or not of this version; do the run again.")
    found = of_json(Findings, manifest["result"]["findings"], workspace)
    sources = {archive.path for archive in found.archives}  # read again by those alone who export originals
    if gone := [path for path in found.folders if path not in sources and not path.exists()]:
        raise DataError(f"{run.name} was made from {gone[0]}, which is gone; do the run again.")
    return replace(found, spec=replace(found.spec, workspace=workspace))


def write_run(found: Findings, report: Report, content: dict[str, Any], target: Path) -> None:
    """Write report.json, the Parquet files of raw and sanitized splits, what was removed or refused, and a README."""
    (target / "report.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    for name in SPLITS:
        for file in found.splits[name].files:
            link(file, target / "raw" / file.name)
    for split in found.sanitized.splits:
        for file in split.files:
            link(file, target / "sanitized" / file.name)
    link(found.sanitized.removed, target / "removed.parquet")
    link(found.sanitized.conflicts, target / "label_conflicts.parquet")
    refused = [tables.read(shard.quarantine) for shard in found.shards]
    refused += [_outside(archive.index, archive.role, refused[0].schema) for archive in found.archives]
    table = pa.concat_tables(refused).sort_by([(name, "ascending") for name in ("role", "letter", "member")])
    for row in report.conservation:
        conserve(f"{row['role']} {row['letter']}", row["members"], row["accepted"], row["quarantined"], row["ignored"])
    conserve("quarantine", sum(row["quarantined"] + row["ignored"] for row in report.conservation), len(table))
    tables.write(table, target / "quarantine.parquet")
    drawn = write_figures(found, report, target / "figures")
    if found.spec.also:
        tables.write(_variants(found), target / "variants.parquet")
    if found.pictures:
        _write_pictures(found, target)
    (target / "README.md").write_text(_readme(found, report, drawn))
    (target / PAGE).write_text(build_page(target, report))


def _variants(found: Findings) -> pa.Table:
    """Return the rows that have a twin in another form, of all pairs of splits."""
    parts = []
    for overlap in found.overlaps:
        table = tables.read(overlap.folder / "variants.parquet")
        for name, value in (("found_in", overlap.first), ("rows_of", overlap.second)):
            table = table.add_column(0, name, pa.array([value] * len(table), pa.string()))
        parts.append(table)
    return pa.concat_tables(parts)


def _write_pictures(found: Findings, target: Path) -> None:
    """Write what a run of pictures has on top: the thumbnails that its page shows, and where each row's file lies.

    A path is that of the member inside its source, below the folder of classes.
    """
    shown = thumbnails(found.pictures, shown_ids(target))
    columns = {"id": pa.array(list(shown), pa.string()), "thumbnail": pa.array(list(shown.values()), pa.binary())}
    tables.write(pa.table(columns).sort_by("id"), target / THUMBNAILS)
    kept = {split.name: split for split in found.sanitized.splits}  # all else lost no row
    for name in SPLITS:
        for folder, split in (("raw", found.splits[name]), ("sanitized", kept.get(name, found.splits[name]))):
            (target / "paths" / folder).mkdir(parents=True, exist_ok=True)
            with (target / "paths" / folder / f"{name}.txt").open("w") as out:
                out.writelines(f"{row.split('/', 1)[1]}\n" for row in read_ids(split.files).to_pylist())


def _outside(index: Path, role: str, schema: pa.Schema) -> pa.Table:
    """Return the refused members that lie in no class folder."""
    rows = tables.read(index, filters=~pa.compute.field("letter").is_valid())
    known = {"role": pa.array([role] * len(rows), pa.string()), "detail": pa.array([""] * len(rows), pa.string())}
    columns = {**known, "bytes": rows["size"]}
    return pa.table(
        [columns.get(name, rows[name] if name in rows.column_names else None) for name in schema.names], schema
    )


def _readme(found: Findings, report: Report, drawn: list[tuple[str, str]]) -> str:
    """Return a data set card: its header tells `datasets.load_dataset(folder, "raw")` where the splits are."""
    sanitized = [split.name for split in found.sanitized.splits]
    lines = ["---", "configs:"]
    for config, names in (("raw", list(SPLITS)), ("sanitized", sanitized)):
        lines += [f"- config_name: {config}", "  data_files:"]
        for name in names:
            lines += [f"  - split: {name}", f"    path: {config}/{name}-*.parquet"]
    lines += ["---", "", f"# {escape(', '.join(report.classes))}", "", to_markdown(report), "## Pictures", ""]
    return "\n".join([*lines, *(f"{title}:\n\n![{title}](figures/{name})\n" for name, title in drawn)])
