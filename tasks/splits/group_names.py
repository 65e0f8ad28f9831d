"""The groups that a user names: fonts, a column, folders, cameras with the minute, or a pattern on paths."""

import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import DataError
from tasks.records import Archive, LoadedSources
from tasks.storage import Place, tables
from tasks.storage.image_files import paths_of

NOTHING = pa.schema({"id": pa.string(), "name": pa.string()}).empty_table()
MISSING = {  # why no image has a group
    "font": "name of an image gives a font",
    "group": "image has a group; --columns group=NAME names its column",
    "exif": "image has EXIF data with a camera and a time",
}


def names_of_groups(ids: pa.Array, by: str, loaded: LoadedSources, workspace: Place) -> pa.Array:
    """Return the name of each row's group, string (rows,), null for a row without one.

    `by` is ``font``, of glyphs; ``group``, a column of the sources; ``folder``, of the file; ``exif``, the camera and
    the minute; or a regular expression on the path, whose first capture group counts. Raises `DataError` if no row has
    a group.
    """
    photographs = loaded.shards if loaded.reading.kind == "photographs" else ()
    named: dict[str, Iterable[pa.Table]] = {  # ids, and the names of their groups
        "font": (tables.read(workspace / of.table, ["id", "font"]) for of in loaded.fingerprints),
        "group": (_of_index(archive, workspace) for archive in loaded.archives),
        "exif": (tables.read(workspace / of.photographs, ["id", "taken"]) for of in photographs),
    }
    if by in named:
        table = pa.concat_tables([NOTHING, *(part.rename_columns(NOTHING.column_names) for part in named[by])])
        names = table["name"].take(pc.index_in(ids, value_set=table["id"].combine_chunks())).combine_chunks()
    else:
        pattern = re.compile("^(.*)/" if by == "folder" else by)
        found = map(pattern.search, paths_of(ids).to_pylist())
        names = pa.array([match and match[1 if pattern.groups else 0] for match in found], pa.string())
    if names.null_count == len(names):
        raise DataError(f"--group-by {by}: no {MISSING.get(by, 'path of an image matches')}.")
    return names


def _of_index(archive: Archive, workspace: Place) -> pa.Table:
    is_image = pc.field("outcome").is_null() & pc.field("class_name").is_valid()
    index = tables.read(workspace / archive.index, ["class_name", "member", "group", "outcome"], filters=is_image)
    ids = pc.binary_join_element_wise(archive.role, index["class_name"], index["member"], "/")
    return pa.table({"id": ids, "group": index["group"]})
