"""The groups that a user names: fonts, a column, folders, cameras with the minute, patients, or a pattern on paths."""

import re
from collections.abc import Iterable, Sequence
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import UsageError
from tasks.records import LoadedSources, Overlap, Splits, between
from tasks.storage import Place, tables
from tasks.storage.image_files import images_in, paths_of, read_ids
from tasks.vocabulary import DICOM_GROUPS, EVALUATED, LOSES_TO, SPLITS

NO_NAMES = pa.schema({"id": pa.string(), "name": pa.string()}).empty_table()
MISSING = {  # why no image has a group
    "font": "name of an image gives a font",
    "group": "image has a group; --columns group=NAME names its column",
    "exif": "image has EXIF data with a camera and a time",
    **{name: f"image is a DICOM file with a {name.partition(':')[2]}" for name in DICOM_GROUPS},
}


def names_of_groups(ids: pa.Array, by: str, loaded: LoadedSources, workspace: Place) -> pa.Array:
    """Return the name of each row's group, string (rows,), null for a row without one.

    `by` is ``font``, of glyphs; ``group``, a column of the sources; ``folder``, of the file; ``exif``, the camera and
    the minute; an element of DICOM, such as ``dicom:PatientID``; or a regular expression on the path, whose first
    capture group counts. Raises `UsageError` if no row has a group.
    """
    photographs = [of.photographs for of in loaded.shards] if loaded.reading.kind == "photographs" else []
    columns = DICOM_GROUPS | {"exif": "taken"}
    named: dict[str, Iterable[pa.Table]] = {  # ids, and the names of their groups
        "font": (tables.read(workspace / of.table, ["id", "font"]) for of in loaded.fingerprints),
        "group": (images_in(workspace / of.index, of.role).select(["id", "group"]) for of in loaded.archives),
    }
    if by in columns:
        named[by] = (tables.read(workspace / name, ["id", columns[by]]) for name in photographs)
    if by in named:
        table = pa.concat_tables([NO_NAMES, *(part.rename_columns(NO_NAMES.column_names) for part in named[by])])
        names = table["name"].take(pc.index_in(ids, value_set=table["id"].combine_chunks())).combine_chunks()
    else:
        pattern = re.compile("^(.*)/" if by == "folder" else by)
        found = map(pattern.search, paths_of(ids).to_pylist())
        names = pa.array([match and match[1 if pattern.groups else 0] for match in found], pa.string())
    if names.null_count == len(names):
        other = f"path of an image matches; for a column, give `--columns {quote(f'group={by}')} --group-by group`"
        raise UsageError(f"--group-by {by}: no {MISSING.get(by, other)}.")
    return names


def write_shared(
    splits: Splits, overlaps: Sequence[Overlap], by: str, loaded: LoadedSources, workspace: Place, target: Place
) -> list[dict[str, Any]]:
    """Write one row per image and split that it shares a group with; return the fields of `SharedRows` of each pair.

    The table has ``id``, ``split``, ``group``, ``shared_with``, and whether that split also has a ``duplicate`` of the
    image. `overlaps` cover all pairs of splits; `by` is explained in `names_of_groups`.
    """
    ids = {name: read_ids(splits[name].places(workspace)) for name in SPLITS}
    every = pa.concat_arrays([*ids.values()])
    names = names_of_groups(every, by, loaded, workspace)
    counts, parts = [], []
    for one, other in [(name, earlier) for name in EVALUATED for earlier in LOSES_TO["train"][name]]:
        own, others = (names.take(pc.index_in(ids[split], value_set=every)) for split in (one, other))
        shares = pc.is_in(own, value_set=others.drop_null().unique())
        twins = tables.read(workspace / between(overlaps, one, other).table(one), ["exact", "near"])
        columns = {"id": ids[one], "split": pa.repeat(one, len(own)), "group": own}
        columns |= {"shared_with": pa.repeat(other, len(own)), "duplicate": pc.or_(twins["exact"], twins["near"])}
        found = pa.table(columns).filter(shares)
        parts.append(found)
        # A row without a group may share any, and every row may share that of such a row in the other split.
        undecided = len(own) - len(found) if others.null_count else own.null_count
        twice = pc.sum(found["duplicate"], min_count=0).as_py()
        counted = {"rows": len(own), "shared": len(found), "duplicates": twice}
        if len(own) and len(others):
            counts.append({"rows_of": one, "found_in": other, **counted, "undecided": undecided})
    tables.write(pa.concat_tables(parts), target)
    return counts
