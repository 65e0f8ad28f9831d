"""Images that are rows of something: of Parquet files, of arrays, of pickles, or named in a manifest.

Each form gives its rows names as if they were files, ``split/class/name``, with split and class left out where there
are none, and their bytes as those of an image file. What follows knows no other difference from a folder.
"""

from tasks.columns import Columns
from tasks.errors import UsageError
from tasks.sources.arrays import open_arrays
from tasks.sources.cifar import open_cifar
from tasks.sources.idx import open_idx
from tasks.sources.manifest import open_manifest
from tasks.sources.numbered import Rows
from tasks.sources.parquet import open_parquet
from tasks.sources.saved import open_saved
from tasks.storage.place import Place
from tasks.storage.stores import at


def open_rows(place: Place, columns: Columns) -> Rows | None:
    """Return the rows of a source; None if the source has another form.

    `columns` are the names of the columns of a table, where they are not the usual ones. Raises `DataError` when the
    source is damaged or of a shape that is not read, `UsageError` when it has no column that is named.
    """
    if not at(place).expanded():
        return None
    for open_table in (open_parquet, open_saved, open_manifest):
        if rows := open_table(place, columns):
            return rows
    if columns:
        raise UsageError(f"{place} is no table, so it has no columns; leave --columns out.")
    for open_images in (open_idx, open_cifar, open_arrays):
        if rows := open_images(place):
            return rows
    return None
