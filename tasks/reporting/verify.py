"""Verify a published run completely, and list all problems."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.addresses import printable
from tasks.arrays import RowNumbers
from tasks.errors import CleanSplitError, DataError
from tasks.records import Report
from tasks.reporting.read import read_report
from tasks.storage import Place, at, tables
from tasks.storage.image_files import read_ids, shape_of, take_images
from tasks.storage.stages import damaged_files, read_manifest
from tasks.storage.workspace import RUN_MANIFEST
from tasks.vocabulary import SPLITS, SplitName, counted

AT_ONCE = 50_000  # rows, or pairs of rows, with pixels in memory


def verify_run(run: Place) -> list[str]:
    """Return a sentence for each problem of a run: with its files, its report, or its tables."""
    manifest, wrong = read_manifest(run / RUN_MANIFEST), damaged_files(run, RUN_MANIFEST)
    if manifest is None:
        return wrong
    more = set(at(run).files_below()) - {RUN_MANIFEST, *manifest["files"]}
    wrong += [f"{printable(name)} is not part of the run." for name in sorted(more)]
    try:
        return wrong + list(_disagreements(run, read_report(run)))
    except (OSError, ValueError, KeyError, TypeError, CleanSplitError) as error:
        return [*wrong, f"reading stopped: {error}"]


def require_verified(run: Place, tell: Callable[[str], object]) -> None:
    """Tell each problem of a run, and raise `DataError` if there are any."""
    if wrong := verify_run(run):
        for problem in wrong:
            tell(problem)
        raise DataError(f"{run} has {counted(len(wrong), 'problem')}; run its command again to rebuild it.")


def _disagreements(run: Place, report: Report) -> Iterator[str]:
    yield from _members(run, report)
    raw = {name: at(run / "raw").matching(f"{name}-*.parquet") for name in SPLITS}
    for name in SPLITS:
        yield from _rows(f"raw {name}", raw[name], report.rows[name], report.classes)
    ids = {name: read_ids(raw[name]) for name in SPLITS}
    if sum(map(len, ids.values())) != len(pa.chunked_array([*ids.values()]).unique()):
        yield "raw: an id occurs more than once."
    removed = tables.read(run / "removed.parquet")
    yield from _twins(raw, ids, removed)
    for name in SPLITS:
        if left := at(run / "sanitized").matching(f"{name}-*.parquet"):
            yield from _rows(f"sanitized {name}", left, report.sanitized.near[name], report.classes)
            gone = removed.filter(pc.equal(removed["split"], name))["id"].combine_chunks()
            stays = pc.invert(pc.is_in(ids[name], value_set=gone)).to_numpy(zero_copy_only=False)
            if not _are_rows(left, raw[name], np.flatnonzero(stays)):
                yield f"sanitized {name} is not raw {name} without its removed rows."


def _are_rows(left: Sequence[Place], files: Sequence[Place], rows: RowNumbers) -> bool:
    if shape_of(left)[0] != len(rows):
        return False
    for start in range(0, len(rows), AT_ONCE):
        wanted = rows[start : start + AT_ONCE]
        images, expected = take_images(left, np.arange(start, start + len(wanted))), take_images(files, wanted)
        if not images.ids.equals(expected.ids) or not np.array_equal(images.gray, expected.gray):
            return False
    return True


def _members(run: Place, report: Report) -> Iterator[str]:
    """Yield a sentence if members are not conserved, or quarantine.parquet lacks refused ones."""
    refused = tables.read(run / "quarantine.parquet")
    named = Counter(zip(*(refused[column].to_pylist() for column in ("role", "class_name", "outcome")), strict=True))
    for row in report.conservation:
        where = f"{row.role} {row.class_name or 'outside the classes'}"
        if row.members != row.accepted + row.quarantined + row.ignored:
            yield f"{where}: the outcomes of {row.members:,} members do not add up."
        for outcome in ("quarantined", "ignored"):
            count, expected = named[row.role, row.class_name, outcome], getattr(row, outcome)
            if count != expected:
                yield f"{where}: {expected:,} are {outcome}, but quarantine.parquet names {count:,}."


def _rows(what: str, files: Sequence[Place], count: int, classes: Sequence[str]) -> Iterator[str]:
    rows, _ = shape_of(files)
    if rows != count:
        yield f"{what} has {rows:,} rows, but the report says {count:,}."
    names = pa.array(classes, pa.string())
    for file in files:
        table = tables.read(file, ["class_name", "label"])
        labels = table["label"].to_numpy()
        known = ((labels >= 0) & (labels < len(names))).all()
        if not known or not names.take(pa.array(labels)).equals(table["class_name"].combine_chunks()):
            yield f"{what} has labels that do not match its classes."
            return


def _twins(raw: dict[SplitName, list[Place]], ids: dict[SplitName, pa.Array], removed: pa.Table) -> Iterator[str]:
    """Yield a sentence if a removed row or its duplicate does not exist, or an exact duplicate has other pixels."""
    for split, other in ((split, other) for split in SPLITS for other in SPLITS):
        pairs = removed.filter(pc.and_(pc.equal(removed["split"], split), pc.equal(removed["twin_split"], other)))
        here = pc.index_in(pairs["id"].combine_chunks(), value_set=ids[split])
        there = pc.index_in(pairs["twin_id"].combine_chunks(), value_set=ids[other])
        if here.null_count or there.null_count:
            yield f"removed.parquet names rows that {split} or {other} does not have."
            continue
        exact = np.flatnonzero(pc.equal(pairs["reason"], "exact").to_numpy())
        for start in range(0, len(exact), AT_ONCE):
            part = exact[start : start + AT_ONCE]
            ends = (raw[split], here), (raw[other], there)
            one, two = (take_images(files, rows.to_numpy()[part]) for files, rows in ends)
            if not np.array_equal(one.gray, two.gray):
                yield f"removed.parquet lists rows of {split} as exact duplicates of rows in {other} with other pixels."
                break
