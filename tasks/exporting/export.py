"""Write the splits of a published run in the forms that others read.

    course   notMNIST.pickle and notMNIST_sanitized.pickle, one dict of arrays each, as the notMNIST course's notebook
             writes them; Python 2's pickle reads them, too
    npz      the same arrays as .npz
    folder   raw/ and sanitized/, each with one folder per split and class of files (torchvision's ImageFolder):
             PNGs of glyphs, the originals of photographs
    links    the same as hard links to the originals
    parquet  the files inside Parquet, which `datasets` shows as images

Files are written a row group at a time, beside their place, and renamed.
"""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import write_csv

from tasks.errors import DataError, UsageError
from tasks.exporting.encoded import write_encoded
from tasks.exporting.names import check_names
from tasks.exporting.originals import Originals
from tasks.exporting.pickling import write_pickle
from tasks.records import Archive
from tasks.records.card import card_header
from tasks.storage import disk, tables
from tasks.storage.errors import storage_errors
from tasks.storage.image_files import iterate_images, read_ids, read_labels, shape_of
from tasks.storage.images import normalize
from tasks.storage.place import Place
from tasks.storage.stages import damaged_files, read_manifest
from tasks.storage.workspace import RUN_MANIFEST, require_space
from tasks.vocabulary import SPLITS, Format, SplitName
from tasks.vocabulary.arrays import AnyArray

Files = dict[SplitName, list[Place]]
GROUPS = "groups.parquet"  # of a run whose splits were drawn in groups
SETS = ("raw", "sanitized")
FILES = {"raw": "notMNIST", "sanitized": "notMNIST_sanitized"}
SHORT: dict[SplitName, str] = {"train": "train", "validation": "valid", "test": "test"}  # the course's names
PER_FILE = 4096  # bytes that a small file takes on most file systems


@dataclass(frozen=True)
class Column:
    """An array too large for memory: its shape, its type, and its bytes, a piece at a time."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: Callable[[], Iterator[AnyArray]]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


def export_run(
    run: Place, form: Format, out: Place, classes: Sequence[str], archives: Sequence[Archive] = ()
) -> list[Place]:
    """Write the splits of a run into a folder that does not exist yet.

    Parameters
    ----------
    run : Place
        Folder of a published run.
    form : {"course", "npz", "folder", "links", "parquet"}
    out : Place
    classes : sequence of str
        Names of the labels.
    archives : sequence of Archive
        Where the originals of a run of photographs lie.

    Returns
    -------
    list of Place
        What was written: files, or the folders of the sets.

    Raises
    ------
    UsageError
        When `out` is there already, or there is nothing to link.
    DataError
        When a file of the run or of its sources is missing, damaged or changed.
    """
    if disk.exists(out):
        raise UsageError(f"{out} is there already; choose another --out.")
    require_whole(run)
    groups = tables.read(run / GROUPS) if disk.exists(run / GROUPS) else None
    originals = Originals(archives if form not in ARRAYS else (), run.parent.parent)
    if form == "links" and not originals.linkable:
        raise UsageError(
            f"{run.last} was not made from folders of photographs, so nothing can be linked; use --format folder."
        )
    with storage_errors(out):
        disk.make_folder(out.parent)
        with disk.draft(out, exclusive=False) as draft:
            for name in SETS:
                files = {split: files_of(run, name, split) for split in SPLITS}
                require_space(out.parent, _bytes_of(files, form, originals), f"export as {form}")
                _write_set(files, form, name, classes, originals, groups, draft)
            if form == "parquet":
                folders = {name: dict.fromkeys(_splits_below(draft / name), name) for name in SETS}
                disk.write_text(draft / "README.md", "\n".join([*card_header(folders), ""]))
    return [out / name for name in disk.names_in(out)]


def _splits_below(folder: Place) -> list[SplitName]:
    return [split for split in SPLITS if disk.matching(folder, f"{split}-*.parquet")]


def require_whole(run: Place) -> None:
    """Refuse a run whose files are not as it was published: what they hold becomes names and content of files."""
    manifest = read_manifest(run / RUN_MANIFEST)
    if manifest is None:
        raise DataError(f"{run} is not the folder of a whole run: its {RUN_MANIFEST} is missing or was changed.")
    if wrong := damaged_files(run, manifest["files"]):
        raise DataError(f"{run}: {wrong[0]} Do the run again, which rebuilds it.")


def files_of(run: Place, name: str, split: SplitName) -> list[Place]:
    """Return the Parquet files of a split; a sanitized set takes over the splits that lost no rows.

    Raises
    ------
    DataError
        When there are none.
    """
    for folder in dict.fromkeys((name, "raw")):
        if files := disk.matching(run, f"{folder}/{split}-*.parquet"):
            return files
    raise DataError(f"{run} has no {name}/{split}-*.parquet; is it the folder of a run?")


def columns_of(files: Files) -> dict[str, Column]:
    """Return the course's six arrays: datasets float32 (n, side, side) in [-0.5, 0.5], labels int32 (n,)."""
    columns = {}
    for split, places in files.items():
        rows, side = shape_of(places)
        pixels, labels = partial(_pixels, places), partial(_labels, places)
        columns[f"{SHORT[split]}_dataset"] = Column((rows, side, side), np.dtype(np.float32), pixels)
        columns[f"{SHORT[split]}_labels"] = Column((rows,), np.dtype(np.int32), labels)
    return columns


def write_npz(columns: dict[str, Column], out: BinaryIO) -> None:
    """Write arrays as .npz, which `numpy.load` reads without pickle."""
    with zipfile.ZipFile(out, "w") as archive:
        for key, column in columns.items():
            entry = zipfile.ZipInfo(f"{key}.npy")  # its date is fixed: the same rows give the same bytes
            with archive.open(entry, "w", force_zip64=True) as member:
                header = {"descr": column.dtype.str, "fortran_order": False, "shape": column.shape}
                np.lib.format.write_array_header_1_0(member, header)
                for piece in column.pieces():
                    member.write(piece.tobytes())


ARRAYS: dict[Format, tuple[str, Callable[[dict[str, Column], BinaryIO], None]]] = {
    "course": ("pickle", write_pickle),
    "npz": ("npz", write_npz),
}


def write_group_list(files: Files, groups: pa.Table, target: Place) -> None:
    """Write the group of each file of a set as CSV, and its fold, if there are folds."""
    ids = pa.concat_arrays([read_ids(places) for places in files.values() if shape_of(places)[0]])
    splits = [split for split, places in files.items() for _ in range(shape_of(places)[0])]
    own = groups.drop_columns(["split"]).take(pc.index_in(ids, value_set=groups["id"].combine_chunks()))
    paths = [f"{split}/{name.split('/', 1)[1]}" for split, name in zip(splits, ids.to_pylist(), strict=True)]
    with disk.arrow_output(target) as out:
        write_csv(own.set_column(0, "file", pa.array(paths, pa.string())).sort_by("file"), out)


def write_folder(files: Files, folder: Place, originals: Originals, linked: bool) -> None:
    """Write one set as files by split and class, under the names that the members had."""
    for split, places in files.items():
        check_names(name.split("/", 1)[1] for name in (read_ids(places).to_pylist() if shape_of(places)[0] else []))
        disk.make_folder(folder / split)
        for original in originals.read(places):
            target = folder / split / original.id.split("/", 1)[1]
            if linked and original.place is not None:
                disk.link(original.place, target)
                continue
            disk.make_folder(target.parent)
            with disk.writing(target) as out:  # names that differ in case alone are one on some file systems
                out.write(original.data)


def _write_set(
    files: Files,
    form: Format,
    name: str,
    classes: Sequence[str],
    originals: Originals,
    groups: pa.Table | None,
    target: Place,
) -> None:
    if form in ARRAYS:
        ending, write = ARRAYS[form]
        with disk.writing(target / f"{FILES[name]}.{ending}") as out:
            write(columns_of(files), out)
    elif form == "parquet":
        for split, places in files.items():
            write_encoded(places, split, classes, originals, groups, target / name)
    else:
        write_folder(files, target / name, originals, linked=form == "links")
        if groups is not None:
            write_group_list(files, groups, target / name / "groups.csv")


def _pixels(places: list[Place]) -> Iterator[AnyArray]:
    return (normalize(images.gray) for images in iterate_images(places))


def _labels(places: list[Place]) -> Iterator[AnyArray]:
    yield read_labels(places).astype(np.int32)


def _bytes_of(files: Files, form: Format, originals: Originals) -> int:
    """Return about how many bytes a set takes in a form."""
    if form in ARRAYS:
        return sum(column.nbytes for column in columns_of(files).values())
    least = 0 if form == "parquet" else PER_FILE
    sizes = (size for places in files.values() for size in originals.sizes(read_ids(places)))
    return sum(max(size if form != "links" else 0, least) for size in sizes)
