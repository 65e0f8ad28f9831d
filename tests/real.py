"""Read the images of shared archives without the project's own loader."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def read_gray(path: Path) -> NDArray[np.uint8]:
    """Return every readable image of an archive in archive order, uint8 (n, side, side)."""
    return read_named(path)[1]


def read_named(path: Path) -> tuple[list[str], NDArray[np.uint8]]:
    """Return member names and images of an archive."""
    names, files = zip(*read_members(path), strict=True)
    return list(names), np.stack([np.asarray(Image.open(io.BytesIO(data))) for data in files])


def read_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every member that holds an image."""
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile() and member.size > 60:
                file = tar.extractfile(member)
                assert file is not None
                yield member.name, file.read()
