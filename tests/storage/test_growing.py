"""A file is read while it is written: the reader waits for what is not there yet."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.storage import disk
from tasks.storage.place import Place

PIECES = [bytes([number]) * 5000 for number in range(8)]
WHOLE = b"".join(PIECES)


def write(path: Path, growing: disk.Growing) -> None:
    """Write the pieces, each after a while."""
    with path.open("ab", buffering=0) as file:
        for piece in PIECES:
            time.sleep(0.02)
            file.write(piece)
    growing.whole.set()


def backwards(growing: disk.Growing) -> bytes:
    """Read the end first, then all before it."""
    growing.seek(-100, io.SEEK_END)
    end = growing.read(200)
    growing.seek(0)
    return growing.read(len(WHOLE) - 100) + end


READERS: dict[str, Callable[[disk.Growing], bytes]] = {
    "all": lambda growing: growing.read(),
    "as much as there is": lambda growing: growing.read(2 * len(WHOLE)),
    "small pieces": lambda growing: b"".join(iter(lambda: growing.read(777), b"")),
    "from the end": backwards,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
def test_nothing_is_missed_whichever_way_it_is_read(tmp_path: Path, read: Callable[[disk.Growing], bytes]) -> None:
    path = tmp_path / "file"
    path.touch()
    with disk.Growing(Place.of(path)) as growing:
        writer = threading.Thread(target=write, args=(path, growing))
        writer.start()
        assert read(growing) == WHOLE
        writer.join()


def test_what_is_there_is_read_before_the_rest_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    with disk.Growing(Place.of(path)) as growing:
        assert growing.read(len(WHOLE)) == WHOLE


def test_a_file_that_is_given_up_ends_where_it_does(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    with disk.Growing(Place.of(path)) as growing:
        threading.Timer(0.05, growing.whole.set).start()
        assert growing.read(2 * len(WHOLE)) == WHOLE
        assert growing.read(1) == b""
