"""Carry out the actions of a run: move removed images out of the sources, or link the others.

No file is ever deleted or overwritten.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import PurePath
from typing import NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import DataError, UsageError
from tasks.exporting.annotated import write_annotations
from tasks.exporting.export import check_names, files_of, require_whole
from tasks.exporting.masks import masks_of
from tasks.exporting.originals import Originals
from tasks.storage import Place, at, building, disk, scratch, tables
from tasks.storage.actions import read_actions
from tasks.storage.image_files import read_ids
from tasks.vocabulary import SPLITS, SplitName


class Step(NamedTuple):
    """An image, its place if it is a file, its name below the output folder, and its split if it stays."""

    id: str
    source: Place | None
    name: str
    split: SplitName | None


def kept(run: Place, alone: bool, originals: Originals) -> list[Step]:
    """Return the images of a run that stay, in a folder per split, or without one for a single set."""
    require_whole(run)
    steps: list[Step] = []
    for split in SPLITS:
        ids = read_ids(files_of(run, "sanitized", split))
        steps += _steps(ids, originals.names(ids, "" if alone else split), originals, split)
    from_disk = all(step.source and not step.source.in_bucket for step in steps)  # which tells their names apart
    check_names((step.name for step in steps), cased=from_disk)
    return steps


def gone(run: Place, originals: Originals) -> list[Step]:
    """Return the removed images, in a folder per source if there are several; `DataError` if one that stays changed."""
    require_whole(run)
    archives = originals.archives
    if missing := [of.source for of in originals.sources.values() if not at(of.source).expanded()]:
        raise DataError(f"{missing[0]} is missing; restore it.")
    movable = {role for role, of in originals.sources.items() if of.in_folder and not of.source.in_bucket}
    if inside := [a.name for a in archives if a.role in originals.annotated or a.role not in movable]:
        raise UsageError(f"nothing can be moved out of {inside[0]}; use --link, which writes a folder of the others.")
    ids, twins = (tables.read(run / "removed.parquet", [name])[name].combine_chunks() for name in ("id", "twin_id"))
    stay = pc.unique(twins.filter(pc.invert(pc.is_in(twins, value_set=ids))).drop_null())
    sum(1 for _ in originals.of(stay))  # reads and verifies each
    names = [name.split("/", 1)[1] if len(archives) == 1 else name for name in ids.to_pylist()]
    check_names(names, cased=True)  # on one file system, which tells them apart before and after
    steps = _steps(ids, names, originals)
    every = cast(pa.Table, originals.index)["id"].combine_chunks()  # also of images that no split has
    left = originals.files(every.filter(pc.invert(pc.is_in(every, value_set=ids))))
    needed = {disk.resolved(place) for _, place in left if place}
    if shared := [step.name for step in steps if step.source is None or disk.resolved(step.source) in needed]:
        raise UsageError(f"{shared[0]} is a page or a link, or an image that stays is in the same file; use --link.")
    return steps


def left_to_people(run: Place) -> dict[str, int]:
    """Count the images that stay in place for people to review or to relabel."""
    actions = read_actions(run, ["path", "action"])
    gone = actions.filter(pc.equal(actions["action"], "remove"))["path"].combine_chunks()
    stay = actions.filter(pc.invert(pc.is_in(actions["path"], value_set=gone)))["action"].to_pylist()
    return {action: stay.count(action) for action in ("review", "relabel")}


def link(steps: Sequence[Step], originals: Originals, out: Place, background: bool = False) -> None:
    """Make a folder of hard links to files of folders, and of copies of files in archives.

    COCO's files list their background images, too, if `background` is set.
    Raises `UsageError` when `out` exists, `DataError` when an image has changed.
    """
    names = {step.id: step.name for step in steps}
    with disk.storage_errors(out), scratch.locked(str(out)), building.draft(out, exclusive=False) as draft:
        for original in originals.of(pa.array(list(names), pa.string())):
            original.put(draft / names[original.id], linked=True)
        images = ((step.split, step.id, step.name) for step in steps if step.split)
        write_annotations(originals, images, draft, background)
        for mask, name in masks_of(originals, names.items()):
            mask.put(draft / name, linked=True)


def move(steps: Iterable[Step], originals: Originals, out: Place) -> None:
    """Move files, and masks of images, out of their folders.

    Raises `DataError` when a file has changed, or its target exists, and `StorageError` when `out` is on
    another file system: a move would copy and delete.
    """
    names = {step.id: step.name for step in steps}
    with disk.storage_errors(out):
        files = ((original, names[original.id]) for original in originals.of(pa.array(list(names), pa.string())))
        for original, name in chain(masks_of(originals, names.items(), moved_to=out), files):
            target = out / name
            if at(target).exists():
                raise DataError(f"{target} already exists; choose another folder.")
            disk.make_folder(out)
            disk.move(cast(Place, original.place), target)  # `gone` refuses archives


def folders_of(originals: Originals, run: Place) -> list[Place]:
    """Return the folders of the source files.

    Raises `DataError` if the run records another place than the name of a source: here, or where the run was made.
    """
    folders = []
    for archive in originals.archives:
        if (members := originals.sources[archive.role]).in_folder:
            folder, given = members.source, PurePath(archive.name)
            elsewhere = "/".join(part for part in given.parts if part != "..")
            made_elsewhere = elsewhere and not given.is_absolute() and f"/{elsewhere}/" in f"{folder}/"
            if not (made_elsewhere or at(folder).is_inside(Place.of(given))):
                raise DataError(f"{run} says that {given} is {folder}; go to where the run was made, or do it again.")
            folders.append(folder)
    return folders


def refuse_inside(out: Place, sources: Iterable[str]) -> None:
    """Refuse a folder inside a source, which would contain the moved files again, or everything twice."""
    for name in sources:
        if at(out).is_inside(Place.of(name)):
            raise UsageError(f"{out} is inside the source {name}; choose a folder outside it.")


def _steps(ids: pa.Array, names: Sequence[str], originals: Originals, split: SplitName | None = None) -> list[Step]:
    return [Step(*each, split) for each in zip(ids.to_pylist(), originals.places(ids), names, strict=True)]
