"""Images that are rows of something: of Parquet files, of arrays, of pickles, or named in a manifest.

Each form gives its rows names as if they were files, ``split/class/name``, with split and class left out where there
are none, and their bytes as those of an image file. What follows knows no other difference from a folder.
"""

from tasks.storage import disk
from tasks.storage.place import Place
from tasks.storage.rows import arrays, cifar, idx, manifest, parquet
from tasks.storage.rows.numbered import Rows

FORMS = (idx, cifar, arrays, parquet, manifest)  # each has `recognises` and `opened`


def open_rows(place: Place) -> Rows | None:
    """Return the rows of a source; None if it is no source of rows.

    Raises
    ------
    DataError
        When it is one, and is damaged or of a shape that is not read.
    """
    if not disk.exists(place):
        return None
    return next((form.opened(place) for form in FORMS if form.recognises(place)), None)
