"""Prefect tasks of the overlap stage for references: compare a batch with them, and keep segments and verdicts.

A segment has the tables of `tasks.overlap.prints`, without labels, since batches number their
classes differently, and the gray copies of photographs, so it needs no other folder.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import RowNumbers
from tasks.overlap.baseline import chained_among, joins_of
from tasks.overlap.images import UNKNOWN
from tasks.overlap.prints import TEXTS, slices, write_images
from tasks.processes import in_worker
from tasks.records import Joined, Prints, Ruling
from tasks.records.inputs import COPIES
from tasks.records.overlaps import CHAINED, PRINTS
from tasks.records.references import ARRIVED, NOT_NEW, Arrived, Reference, Segment, SegmentOverlaps
from tasks.records.spec_searching import ArrivalsSpec
from tasks.stage_task import finished, stage_task
from tasks.storage import Place, at, disk, stages, tables
from tasks.storage.copies import Copies

VERSION, AT_ONCE = 4, 10_000  # gray copies, 40 MB


@stage_task("take {reference.name} as one set")
def take_reference(reference: Reference, workspace: Place) -> Prints:
    """Write the fingerprints of all segments as one set, to judge it; the gray copies stay where they are."""
    parts = [segment.prints for segment in reference.live]

    def build(target: Place) -> dict[str, Any]:
        read = [tables.read(workspace / part.table) for part in parts]
        table = pa.concat_tables(read)
        changed = {"rank": np.argsort(pc.sort_indices(table["id"]).to_numpy())}  # as if it were one source
        if parts[0].copies:
            changed["file"] = np.repeat(np.arange(len(read)), [*map(len, read)])
        return _write(table, changed, parts[0], target)

    stage = stages.stage(workspace, "references", {"version": VERSION, "parts": [part.folder for part in parts]}, build)
    every: Any = {name: sum((getattr(part, name) for part in parts), ()) for name in ("sha256", "of", "copies")}
    prints = replace(parts[0], folder=stage.folder.name, **every, **stage.result)
    return finished(prints, stage.reused, f"{reference.rows:,} rows")


@stage_task("keep the verdict on {reference.name}")
def keep_verdict(reference: Reference, ruling: Ruling, workspace: Place) -> Reference:
    """Copy the tables of a verdict into the folder of its reference, where no cleaning removes them."""

    def build(target: Place) -> None:
        for table in (ruling.baseline.table, ruling.baseline.chained):
            at(workspace / table).copy(target / table.rpartition("/")[2])

    folder = workspace / reference.folder / "verdicts" / ruling.sha256[:32]
    stage = stages.publish(folder, {"ruling": ruling.sha256}, build)
    kept = replace(ruling, baseline=replace(ruling.baseline, folder=folder.name))
    changed = replace(reference, ruling=kept, version=reference.version + 1, judged=reference.rows)
    return finished(changed, stage.reused, f"verdict {changed.version}")


@stage_task("look for chains with {reference.name}")
def with_chains(spec: ArrivalsSpec, reference: Reference, joined: Sequence[Joined], workspace: Place) -> Ruling:
    """Return the verdict of a reference, with the images of a batch that are chained."""
    ruling = reference.ruling_at(spec.threshold)
    inputs = {"version": VERSION, "ruling": ruling.sha256, "joins": [one.sha256 for one in joined]}

    def build(target: Place) -> dict[str, Any]:
        known = tables.bytes_of(tables.read(workspace / ruling.baseline.chained)["md5"])
        line = ruling.verdict.near_identical
        chained = in_worker(chained_among, *joins_of(spec, joined, workspace), known, line)
        tables.write(pa.table({"md5": tables.binary(chained)}), target / CHAINED)
        return {"chained": len(chained)}

    stage = stages.stage(workspace, "chains", inputs, build)
    baseline = replace(ruling.baseline, folder=stage.folder.name)
    message = f"{stage.result['chained']:,} images in chains"
    return finished(replace(ruling, baseline=baseline, sha256=stages.digest_of(inputs)), stage.reused, message)


@stage_task("take the rows that no reference has")
def take_unknown(batch: Prints, found: SegmentOverlaps, workspace: Place) -> Prints:
    """Write the fingerprints of the rows of a batch without a duplicate in the references."""

    def build(target: Place) -> dict[str, Any]:
        every = tables.read(workspace / batch.table, ["id"])
        known = [tables.read(workspace / one.table("test"), ["id"], filters=NOT_NEW) for *_, one in found]
        rows = ~pc.is_in(every["id"], value_set=pa.concat_tables(known)["id"]).to_numpy()
        return write_segment(batch, np.flatnonzero(rows), workspace, target)

    inputs = {"version": VERSION, "batch": batch.folder, "found": [overlap.sha256 for *_, overlap in found]}
    stage = stages.stage(workspace, "unknown", inputs, build)
    return finished(_prints(batch, stage), stage.reused, f"{stage.result['rows']:,} of {batch.rows:,} rows")


@stage_task("keep images in {reference.name}")
def keep_segment(reference: Reference, batch: Prints, key: str, arrived: Arrived, workspace: Place) -> Reference:
    """Write the new rows of a batch, or all, as a segment; return the reference with it, which is to be committed."""
    rows = np.arange(batch.rows)
    if arrived.folder:
        new = pc.equal(tables.read(workspace / arrived.folder / ARRIVED, ["result"])["result"], "new").to_numpy()
        rows = np.flatnonzero(new[tables.read(workspace / batch.table, ["rank"])["rank"].to_numpy()])
    name, now = stages.digest_of([VERSION, key, rows.tolist()])[:32], datetime.now(UTC).isoformat(timespec="seconds")
    folder = workspace / reference.folder / "segments" / name
    stage = stages.publish(folder, {"name": name}, lambda target: write_segment(batch, rows, workspace, target))
    segments = (*reference.segments, Segment(name, key, _prints(batch, stage), now, arrived))
    return finished(replace(reference, segments=segments), stage.reused, f"{len(rows):,} rows")


def write_segment(batch: Prints, rows: RowNumbers, workspace: Place, target: Place) -> dict[str, Any]:
    """Write the fingerprints of some rows of a batch, int64 (n,), ascending; return the facts of `Prints`."""
    table = tables.read(workspace / batch.table).take(pa.array(rows))
    changed = {"label": np.full(len(table), UNKNOWN), "rank": np.argsort(np.argsort(table["rank"].to_numpy()))}
    if batch.copies:
        copies = Copies.of([workspace / file for file in batch.copies], table)
        with disk.writing(target / COPIES) as file:
            for some in slices(len(copies), AT_ONCE):
                file.write(copies.take(slice(some.start, some.stop)).read().tobytes())
        changed |= {"file": np.zeros(len(table), np.int64), "copy": np.arange(len(table))}
    return _write(table, changed, batch, target)


def _write(table: pa.Table, changed: dict[str, RowNumbers], prints: Prints, target: Place) -> dict[str, Any]:
    for name, values in changed.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    tables.write(table, target / PRINTS, use_dictionary=TEXTS)
    return {"rows": len(table)} | write_images(target, prints.length, photographs=bool(prints.copies))


def _prints(batch: Prints, stage: stages.Stage) -> Prints:
    name, copies = stage.folder.name, (f"{stage.folder.name}/{COPIES}",) if batch.copies else ()
    return replace(batch, split="train", folder=name, sha256=(name,), copies=copies, **stage.result)
