"""Write the splits of a published run in the forms that others read.

    course   notMNIST.pickle and notMNIST_sanitized.pickle, one dict of arrays each, as the notMNIST course's notebook
             writes them; Python 2's pickle reads them, too
    npz      the same arrays as .npz
    folder   raw/ and sanitized/, each with one folder per split and class of files (torchvision's ImageFolder):
             PNGs of glyphs, the originals of pictures
    links    the same as hard links to the originals
    parquet  the files inside Parquet, which `datasets` shows as images

Files are written a row group at a time, beside their place, and renamed.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError, UsageError
from tasks.images import iterate_images, normalize, read_ids, read_labels, shape_of
from tasks.records import SPLITS, Archive
from tasks.spec import SplitName
from tasks.splits.encoded import write_encoded
from tasks.splits.originals import Originals
from tasks.splits.pickling import write_pickle
from tasks.store import link, storage_errors
from tasks.workspace import require_space

Format = Literal["course", "npz", "folder", "links", "parquet"]
Files = dict[SplitName, list[Path]]
SETS = ("raw", "sanitized")
FILES = {"raw": "notMNIST", "sanitized": "notMNIST_sanitized"}
SHORT: dict[SplitName, str] = {"train": "train", "validation": "valid", "test": "test"}  # the course's names
PER_FILE = 4096  # bytes that a small file takes on most file systems


@dataclass(frozen=True)
class Column:
    """An array too large for memory: its shape, its type, and its bytes, a piece at a time."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: Callable[[], Iterator[NDArray[Any]]]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


def export_run(
    run: Path, form: Format, out: Path, classes: Sequence[str], archives: Sequence[Archive] = ()
) -> list[Path]:
    """Write the splits of a run into a folder that does not exist yet.

    Parameters
    ----------
    run : Path
        Folder of a published run.
    form : {"course", "npz", "folder", "links", "parquet"}
    out : Path
    classes : sequence of str
        Names of the labels.
    archives : sequence of Archive
        Where the originals of a run of pictures lie.

    Returns
    -------
    list of Path
        What was written: files, or the folders of the sets.

    Raises
    ------
    UsageError
        When `out` is there already, or there is nothing to link.
    DataError
        When a file of the run or of its sources is missing, damaged or changed.
    """
    if out.exists():
        raise UsageError(f"{out} is there already; choose another --out.")
    originals = Originals(archives) if form in ("folder", "links", "parquet") else Originals(())
    if form == "links" and not originals.linkable:
        raise UsageError(
            f"{run.name} is not made of folders of pictures, so nothing can be linked; use folder instead."
        )
    part = out.with_name(f".{out.name}.part")
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            for name in SETS:
                files = {split: files_of(run, name, split) for split in SPLITS}
                require_space(out.parent, _bytes_of(files, form, originals), f"export as {form}")
                if form in ARRAYS:
                    ARRAYS[form](files, part, name)
                elif form == "parquet":
                    for split, paths in files.items():
                        write_encoded(paths, split, classes, originals, part / name)
                else:
                    write_folder(files, part / name, originals, linked=form == "links")
            part.rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return sorted(out.iterdir())


def files_of(run: Path, name: str, split: SplitName) -> list[Path]:
    """Return the Parquet files of a split; a sanitized set takes over the splits that lost no rows.

    Raises
    ------
    DataError
        When there are none.
    """
    for folder in dict.fromkeys((name, "raw")):
        if files := sorted((run / folder).glob(f"{split}-*.parquet")):
            return files
    raise DataError(f"{run} has no {name}/{split}-*.parquet; is it the folder of a run?")


def columns_of(files: Files) -> dict[str, Column]:
    """Return the course's six arrays: datasets float32 (n, side, side) in [-0.5, 0.5], labels int32 (n,)."""
    columns = {}
    for split, paths in files.items():
        rows, side = shape_of(paths)
        pixels, labels = partial(_pixels, paths), partial(_labels, paths)
        columns[f"{SHORT[split]}_dataset"] = Column((rows, side, side), np.dtype(np.float32), pixels)
        columns[f"{SHORT[split]}_labels"] = Column((rows,), np.dtype(np.int32), labels)
    return columns


def write_course(files: Files, folder: Path, name: str) -> None:
    """Write one set as a pickled dict of the course's six arrays."""
    with (folder / f"{FILES[name]}.pickle").open("wb") as out:
        write_pickle(columns_of(files), out)


def write_npz(files: Files, folder: Path, name: str) -> None:
    """Write one set as .npz, which `numpy.load` reads without pickle."""
    with zipfile.ZipFile(folder / f"{FILES[name]}.npz", "w") as archive:
        for key, column in columns_of(files).items():
            entry = zipfile.ZipInfo(f"{key}.npy")  # its date is fixed: the same rows give the same bytes
            with archive.open(entry, "w", force_zip64=True) as out:
                header = {"descr": column.dtype.str, "fortran_order": False, "shape": column.shape}
                np.lib.format.write_array_header_1_0(out, header)
                for piece in column.pieces():
                    out.write(piece.tobytes())


def write_folder(files: Files, folder: Path, originals: Originals, linked: bool) -> None:
    """Write one set as files by split and class, under the names that the members had."""
    for split, paths in files.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        for part in iterate_images(paths):
            for image, data, source in originals.read(part):
                _, letter, member = image.split("/", 2)
                target = folder / split / PurePosixPath(letter, member)
                target.parent.mkdir(parents=True, exist_ok=True)
                if linked and source is not None:
                    link(source, target)
                    continue
                with target.open("xb") as out:  # names that differ in case alone are one on some file systems
                    out.write(data)


ARRAYS: dict[Format, Callable[[Files, Path, str], None]] = {"course": write_course, "npz": write_npz}


def _pixels(paths: list[Path]) -> Iterator[NDArray[Any]]:
    return (normalize(images.gray) for images in iterate_images(paths))


def _labels(paths: list[Path]) -> Iterator[NDArray[Any]]:
    yield read_labels(paths).astype(np.int32)


def _bytes_of(files: Files, form: Format, originals: Originals) -> int:
    """Return about how many bytes a set takes in a form."""
    if form in ARRAYS:
        return sum(column.nbytes for column in columns_of(files).values())
    least = 0 if form == "parquet" else PER_FILE
    sizes = (size for paths in files.values() for size in originals.sizes(read_ids(paths)))
    return sum(max(size if form != "links" else 0, least) for size in sizes)
