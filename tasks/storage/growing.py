"""Read a file while another thread writes it."""

import io
import threading
from typing import Any, BinaryIO, cast

from tasks.storage import disk
from tasks.storage.place import Place

SECONDS_BETWEEN_LOOKS = 0.5  # at the limit of a task, which ends it at its next step in Python


class Growing:
    """What is known of a file that is being written; to be told by the thread that writes it."""

    def __init__(self) -> None:
        self.size, self._whole, self._change = 0, False, threading.Condition()

    def grown(self, size: int) -> None:
        """Say that the file has so many bytes, which can be read."""
        with self._change:
            self.size = size
            self._change.notify_all()

    def ended(self) -> None:
        """Say that nothing more will be written."""
        with self._change:
            self._whole = True
            self._change.notify_all()

    def wait(self, beyond: int | None) -> None:
        """Wait until the file has more than so many bytes, or has ended; of None, until it has ended."""
        with self._change:
            while not self._whole and (beyond is None or self.size <= beyond):
                self._change.wait(SECONDS_BETWEEN_LOOKS)

    def reading(self, place: Place) -> BinaryIO:
        """Open the file; what is asked for is waited for."""
        self.wait(beyond=0)
        return cast(BinaryIO, io.BufferedReader(_Reader(self, disk.reading(place))))


class _Reader(io.RawIOBase):
    def __init__(self, growing: Growing, file: BinaryIO) -> None:
        self._growing, self._file = growing, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        at = self._file.tell()
        self._growing.wait(beyond=at)
        data = self._file.read(min(len(buffer), max(self._growing.size - at, 0)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            self._growing.wait(beyond=None)
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()
