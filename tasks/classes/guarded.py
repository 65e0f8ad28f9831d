"""The process of a guard, which ends with its parent: python -m tasks.classes.guarded FILE-DESCRIPTOR SECONDS."""

import json
import math
import mmap
import os  # noqa: TID251  # descriptors of this process
import resource
import sys
import tempfile  # noqa: TID251  # what is printed
from multiprocessing.connection import Connection
from pathlib import Path  # noqa: TID251  # of the system
from typing import BinaryIO

from tasks.classes.decoder import Photograph, photograph
from tasks.classes.png import UnreadableError

MEMORY = 1 << 30  # bytes for a file, in addition to the process itself
SAID = 200  # characters to keep of the output of libraries


def main() -> None:
    """Answer questions until the parent closes the connection."""
    connection, seconds = Connection(int(sys.argv[1])), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), sys.stderr.fileno())  # libtiff prints warnings without the name of the file
        while True:
            try:
                data, reduced, side = connection.recv()
            except EOFError:
                return
            _limit_memory()
            _limit_time(seconds)
            read = _read(data, reduced, side)
            _limit_time(None)
            if read is None:
                return
            connection.send_bytes(_answer(read, _taken_from(printed)))


def _read(data: bytes, reduced: bool, side: int) -> Photograph | UnreadableError | None:
    """Decode a file; return None if the system lacks the memory that a file may take."""
    try:
        return photograph(data, reduced, side)
    except UnreadableError as error:
        return error
    except MemoryError:
        pass  # release the traceback, which holds memory
    return UnreadableError("too_costly", f"more than {MEMORY >> 20} MiB") if _has_memory() else None


def _answer(read: Photograph | UnreadableError, printed: str) -> bytes:
    """Return an answer of plain JSON fields, which the guard can parse safely."""
    if isinstance(read, UnreadableError):
        return json.dumps([read.reason, read.detail]).encode()
    *facts, remark = read
    return json.dumps([*facts, remark or printed], default=bytes.hex).encode()


def _has_memory() -> bool:
    """Return whether the system has the memory that a file may take, beyond our own limit."""
    _limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)
    try:
        mmap.mmap(-1, MEMORY, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError:
        return False
    return True


def _limit_memory() -> None:
    """Limit this process to a gigabyte more than it has now, if the system reports its size."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return
    _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY)


def _limit_time(seconds: int | None) -> None:
    """Let the system kill this process after this processor time for the next file; None removes the limit."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = math.ceil(used.ru_utime + used.ru_stime)
    _limit(resource.RLIMIT_CPU, resource.RLIM_INFINITY if seconds is None else spent + seconds)


def _limit(what: int, value: int) -> None:
    """Set a limit, as far as the hard limit of this process allows."""
    highest = resource.getrlimit(what)[1]
    limits = [limit for limit in (value, highest) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(what, (min(limits, default=resource.RLIM_INFINITY), highest))


def _taken_from(printed: BinaryIO) -> str:
    """Return the output since the previous call, in one line."""
    printed.seek(0)
    text = printed.read(4 * SAID).decode("utf-8", "replace")
    printed.seek(0)
    printed.truncate()
    return " ".join(text.split())[:SAID]


if __name__ == "__main__":
    main()
