"""The groups that a user names: fonts, a column, folders, cameras with the minute, or a pattern on paths."""

import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import DataError
from tasks.records import Archive, LoadedSources
from tasks.storage import tables
from tasks.storage.image_files import paths_of
from tasks.storage.place import Place

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
    if by == "font":
        parts = (tables.read(workspace / of.table, ["id", "font"]) for of in loaded.fingerprints)
        names = _looked_up(ids, "font", parts)
    elif by == "group":
        names = _looked_up(ids, "group", (_of_index(archive, workspace) for archive in loaded.archives))
    elif by == "exif":
        shards = loaded.shards if loaded.reading.kind == "photographs" else ()
        parts = (tables.read(workspace / shard.photographs, ["id", "taken"]) for shard in shards)
        names = _looked_up(ids, "taken", parts)
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


def _looked_up(ids: pa.Array, column: str, parts: Iterable[pa.Table]) -> pa.Array:
    nothing = pa.table({name: pa.array([], pa.string()) for name in ("id", column)})
    table = pa.concat_tables([nothing, *parts])
    return table[column].take(pc.index_in(ids, value_set=table["id"].combine_chunks())).combine_chunks()
