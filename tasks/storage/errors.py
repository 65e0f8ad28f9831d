"""One sentence for each storage error of the operating system, and whether a retry may help."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import StorageError
from tasks.storage.place import Place

TROUBLE: dict[int, tuple[str, bool]] = {  # errno -> sentence, and whether a retry may succeed
    errno.ENOSPC: ("no space is left on the device", False),
    errno.EDQUOT: ("the disk quota is used up", False),
    errno.EFBIG: ("a file would pass the size limit", False),
    errno.EROFS: ("the file system is read-only", False),
    errno.EACCES: ("permission is denied", False),
    errno.EPERM: ("permission is denied", False),
    errno.ELOOP: ("a symbolic link is where a file should be", False),
    errno.ENAMETOOLONG: ("a name is too long for the file system", False),
    errno.ENOTDIR: ("a file is where a folder should be", False),
    errno.EEXIST: ("a file is where a folder should be", False),
    errno.ENOTEMPTY: ("a folder that is not empty is in the way", False),
    errno.EIO: ("the device reports an input/output error", True),
    errno.ESTALE: ("the network share lost track of the file", True),
    errno.ETIMEDOUT: ("the device or network share did not answer in time", True),
    errno.EAGAIN: ("the device or network share is busy", True),
}


@contextmanager
def storage_errors(place: Place) -> Iterator[None]:
    """Turn a storage error of the operating system into a `StorageError` of one sentence.

    It names the file of the original error, or else `place`.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in TROUBLE:
            raise
        sentence, heals = TROUBLE[error.errno]
        where = error.filename or place
        raise StorageError(f"cannot use {where}: {sentence}; fix that or choose another --workspace.", heals) from error
