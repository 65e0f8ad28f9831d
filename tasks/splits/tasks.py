"""Prefect task of the splits stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks import store
from tasks.images import write_split
from tasks.records import SPLITS, LetterShard, RunSpec, Split, Splits
from tasks.splits.draw import draw, sizes_per_class
from tasks.splits.gather import gather
from tasks.tasks import finished, stage_task

VERSION = 1


@stage_task("draw train, validation and test")
def draw_splits(spec: RunSpec, shards: Sequence[LetterShard], workspace: Path) -> Splits:
    """Draw balanced, disjoint, shuffled splits and write them as Parquet."""
    sizes = sizes_per_class(spec, shards)
    classes = tuple(shard.letter for shard in shards if shard.role == "large")

    def build(target: Path) -> dict[str, Any]:
        images = gather([shard.path for shard in shards], draw(shards, sizes, spec.seed))
        return {name: write_split(images[name], name, classes, target / "raw") for name in SPLITS}

    inputs = {
        "version": VERSION,
        "shards": [shard.sha256 for shard in shards],
        "sizes": [sizes.train, sizes.validation, sizes.test],
        "seed": spec.seed,
    }
    stage = store.stage(workspace, "splits", inputs, build)
    splits = {name: Split.of(name, stage.folder / "raw", stage.result[name]) for name in SPLITS}
    record = Splits(folder=stage.folder / "raw", classes=classes, notes=sizes.notes, **splits)
    return finished(record, stage, ", ".join(f"{name} {record[name].rows:,}" for name in SPLITS) + " rows")
