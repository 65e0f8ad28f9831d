"""Read the images of shared archives without the project's own loader."""

import io
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def read_gray(path: Path) -> NDArray[np.uint8]:
    """Return every readable image of an archive in archive order, uint8 (n, side, side)."""
    return read_named(path)[1]


def read_named(path: Path) -> tuple[list[str], NDArray[np.uint8]]:
    """Return member names and images of an archive."""
    names, images = [], []
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile() and member.size > 60:
                file = tar.extractfile(member)
                assert file is not None
                names.append(member.name)
                images.append(np.asarray(Image.open(io.BytesIO(file.read()))))
    return names, np.stack(images)
