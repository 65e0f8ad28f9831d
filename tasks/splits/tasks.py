"""Prefect tasks of the splits stage."""

from collections.abc import Callable, Sequence
from typing import Any

from tasks.records import Shard, Split, Splits
from tasks.records.conservation import conserve
from tasks.records.spec import PrepareSpec
from tasks.splits.course import draw_as_course
from tasks.splits.draw import class_ranges, draw, sizes_per_class, take_all, take_one
from tasks.splits.gather import gather
from tasks.stage_task import finished, stage_task
from tasks.storage import stages
from tasks.storage.images import read_ids, write_split
from tasks.storage.place import Place
from tasks.storage.stages import Stage
from tasks.vocabulary import SPLITS, Role, SplitName
from tasks.vocabulary.arrays import RowNumbers

VERSION = 2
RAW = "raw"
Drawn = dict[SplitName, RowNumbers]


@stage_task("draw train, validation and test")
def draw_splits(spec: PrepareSpec, shards: Sequence[Shard], workspace: Place) -> Splits:
    """Draw balanced, disjoint, shuffled splits and write them as Parquet."""
    ranges = class_ranges(shards)
    sizes = sizes_per_class(spec, ranges)
    per_class = [sizes.train, sizes.validation, sizes.test]
    if spec.recipe == "course":
        how: dict[str, Any] = {"sizes": per_class, "recipe": spec.recipe}
        ids = read_ids(workspace / shard.images for shard in shards)
        stage = _write(shards, lambda: draw_as_course(ranges, sizes, ids), how, workspace)
    else:
        how = {"sizes": per_class, "seed": spec.seed}
        stage = _write(shards, lambda: draw(ranges, sizes, spec.seed), how, workspace)
    return _finished(shards, sizes.notes, stage)


@stage_task("take all images as one set")
def take_whole(shards: Sequence[Shard], workspace: Place) -> Splits:
    """Write all rows of all sources as train, in the order of sources, classes and ids; the other splits are empty."""
    return _finished(shards, (), _write(shards, lambda: take_one(class_ranges(shards)), {"whole": True}, workspace))


@stage_task("take train, validation and test as they are")
def take_splits(shards: Sequence[Shard], workspace: Place) -> Splits:
    """Write splits that exist as Parquet, every row in the order of classes and ids."""
    return _finished(shards, (), _write(shards, lambda: take_all(class_ranges(shards)), {}, workspace))


def _write(shards: Sequence[Shard], rows: Callable[[], Drawn], how: dict[str, Any], workspace: Place) -> Stage:
    """Find or write the splits; `how` is what determines the rows, besides the shards."""

    def build(target: Place) -> dict[str, Any]:
        drawn = rows()
        images = gather(shards, drawn, workspace)
        classes = _classes(shards)
        for name in SPLITS:
            conserve(f"draw {name}", len(drawn[name]), len(set(images[name].ids.to_pylist())))
        return {name: write_split(images[name], name, classes, target / RAW) for name in SPLITS}

    inputs = {"version": VERSION, "shards": [[shard.role, shard.sha256] for shard in shards]} | how
    return stages.stage(workspace, "splits", inputs, build)


def _finished(shards: Sequence[Shard], notes: tuple[str, ...], stage: Stage) -> Any:
    roles = {shard.role for shard in shards}
    drawn_from: dict[SplitName, list[Role]] = {
        name: [role for role in (name, "small" if name == "test" else "large") if role in roles] for name in SPLITS
    }
    splits = {name: Split.of(name, stage.folder / RAW, stage.result[name], drawn_from[name]) for name in SPLITS}
    record = Splits(classes=_classes(shards), notes=notes, **splits)
    return finished(record, stage, ", ".join(f"{name} {record[name].rows:,}" for name in SPLITS) + " rows")


def _classes(shards: Sequence[Shard]) -> tuple[str, ...]:
    """Return the names of all classes in the order of their labels; a source may lack some."""
    names = {one.label: one.class_name for shard in shards for one in shard.classes}
    return tuple(names[label] for label in sorted(names))
