from pathlib import Path

import numpy as np
import pytest

from tasks.arrays import Gray
from tasks.errors import DataError
from tasks.storage import disk
from tasks.storage.copies import COPY_SIDE, Copies
from tasks.storage.place import Place
from tests.build import colourless

SIZES = (5, 1, 8)  # copies in each file


def written(folder: Path) -> tuple[list[Place], list[Gray]]:
    """Write files of different copies."""
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 256, (size, COPY_SIDE, COPY_SIDE), dtype=np.uint8) for size in SIZES]
    files = [Place.of(folder) / f"{number}.gray" for number in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        with disk.writing(file) as target:
            target.write(part.tobytes())
    return files, parts


def facts(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    colours, ones = colourless(count)[:, :32], np.ones(count, np.float32)
    return ones, np.zeros(count, np.bool_), colours, ones


def test_copies_are_read_from_several_files_in_any_order_and_more_than_once(tmp_path: Path) -> None:
    files, parts = written(tmp_path)
    rng = np.random.default_rng(1)
    for count in (0, 1, 200):
        file = rng.integers(0, len(files), count)
        place = rng.integers(0, np.array(SIZES)[file])
        copies = Copies(files, file, place, *facts(count))
        truth = np.array([parts[f][p] for f, p in zip(file, place, strict=True)], np.uint8)
        read = copies.read()
        assert len(copies) == count
        assert (read.shape, read.dtype) == ((count, COPY_SIDE, COPY_SIDE), np.dtype(np.uint8))
        assert (read == truth.reshape(read.shape)).all()
        rows = rng.permutation(count)[:50]
        assert (copies.take(rows).read() == read[rows]).all()


@pytest.mark.parametrize("left", [4 * COPY_SIDE**2, 5 * COPY_SIDE**2 - 1, 0])
def test_a_file_that_was_cut_is_named(tmp_path: Path, left: int) -> None:
    files, parts = written(tmp_path)
    path = Path(str(files[0]))
    path.write_bytes(path.read_bytes()[:left])
    copies = Copies(files, np.array([2, 0, 1, 0]), np.array([3, 4, 0, 0]), *facts(4))
    with pytest.raises(DataError, match=r"0\.gray is damaged or gone; do the run again"):
        copies.read()
    assert (copies.take(np.array([0, 2])).read() == np.stack([parts[2][3], parts[1][0]])).all(), "others can be read"


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    files, _ = written(tmp_path)
    Path(str(files[1])).unlink()
    with pytest.raises(DataError, match=r"1\.gray is damaged or gone"):
        Copies(files, np.array([0, 1]), np.array([0, 0]), *facts(2)).read()
