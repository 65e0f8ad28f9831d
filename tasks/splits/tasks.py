"""Prefect tasks of the splits stage."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tasks.arrays import RowNumbers
from tasks.libraries import shaped_by
from tasks.records import LoadedSources, Overlap, Ruling, Shard, SplitDuplicates
from tasks.records.rows import SharedRows
from tasks.records.spec import ComparingSpec, PrepareSpec, TrainedSpec
from tasks.records.splits import GROUPS, RAW, SHARED, Drawn, InGroups, Sanitized, SharedGroups, Split, Splits
from tasks.splits.draw import class_ranges, draw, draw_as_course, shuffled, sizes_per_class, take_all, write_splits
from tasks.splits.group_names import write_shared
from tasks.splits.grouped import deal
from tasks.splits.groups import check_groups, notes_of, row_groups, shared_with_others, sizes_of_splits, write_groups
from tasks.splits.sanitize import SANITIZED, write_sanitized
from tasks.stage_task import finished, stage_task
from tasks.storage import Place, stages
from tasks.storage.image_files import read_ids
from tasks.vocabulary import LOSES_TO, SPLITS, SplitName

VERSION = 6
Rows = dict[SplitName, RowNumbers]


@stage_task("draw train, validation and test")
def draw_splits(spec: PrepareSpec, shards: Sequence[Shard], workspace: Place) -> Splits:
    """Draw balanced, disjoint, shuffled splits and write them as Parquet."""
    ranges = class_ranges(shards)
    sizes, notes = sizes_per_class(spec, ranges)
    per_class = [sizes[name] for name in SPLITS]
    if spec.recipe == "course":
        how: dict[str, Any] = {"sizes": per_class, "recipe": spec.recipe}
        ids = read_ids(workspace / shard.images for shard in shards)
        stage = _write(shards, how, lambda: draw_as_course(ranges, sizes, ids), workspace)
    else:
        how = {"sizes": per_class, "seed": spec.seed} | shaped_by("drawing")
        stage = _write(shards, how, lambda: draw(ranges, sizes, spec.seed), workspace)
    return _finished(shards, stage, notes=tuple(notes))


@stage_task("draw train, validation and test without dividing a group")
def draw_grouped(
    spec: TrainedSpec,
    loaded: LoadedSources,
    twins: SplitDuplicates,
    found: Sequence[Overlap],
    ruling: Ruling,
    at_random: bool,
    workspace: Place,
) -> Splits:
    """Draw splits that divide no group, or random ones of the same sizes to measure how much these leak."""
    shards = loaded.shards
    inputs = {
        "groups": twins.folder,
        "found": [overlap.sha256 for overlap in found],
        "by": [spec.group_by, spec.folds, [archive.sha256 for archive in loaded.archives] if spec.group_by else None],
        "sizes": [spec.train, spec.validation, spec.test],
        "seed": spec.seed,
        "random": at_random,
    } | shaped_by("drawing")

    def build(target: Place) -> dict[str, Any]:
        ids = read_ids(workspace / shard.images for shard in shards)
        of_row, facts = row_groups(ids, twins, found, spec.group_by, loaded, workspace)
        labels = np.concatenate([np.full(one.rows, one.label) for one in class_ranges(shards)])
        sizes, rows = sizes_of_splits(spec, len(ids)), np.bincount(of_row)
        check_groups(spec, sizes, len(rows))
        dealt = deal(of_row, labels, sizes, [spec.seed])
        notes = notes_of(dealt, sizes, of_row, labels, ids)
        if at_random:
            as_grouped = [int((dealt == number).sum()) for number in range(len(SPLITS))]
            dealt = deal(np.arange(len(ids)), labels, as_grouped, [spec.seed])
        write_groups(ids, of_row, labels, dealt, spec.folds, spec.seed, target / GROUPS)
        facts |= {"groups": len(rows), "largest": int(rows.max(initial=0)), "shared": shared_with_others(dealt, of_row)}
        drawn = {name: np.flatnonzero(dealt == number) for number, name in enumerate(SPLITS)}
        written = write_splits(shards, shuffled(drawn, spec.seed), _classes(shards), workspace, target)
        return written | {"facts": facts, "notes": notes}

    stage = _stage(shards, inputs, build, workspace)
    groups = InGroups(**stage.result["facts"], ruling=ruling, folder=stage.folder.name)
    return _finished(shards, stage, mixed=True, notes=tuple(stage.result["notes"]), in_groups=groups)


@stage_task("take all images as one set")
def take_whole(shards: Sequence[Shard], workspace: Place) -> Splits:
    """Write all rows of all sources as train, ordered by source, class and id; the other splits are empty."""
    as_train = [replace(one, role="train") for one in class_ranges(shards)]
    return _finished(shards, _write(shards, {"whole": True}, lambda: take_all(as_train), workspace), mixed=True)


@stage_task("take train, validation and test as they are")
def take_splits(shards: Sequence[Shard], workspace: Place) -> Splits:
    """Write existing splits as Parquet, ordered by class and id."""
    return _finished(shards, _write(shards, {}, lambda: take_all(class_ranges(shards)), workspace))


def _write(shards: Sequence[Shard], how: dict[str, Any], rows: Callable[[], Rows], workspace: Place) -> stages.Stage:
    return _stage(shards, how, lambda to: write_splits(shards, rows(), _classes(shards), workspace, to), workspace)


def _stage(
    shards: Sequence[Shard], how: dict[str, Any], build: Callable[[Place], dict[str, Any]], workspace: Place
) -> stages.Stage:
    """Find or write the splits; `how` is everything besides the shards that determines the rows."""
    origin = {"shards": [[shard.role, shard.sha256] for shard in shards], "classes": _classes(shards)}
    return stages.stage(workspace, "splits", {"version": VERSION, **origin, **how}, build)


def _finished(shards: Sequence[Shard], stage: stages.Stage, mixed: bool = False, **more: Any) -> Any:
    roles = set() if mixed else {shard.role for shard in shards}
    splits: dict[SplitName, Drawn] = {}
    for name in SPLITS:
        facts, ours = stage.result[name], (name, "small" if name == "test" else "large")
        numbers = f"{stage.folder.name}/{facts['numbers']}"
        drawn_from = tuple(role for role in ours if role in roles)
        splits[name] = Drawn.of(name, stage.folder / RAW, facts, numbers=numbers, drawn_from=drawn_from)
    record = Splits(_classes(shards), splits["train"], splits["validation"], splits["test"], **more)
    return finished(record, stage.reused, ", ".join(f"{name} {record[name].rows:,}" for name in SPLITS) + " rows")


def _classes(shards: Sequence[Shard]) -> tuple[str, ...]:
    """Return the names of all classes in the order of their labels; some sources may lack some."""
    names = {one.label: one.class_name for shard in shards for one in shard.classes}
    return tuple(names[label] for label in sorted(names))


@stage_task("sanitize splits, protecting {spec.protect}")
def remove_overlap(
    spec: ComparingSpec, splits: Splits, overlaps: Sequence[Overlap], space: Place, twins: SplitDuplicates | None = None
) -> Sanitized:
    """Write the splits without overlapping rows, or one set without its duplicates `twins`, and list these rows."""
    asked = spec, splits, overlaps, twins, space
    inputs = {
        "version": 7,
        "splits": [splits[name].sha256 for name in LOSES_TO[spec.protect]],
        "overlap": [overlap.sha256 for overlap in overlaps],
        "view": spec.view,
        "protect": spec.protect,
    } | ({"inside": twins.folder} if twins else {})
    stage = stages.stage(space, "sanitized", inputs, lambda target: write_sanitized(*asked, target))
    written = stage.result["splits"]
    kept = tuple(Split.of(name, stage.folder / SANITIZED, written[name]) for name in SPLITS if name in written)
    record = Sanitized(folder=stage.folder.name, **stage.result | {"splits": kept})
    lost = (f"{split.name} keeps {split.rows:,} of {splits[split.name].rows:,} rows" for split in kept)
    return finished(record, stage.reused, ", ".join(lost))


@stage_task("find shared groups")
def find_shared_groups(
    by: str, splits: Splits, overlaps: Sequence[Overlap], loaded: LoadedSources, workspace: Place
) -> SharedGroups:
    """List the rows of test and validation that share a group of the user with an earlier split."""
    by_what = [by, [archive.sha256 for archive in loaded.archives]]
    inputs = {"version": 1, "overlap": [overlap.sha256 for overlap in overlaps], "by": by_what}
    asked = splits, overlaps, by, loaded, workspace
    stage = stages.stage(workspace, "shared", inputs, lambda to: {"pairs": write_shared(*asked, to / SHARED)})
    pairs = tuple(SharedRows(**one) for one in stage.result["pairs"])
    said = (f"{one.shared:,} of {one.rows:,} {one.rows_of} rows share a group with {one.found_in}" for one in pairs)
    return finished(SharedGroups(stage.folder.name, pairs), stage.reused, "; ".join(said))
