"""Write the folder of a run, and what one train set shares with several test sets."""

import json
from collections.abc import Sequence
from html import escape

import pyarrow as pa
import pyarrow.compute as pc

from tasks.exporting.formats import card_header
from tasks.presenting.figures import write_figures
from tasks.presenting.gallery import THUMBNAILS, shown_ids
from tasks.presenting.page import build_page, render
from tasks.presenting.summary import benchmark_rows, to_markdown
from tasks.presenting.words import Numbers
from tasks.records import Findings, Report, between
from tasks.records.conservation import conserve
from tasks.records.overlaps import SAME_SUBJECT
from tasks.reporting.actions import add_lines, write_actions, write_duplicates, write_table
from tasks.reporting.counted import conflicts_of, refused_members
from tasks.reporting.read import PAGE, REPORT, read_findings
from tasks.storage import Place, at, disk, tables
from tasks.storage.image_files import paths_of, read_ids, thumbnails
from tasks.storage.workspace import run_at
from tasks.vocabulary import SPLITS


def write_run(found: Findings, report: Report, workspace: Place, target: Place) -> None:
    """Write report.json, raw and sanitized splits as Parquet, tables of removed and refused rows, and a README."""
    disk.write_text(target / REPORT, json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n")
    _write_tables(found, report, workspace, target)
    drawn = write_figures(found, report, workspace, target / "figures")
    disk.write_text(target / "README.md", _readme(found, report, drawn))
    disk.write_text(target / PAGE, build_page(target, report))


def write_benchmarks(reports: Sequence[Report], workspace: Place, target: Place) -> None:
    """Write a page, and ``train_removals.parquet`` with one row per benchmark and train image with a duplicate there.

    The table has ``id`` of train, ``benchmark``, ``benchmark_id`` of the best duplicate, ``reason`` (exact or near)
    and ``similarity``.
    """
    removals = pa.concat_tables(_removals(report, workspace) for report in reports).sort_by("id")
    tables.write(removals, target / "train_removals.parquet")
    about = {"reports": reports, "rows": benchmark_rows(reports), "removals": len(removals["id"].unique())}
    disk.write_text(target / PAGE, render("benchmarks.html.jinja", **about))


def _write_tables(found: Findings, report: Report, workspace: Place, target: Place) -> None:
    _link_tables(found, workspace, target)
    write_duplicates(found, report, workspace, target)
    write_table(conflicts_of(found, workspace), report, target / "label_conflicts.parquet")
    refused = refused_members(found, workspace)
    for row in report.conservation:
        conserve(f"{row.role} {row.class_name}", row.members, row.accepted, row.quarantined, row.ignored)
    conserve("quarantine", sum(row.quarantined + row.ignored for row in report.conservation), len(refused))
    tables.write(refused, target / "quarantine.parquet")
    write_actions(found, report, workspace, target)
    if report.same_subject:
        pairs = pa.concat_tables(tables.read(workspace / one.same_subject) for one in found.overlaps if one.subjects)
        pairs = pairs.drop_columns(["reason", "judged"]).rename_columns({"jaccard": "cosine"})
        tables.write(pairs.sort_by([("cosine", "descending"), ("id", "ascending")]), target / SAME_SUBJECT)
    if found.spec.also:
        tables.write(_variants(found, workspace), target / "variants.parquet")
    if report.kind == "photographs":
        _write_about_photographs(found, report, workspace, target)


def _link_tables(found: Findings, workspace: Place, target: Place) -> None:
    for folder, splits in (("raw", [found.splits[name] for name in SPLITS]), ("sanitized", found.sanitized.splits)):
        for place in (place for split in splits for place in split.places(workspace)):
            at(place).link(target / folder / place.last)
    linked = [found.sanitized.removed, *(one.table for one in (found.splits.in_groups, found.shared) if one)]
    if tables.count(workspace / found.sanitized.unconfirmed):
        linked.append(found.sanitized.unconfirmed)
    for place in (workspace / name for name in linked):
        at(place).link(target / place.last)


def _variants(found: Findings, workspace: Place) -> pa.Table:
    parts = []
    for overlap in found.overlaps:
        table = tables.read(workspace / overlap.variants_table)
        for name, value in (("found_in", overlap.first), ("rows_of", overlap.second)):
            table = table.add_column(0, name, pa.repeat(value, len(table)))
        parts.append(table)
    return pa.concat_tables(parts)


def _write_about_photographs(found: Findings, report: Report, workspace: Place, target: Place) -> None:
    """Write thumbnails for the page, remarks of decoders, and each row's path in its source, below the classes."""
    shown = thumbnails([workspace / name for name in found.photographs], shown_ids(target, report))
    columns = {"id": pa.array(list(shown), pa.string()), "thumbnail": pa.array(list(shown.values()), pa.binary())}
    tables.write(pa.table(columns).sort_by("id"), target / THUMBNAILS)
    if any(row.remarked for row in report.conservation):
        said = pc.field("remark") != ""
        parts = [tables.read(workspace / name, ["id", "remark"], filters=said) for name in found.photographs]
        tables.write(pa.concat_tables(parts).sort_by("id"), target / "remarks.parquet")
    kept = {split.name: split for split in found.sanitized.splits}  # the other splits lost no rows
    for name in SPLITS:
        for folder, split in (("raw", found.splits[name]), ("sanitized", kept.get(name, found.splits[name]))):
            disk.make_folder(target / "paths" / folder)
            for file in split.places(workspace):
                add_lines(target / "paths" / folder / f"{name}.txt", paths_of(read_ids([file])))


def _readme(found: Findings, report: Report, drawn: list[tuple[str, str]]) -> str:
    """Return a data set card, whose header tells `datasets.load_dataset(folder, "raw")` where the splits are."""
    raw = {name: "raw" for name in SPLITS if found.splits[name].rows}
    left = {split.name: split.rows for split in found.sanitized.splits}
    sanitized = {name: "sanitized" if name in left else folder for name, folder in raw.items() if left.get(name, 1)}
    lines = card_header({"raw": raw, "sanitized": sanitized})
    lines += ["", f"# {escape(', '.join(report.classes))}", "", to_markdown(Numbers(report)), "## Figures", ""]
    return "\n".join([*lines, *(f"{title}:\n\n![{title}](figures/{name})\n" for name, title in drawn)])


def _removals(report: Report, workspace: Place) -> pa.Table:
    overlap = between(read_findings(run_at(report.run)).overlaps, "train", "test")
    found = tables.read(workspace / overlap.table("train"), filters=pc.field("exact") | pc.field("near"))
    columns = {"id": found["id"], "benchmark": pa.repeat(report.spec.settings()["test"], len(found))}
    columns |= {"benchmark_id": found["twin_id"], "reason": pc.if_else(found["exact"], "exact", "near")}
    return pa.table(columns | {"similarity": found["jaccard"]})
