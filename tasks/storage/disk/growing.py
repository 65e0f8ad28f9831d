"""Read a file while it is being written."""

import io
import os
import threading

from tasks.storage.disk.files import reading
from tasks.storage.place import Place

SECONDS_BETWEEN_LOOKS = 0.005


class Growing(io.BufferedReader):
    """A file that grows at its end: who reads waits for what is not there yet, until `whole` is set."""

    def __init__(self, place: Place) -> None:
        super().__init__(reading(place).detach())
        self.whole = threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes, fewer at the end of the whole file."""
        if size is None or size < 0:
            self.whole.wait()
        else:
            end = self.tell() + size
            while os.fstat(self.fileno()).st_size < end and not self.whole.wait(SECONDS_BETWEEN_LOOKS):
                pass
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, for which the file is waited for if it is counted from its end."""
        if whence == io.SEEK_END:
            self.whole.wait()
        return super().seek(offset, whence)
