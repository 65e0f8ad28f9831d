"""Prefect tasks of the overlap stage: one join per pair of splits, one count per split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks import store, tables
from tasks.conservation import conserve
from tasks.overlap.find import find_twins
from tasks.overlap.minhash import Bands
from tasks.overlap.recall import measure_recall
from tasks.overlap.tables import count_direction, distinct, read_rows, shared_fonts, twins_table
from tasks.overlap.variants import count_variants, find_variants, variants_table
from tasks.records import Fingerprints, Overlap, Recall, Split, Within
from tasks.spec import Spec
from tasks.tasks import finished, stage_task

VERSION = 1


@stage_task("find overlap of {first.name} and {second.name}")
def find_overlap(
    spec: Spec,
    first: Split,
    second: Split,
    fingerprints: Sequence[Fingerprints],
    bands: Bands | None,
    workspace: Path,
) -> Overlap:
    """Find exact and near twins between two splits, in both directions, and variants of the second in the first."""
    floor = spec.floor_percent
    prints = {split.name: prints_of(split, fingerprints) for split in (first, second)}

    def build(target: Path) -> dict[str, Any]:
        one, two = (read_rows(split.files, [p.path for p in prints[split.name]]) for split in (first, second))
        of_one, of_two = find_twins(one.side, two.side, one.view, floor, bands)
        for split, table in ((first, twins_table(one, two, of_one)), (second, twins_table(two, one, of_two))):
            conserve(f"twins of {split.name}", split.rows, len(table))
            tables.write(table, target / f"{split.name}.parquet")
        shared = len(np.intersect1d(distinct(one.side), distinct(two.side)))
        facts: dict[str, Any] = {
            first.name: shared_fonts(one, two) | {"distinct_exact": shared},
            second.name: shared_fonts(two, one) | {"distinct_exact": shared},
        }
        if bands and second.name == "test" and first.name == "train":
            facts["recall"] = vars(measure_recall(two.side, one.side, of_two, one.view, floor))
        if spec.also:
            found = find_variants(two, one, spec.also, floor, bands)
            tables.write(variants_table(two, one, of_two, found), target / "variants.parquet")
        return facts

    inputs = {
        "version": VERSION,
        "splits": [[split.name, split.sha256] for split in (first, second)],
        "fingerprints": [p.sha256 for name in prints for p in prints[name]],
        "floor": floor,
        "bands": bands and [bands.bands, bands.rows],
    }
    if spec.also:
        inputs["also"] = spec.also
    stage = store.stage(workspace, "overlap", inputs, build)
    directions = tuple(
        count_direction(
            stage.folder / f"{rows_of.name}.parquet",
            rows_of.name,
            found_in.name,
            spec.threshold_percent,
            floor,
            stage.result[rows_of.name],
        )
        for rows_of, found_in in ((first, second), (second, first))
    )
    record = Overlap(
        first=first.name,
        second=second.name,
        folder=stage.folder,
        sha256=store.digest_of(inputs),
        directions=directions,
        bands=(bands.bands, bands.rows) if bands else None,
        recall_at_floor=bands.recall_at(floor / 100) if bands else 1.0,
        recall=Recall(**stage.result["recall"]) if "recall" in stage.result else None,
        variants=count_variants(stage.folder, second.name, first.name, spec) if spec.also else (),
    )
    counts = (f"{d.either:,} of {d.rows:,} {d.rows_of} rows have a twin in {d.found_in}" for d in directions)
    return finished(record, stage, "; ".join(counts))


@stage_task("count distinct images of {split.name}")
def count_within(split: Split, fingerprints: Sequence[Fingerprints], workspace: Path) -> Within:
    """Count the redundancy inside one split."""
    prints = prints_of(split, fingerprints)

    def build(_target: Path) -> dict[str, Any]:
        rows = read_rows(split.files, [p.path for p in prints])
        return {"distinct": len(distinct(rows.side)), "one_colour": int(rows.one_colour.sum())}

    inputs = {"version": VERSION, "split": split.sha256, "fingerprints": [p.sha256 for p in prints]}
    stage = store.stage(workspace, "within", inputs, build)
    record = Within(split=split.name, rows=split.rows, folder=stage.folder, **stage.result)
    return finished(record, stage, f"{split.name}: {record.distinct:,} distinct images in {record.rows:,} rows")


def prints_of(split: Split, fingerprints: Sequence[Fingerprints]) -> list[Fingerprints]:
    """Return the fingerprints of the shards that a split's rows come from."""
    drawn_from = "small" if split.name == "test" else "large"
    found = [p for p in fingerprints if p.role in (drawn_from, split.name)]
    return found or list(fingerprints)  # a split that was left out has no rows to look up
