"""Images that are rows: of Parquet files, of arrays, of pickles, or of a manifest.

Each form names its rows like files, ``split/class/name``, without unknown parts, and gives their bytes like those of an
image file. So other modules treat a table like a folder.
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
from tasks.storage import Place, at


def open_rows(place: Place, columns: Columns) -> Rows | None:
    """Return the rows of a source; None if the source has another form.

    `columns` are the names of the columns of a table, unless they have usual names. Raises `DataError` for a damaged
    source or an unsupported shape, `UsageError` when a named column is missing.
    """
    if not at(place).expanded():
        return None
    for open_table in (open_parquet, open_saved, open_manifest):
        if rows := open_table(place, columns):
            return rows
    if columns:
        raise UsageError(f"{place} is not a table, so it has no columns; remove --columns.")
    for open_images in (open_idx, open_cifar, open_arrays):
        if rows := open_images(place):
            return rows
    return None
