"""Check a whole published run again, and list everything that is wrong with it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import CleanSplitError, DataError
from tasks.records import Report
from tasks.reporting.read import read_report
from tasks.storage import disk, tables
from tasks.storage.images import Images, concatenate, read_images
from tasks.storage.place import Place
from tasks.storage.stages import damaged_files, read_manifest
from tasks.storage.workspace import RUN_MANIFEST
from tasks.vocabulary import SPLITS


def verify_run(run: Place) -> list[str]:
    """Check a run against its manifest, its report against its tables, and its tables against each other.

    Returns
    -------
    list of str
        One sentence for each thing that is wrong; empty for a run that is whole.
    """
    manifest = read_manifest(run / RUN_MANIFEST)
    if manifest is None:
        return [f"{RUN_MANIFEST} is missing or was changed, so the run can't be checked."]
    listed = manifest["files"]
    wrong = damaged_files(run, listed)
    there = set(disk.names_below(run)) - {RUN_MANIFEST}
    wrong += [f"{name} is not part of the run." for name in sorted(there - set(listed))]
    try:
        return wrong + list(_disagreements(run, read_report(run)))
    except (OSError, ValueError, KeyError, TypeError, CleanSplitError) as error:
        return [*wrong, f"reading stopped: {error}"]


def what_is_wrong(run: Place, wrong: Sequence[str]) -> DataError:
    """Return the error that says how much is wrong with a run, and what to do."""
    things = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
    return DataError(f"{things} wrong with {run}; run the command that made it again to rebuild it.")


def _disagreements(run: Place, report: Report) -> Iterator[str]:
    yield from _members(run, report)
    raw = {name: _images(run / "raw", name) for name in SPLITS}
    for name, images in raw.items():
        yield from _rows(f"raw {name}", images, report.rows[name], report.classes)
    ids = pa.concat_arrays([images.ids for images in raw.values()])
    if len(ids) != len(ids.unique()):
        yield "raw: an id occurs more than once."
    removed = tables.read(run / "removed.parquet")
    yield from _twins(raw, removed)
    for name in (name for name in SPLITS if disk.matching(run, f"sanitized/{name}-*.parquet")):
        gone = removed.filter(pc.equal(removed["split"], name))["id"].combine_chunks()
        stays = pc.invert(pc.is_in(raw[name].ids, value_set=gone))
        left = _images(run / "sanitized", name)
        yield from _rows(f"sanitized {name}", left, report.sanitized.near[name], report.classes)
        expected = raw[name].take(stays.to_numpy(zero_copy_only=False))
        if not left.ids.equals(expected.ids) or not np.array_equal(left.gray, expected.gray):
            yield f"sanitized {name} is not raw {name} without its removed rows."


def _members(run: Place, report: Report) -> Iterator[str]:
    """Yield where members are not conserved, or quarantine.parquet does not name those that were refused."""
    refused = tables.read(run / "quarantine.parquet")
    named = Counter(zip(*(refused[column].to_pylist() for column in ("role", "class_name", "outcome")), strict=True))
    for row in report.conservation:
        where = f"{row.role} {row.class_name or 'outside the classes'}"
        if row.members != row.accepted + row.quarantined + row.ignored:
            yield f"{where}: the outcomes of {row.members:,} members do not add up."
        for outcome in ("quarantined", "ignored"):
            count, expected = named[row.role, row.class_name, outcome], getattr(row, outcome)
            if count != expected:
                yield f"{where}: {expected:,} are {outcome}, and quarantine.parquet names {count:,}."


def _rows(what: str, images: Images, count: int, classes: Sequence[str]) -> Iterator[str]:
    if len(images) != count:
        yield f"{what} has {len(images):,} rows, and the report says {count:,}."
    names = np.array(classes, dtype=object)
    known = (images.labels >= 0) & (images.labels < len(names))
    class_names = images.class_names.to_numpy(zero_copy_only=False)
    if not known.all() or not (names[images.labels] == class_names).all():
        yield f"{what} has labels that are not those of its classes."


def _twins(raw: dict[Any, Images], removed: pa.Table) -> Iterator[str]:
    """Yield where a removed row or its twin does not exist, or an exact twin has other pixels."""
    of, found_in = (removed[name].to_numpy(zero_copy_only=False) for name in ("split", "twin_split"))
    exact = pc.equal(removed["reason"], "exact").to_numpy(zero_copy_only=False)
    for split in SPLITS:
        for other in SPLITS:
            pairs = removed.filter(pa.array((of == split) & (found_in == other)))
            places = [
                pc.index_in(pairs[column].combine_chunks(), value_set=raw[name].ids)
                for column, name in (("id", split), ("twin_id", other))
            ]
            if any(place.null_count for place in places):
                yield f"removed.parquet names rows that {split} or {other} does not have."
                continue
            here, there = (place.to_numpy() for place in places)
            same = (raw[split].gray[here] == raw[other].gray[there]).all(axis=(1, 2))
            if not same[exact[(of == split) & (found_in == other)]].all():
                yield f"removed.parquet lists rows of {split} as exact twins of rows in {other} with different pixels."


def _images(folder: Place, name: str) -> Images:
    files = disk.matching(folder, f"{name}-*.parquet")
    return concatenate([read_images([file]) for file in files])
