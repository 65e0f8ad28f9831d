"""Prefect tasks of the splits stage."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import store
from tasks.conservation import conserve
from tasks.images import write_split
from tasks.records import SPLITS, LetterShard, Split, Splits
from tasks.spec import RunSpec, SplitName
from tasks.splits.course import draw_as_course
from tasks.splits.draw import draw, sizes_per_class, take_all
from tasks.splits.gather import gather
from tasks.tasks import finished, stage_task

VERSION = 1


@stage_task("draw train, validation and test")
def draw_splits(spec: RunSpec, shards: Sequence[LetterShard], workspace: Path) -> Splits:
    """Draw balanced, disjoint, shuffled splits and write them as Parquet."""
    sizes = sizes_per_class(spec, shards)
    classes = tuple(shard.letter for shard in shards if shard.role == "large")

    drawn: dict[str, Any] = {"sizes": [sizes.train, sizes.validation, sizes.test]}
    if spec.recipe == "course":
        drawn["recipe"] = spec.recipe
        return _write(shards, lambda: draw_as_course(shards, sizes), drawn, classes, sizes.notes, workspace)
    drawn["seed"] = spec.seed
    return _write(shards, lambda: draw(shards, sizes, spec.seed), drawn, classes, sizes.notes, workspace)


@stage_task("take train, validation and test as they are")
def take_splits(shards: Sequence[LetterShard], workspace: Path) -> Splits:
    """Write splits that exist as Parquet, every row in the order of classes and ids."""
    classes = tuple(shard.letter for shard in shards if shard.role == "train")
    return _write(shards, lambda: take_all(shards), {}, classes, (), workspace)


def _write(
    shards: Sequence[LetterShard],
    rows: Callable[[], dict[SplitName, NDArray[np.int64]]],
    how: dict[str, Any],
    classes: tuple[str, ...],
    notes: tuple[str, ...],
    workspace: Path,
) -> Splits:
    def build(target: Path) -> dict[str, Any]:
        drawn = rows()
        images = gather([shard.path for shard in shards], drawn)
        for name in SPLITS:
            conserve(f"draw {name}", len(drawn[name]), len(set(images[name].ids.to_pylist())))
        return {name: write_split(images[name], name, classes, target / "raw") for name in SPLITS}

    inputs = {"version": VERSION, "shards": [[shard.role, shard.sha256] for shard in shards]} | how
    stage = store.stage(workspace, "splits", inputs, build)
    splits = {name: Split.of(name, stage.folder / "raw", stage.result[name]) for name in SPLITS}
    record = Splits(folder=stage.folder / "raw", classes=classes, notes=notes, **splits)
    return finished(record, stage, ", ".join(f"{name} {record[name].rows:,}" for name in SPLITS) + " rows")
