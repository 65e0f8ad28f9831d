"""Files that pyarrow reads and writes; other modules that move files need no pyarrow, which takes a while to import."""

import pyarrow as pa

from tasks.storage import Place, at, disk


def reading(place: Place, *, mapped: bool = False) -> pa.NativeFile:
    """Open a file for pyarrow to read, or map it into memory; files of others in a bucket are read in parts."""
    if place.in_bucket and not place.published:
        return pa.PythonFile(at(place).reading(), "r")
    path = str(at(place).local())
    return pa.memory_map(path, "r") if mapped else pa.OSFile(path, "rb")


def writing(place: Place) -> pa.NativeFile:
    """Open a file of this machine for pyarrow to write."""
    return pa.OSFile(str(disk.path_of(place)), "wb")
