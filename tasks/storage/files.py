"""Read and write files, link, copy, move and remove them."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from io import BufferedReader
from typing import BinaryIO

import pyarrow as pa

from tasks.errors import StorageError
from tasks.storage.anywhere import anywhere, local
from tasks.storage.errors import storage_errors
from tasks.storage.place import Place


@anywhere
def read_bytes(place: Place) -> bytes:
    """Return the content of a file."""
    return local(place).read_bytes()


@anywhere
def contents(folder: Place, names: Iterable[str], limit: int) -> Iterator[bytes | OSError]:
    """Yield the content of each of some files, at most `limit` bytes of it, or why it can't be read."""
    for name in names:
        try:
            with local(folder / name).open("rb", buffering=0) as file:
                is_small = os.fstat(file.fileno()).st_size < limit
                # Python sets aside as much memory as it is asked to read, and for a megabyte takes longer than to read.
                yield file.readall()[:limit] if is_small else BufferedReader(file).read(limit)
        except OSError as error:
            yield error


def read_pieces(place: Place, size: int, numbers: Iterable[int]) -> Iterator[bytes]:
    """Read pieces of equal size from a file, by their numbers."""
    with reading(place) as file:
        for number in numbers:
            file.seek(number * size)
            yield file.read(size)


def read_text(place: Place) -> str:
    """Return the content of a text file, UTF-8."""
    return read_bytes(place).decode()


@anywhere
def reading(place: Place) -> BufferedReader:
    """Open a file to read it."""
    return local(place).open("rb")


def writing(place: Place) -> BinaryIO:
    """Open a new file to write it; one that is there is an error."""
    return local(place).open("xb")


def writing_over(place: Place) -> BinaryIO:
    """Open a file to write it anew, with the rights that the umask leaves."""
    local(place).unlink(missing_ok=True)
    return local(place).open("xb")


@anywhere
def arrow_input(place: Place) -> pa.NativeFile:
    """Open a file for pyarrow to read."""
    return pa.OSFile(str(local(place)), "rb")


@anywhere
def mapped(place: Place) -> pa.NativeFile:
    """Map a file into memory for pyarrow to read."""
    return pa.memory_map(str(local(place)), "r")


def arrow_output(place: Place) -> pa.NativeFile:
    """Open a file for pyarrow to write."""
    return pa.OSFile(str(local(place)), "wb")


def write_bytes(place: Place, data: bytes) -> None:
    """Write a file."""
    local(place).write_bytes(data)


def write_text(place: Place, text: str) -> None:
    """Write a text file, UTF-8."""
    local(place).write_text(text, encoding="utf-8")


def add_text(place: Place, text: str) -> None:
    """Add to a text file, UTF-8; it is made where it is missing."""
    with storage_errors(place), local(place).open("a", encoding="utf-8") as file:
        file.write(text)


def sha256_of(place: Place) -> str:
    """Return the sha256 (hex) of a file."""
    with reading(place) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(place: Place) -> None:
    """Make a folder and those above it, where they are missing."""
    local(place).mkdir(parents=True, exist_ok=True)


def link(source: Place, target: Place) -> None:
    """Make `target` the same file as `source`, or a copy of it where hard links don't work."""
    make_folder(target.parent)
    try:
        os.link(local(source), local(target))
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        shutil.copyfile(local(source), local(target))


def copy(source: Place, target: Place) -> None:
    """Copy a file."""
    make_folder(target.parent)
    shutil.copyfile(local(source), local(target))


def move(source: Place, target: Place) -> None:
    """Give a file another place on the same file system.

    Raises
    ------
    StorageError
        When that is on another one, where moving is copying and deleting.
    """
    try:
        local(source).rename(local(target))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise StorageError(
            f"{target.parent} is on another file system than {source}; choose a folder beside the source."
        ) from error


@contextlib.contextmanager
def folder_of(place: Place) -> Iterator[tuple[int, str]]:
    """Open the folder that holds a place, from its root on without following links; yield it, and the last name."""
    root, name = (place.root, place.name) if place.name else os.path.split(place.root)
    *above, last = name.split("/")
    opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in above:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened)
            os.close(opened)
            opened = below
        yield opened, last
    finally:
        os.close(opened)


def rename(place: Place, target: Place) -> None:
    """Give a file or folder another name below the same root."""
    with folder_of(place) as (here, name), folder_of(target) as (there, other):
        os.rename(name, other, src_dir_fd=here, dst_dir_fd=there)


def remove(place: Place) -> None:
    """Remove a file, a link, or a folder with all that it holds, where it is there.

    What a link leads to stays, even if the link is put in its place meanwhile.
    """
    with contextlib.suppress(FileNotFoundError), folder_of(place) as (folder, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)


def forget(places: Iterable[Place], workspace: Place) -> None:
    """Remove files and folders; each is renamed first, so none is ever seen half removed."""
    for place in places:
        gone = workspace / f".gone.{uuid.uuid4().hex}"
        with contextlib.suppress(FileNotFoundError):
            rename(place, gone)
            remove(gone)
