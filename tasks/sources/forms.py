"""Images that are rows of something: of Parquet files, of arrays, of pickles, or named in a manifest.

Each form gives its rows names as if they were files, ``split/class/name``, with split and class left out where there
are none, and their bytes as those of an image file. What follows knows no other difference from a folder.
"""

from tasks.columns import Columns
from tasks.errors import UsageError
from tasks.sources import arrays, cifar, idx, manifest, parquet, saved
from tasks.sources.numbered import Rows
from tasks.storage.place import Place
from tasks.storage.stores import at

ARRAYS, TABLES = (idx, cifar, arrays), (parquet, saved, manifest)  # each has `recognises` and `opened`


def open_rows(place: Place, columns: Columns) -> Rows | None:
    """Return the rows of a source; None if it is no source of rows.

    Parameters
    ----------
    place : Place
    columns : Columns
        Names of the columns of a table, where they are not the usual ones.

    Raises
    ------
    DataError
        When it is one, and is damaged or of a shape that is not read.
    UsageError
        When columns are named, and it has none of these names, or no columns at all.
    """
    if not at(place).expanded():
        return None
    for table in TABLES:
        if table.recognises(place, columns):
            return table.opened(place, columns)
    if columns:
        raise UsageError(f"{place} is no table, so it has no columns; leave --columns out.")
    return next((form.opened(place) for form in ARRAYS if form.recognises(place)), None)
