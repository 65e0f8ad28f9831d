"""One sentence for each storage error of the operating system, and whether a retry may help."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import StorageError
from tasks.storage.place import Place

HEALS = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN}  # a retry may succeed
TROUBLE = HEALS | {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG,
    errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY,
}  # fmt: skip
CLEARER = dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "a file is where a folder should be") | {
    errno.ELOOP: "a symbolic link is where a file should be"
}


@contextmanager
def storage_errors(place: Place) -> Iterator[None]:
    """Turn a storage error of the operating system into a `StorageError` of one sentence.

    It names the file of the original error, or else `place`.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.errno not in TROUBLE:
            raise
        where, why = error.filename or place, CLEARER.get(error.errno, os.strerror(error.errno).lower())
        heals = error.errno in HEALS
        raise StorageError(f"cannot use {where}: {why}; fix that or choose another --workspace.", heals) from error
