"""Prefect task of the sanitizing stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks import store, tables
from tasks.conservation import conserve
from tasks.images import read_images, write_split
from tasks.records import Overlap, Sanitized, Split, Splits
from tasks.sanitizing import policy
from tasks.spec import Spec, SplitName
from tasks.tasks import finished, stage_task

VERSION = 1


@stage_task("sanitize splits, protecting {spec.protect}")
def sanitize_splits(spec: Spec, splits: Splits, overlaps: Sequence[Overlap], workspace: Path) -> Sanitized:
    """Write the splits without the rows that overlap, and the list of what was removed and why."""
    loses_to = policy.LOSES_TO[spec.protect]

    def twins_of(name: SplitName, overlap: Overlap) -> pa.Table:
        return policy.read_twins(overlap, name, spec.threshold_percent)

    def build(target: Path) -> dict[str, Any]:
        facts: dict[str, Any] = {"exact_left": {}, "near_left": {}, "splits": {}}
        removed = []
        for name, others in loses_to.items():
            gone = policy.removed_rows([twins_of(name, overlap) for overlap in between(overlaps, name, others)], name)
            images = read_images(splits[name].files)
            kept = policy.keep_mask(images.ids, gone, ["exact", "near"])
            conserve(f"sanitize {name}", len(images), int(kept.sum()), len(gone))
            facts["exact_left"][name] = int(policy.keep_mask(images.ids, gone, ["exact"]).sum())
            facts["near_left"][name] = int(kept.sum())
            facts["splits"][name] = write_split(images.take(kept), name, splits.classes, target / "sanitized")
            removed.append(gone)
        conflicts = [
            policy.conflicts(twins_of(name, overlap), name)
            for overlap in overlaps
            for name in (overlap.first, overlap.second)
        ]
        facts["groups"] = policy.star_groups(pa.concat_tables(removed))
        tables.write(pa.concat_tables(removed), target / "removed.parquet")
        tables.write(pa.concat_tables(conflicts), target / "label_conflicts.parquet")
        return facts | {"sha256": store.sha256_of(target / "removed.parquet")}

    inputs = {
        "version": VERSION,
        "splits": [splits[name].sha256 for name in loses_to],
        "overlap": [overlap.sha256 for overlap in overlaps],
        "threshold": spec.threshold_percent,
        "protect": spec.protect,
    }
    stage = store.stage(workspace, "sanitized", inputs, build)
    facts = dict(stage.result)
    folder = stage.folder / "sanitized"
    facts["splits"] = tuple(Split.of(name, folder, facts["splits"][name]) for name in loses_to)
    record = Sanitized(folder=stage.folder, **facts)
    lost = (f"{name} keeps {record.near_left[name]:,} of {splits[name].rows:,} rows" for name in loses_to)
    return finished(record, stage, ", ".join(lost))


def between(overlaps: Sequence[Overlap], name: SplitName, others: Sequence[SplitName]) -> list[Overlap]:
    """Return the overlaps of a split with others, in the order of `others`."""
    return [next(o for o in overlaps if {o.first, o.second} == {name, other}) for other in others]
