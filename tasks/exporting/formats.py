"""Write splits as Parquet for `datasets`, as .npz, or as a pickle for Python 2 and 3, without a whole array in memory.

`pickle` writes the small objects; this module writes the opcodes around the bytes of an array. Protocol 2 lacks bytes:
like Python 3, we write text and let the reader encode it. See pickletools in the standard library.
"""

import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from tasks.arrays import AnyArray
from tasks.classes.decoder import decode
from tasks.errors import UsageError
from tasks.exporting.originals import BATCH_BYTES, BATCH_ROWS, Originals, cut
from tasks.storage import Place, disk, tables
from tasks.storage.image_files import iterate_images, read_ids, read_labels, shape_of
from tasks.storage.images import for_datasets, normalize
from tasks.vocabulary import Format, SplitName

SplitFiles = dict[SplitName, list[Place]]
SHORT: dict[SplitName, str] = {"train": "train", "validation": "valid", "test": "test"}  # names in the course
MAX_BYTES_PER_FILE = 500_000_000  # of Parquet; the advice of the Hugging Face Hub
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
MOST_TEXT = 2**32 - 1  # bytes of a text in protocol 2
PROTOCOL = 2
RECONSTRUCT = b"numpy.core.multiarray\n_reconstruct\n"  # every version of numpy has it there


@dataclass(frozen=True)
class Column:
    """An array that may exceed memory: its shape, its type, and its pieces."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: Callable[[], Iterator[AnyArray]]


def columns_of(files: SplitFiles, originals: Originals) -> dict[str, Column]:
    """Return the images and the labels of each split, under the course's names.

    Labels are int32 (n,). Glyphs are float32 (n, side, side) in [-0.5, 0.5]. Photographs are decoded as uint8
    (n, height, width) or (n, height, width, 3); raises `UsageError` if their sizes differ.
    """
    columns = {}
    for split, places in files.items():
        rows, side = shape_of(places)
        shape, kind = ((side, side), np.float32) if originals.index is None else (originals.shape, np.uint8)
        images = Column((rows, *shape), np.dtype(kind), partial(_images, places, originals))
        columns[f"{SHORT[split]}_dataset"] = images
        columns[f"{SHORT[split]}_labels"] = Column((rows,), np.dtype(np.int32), partial(_labels, places))
    return columns


def names_of(classes: Sequence[str]) -> dict[str, Column]:
    """Return the names of the classes, text (classes,), in the order of the labels, which the course's files lack."""
    names = np.array(classes, np.str_)
    return {"class_names": Column(names.shape, names.dtype, lambda: iter([names]))}


def write_npz(columns: dict[str, Column], out: BinaryIO) -> None:
    """Write arrays as .npz; `numpy.load` reads them without pickle."""
    with zipfile.ZipFile(out, "w") as archive:
        for key, column in columns.items():
            entry = zipfile.ZipInfo(f"{key}.npy")  # with a fixed date, so that equal rows give equal bytes
            with archive.open(entry, "w", force_zip64=True) as member:
                header = {"descr": column.dtype.str, "fortran_order": False, "shape": column.shape}
                np.lib.format.write_array_header_1_0(member, header)
                for piece in column.pieces():
                    member.write(piece.tobytes())


def write_pickle(arrays: Mapping[str, Column], out: BinaryIO) -> None:
    """Write a dict of arrays; raises `UsageError` if an array is too large for protocol 2."""
    out.write(pickle.PROTO + bytes([PROTOCOL]) + pickle.EMPTY_DICT + pickle.MARK)
    for name, array in arrays.items():
        out.write(_pickled(name))
        _write_array(array, out)
    out.write(pickle.SETITEMS + pickle.STOP)


ARRAYS: dict[Format, tuple[str, Callable[[dict[str, Column], BinaryIO], None]]] = {
    "course": ("pickle", write_pickle),
    "npz": ("npz", write_npz),
}


def _images(places: list[Place], originals: Originals) -> Iterator[AnyArray]:
    if originals.index is None:
        return (normalize(images.gray) for images in iterate_images(places))
    mode = "RGB" if len(originals.shape) == 3 else "L"
    return (np.asarray(decode(each.data, reduced=False).image.convert(mode)) for each in originals.read(places))


def _labels(places: list[Place]) -> Iterator[AnyArray]:
    yield read_labels(places).astype(np.int32)


def _write_array(array: Column, out: BinaryIO) -> None:
    """Write ``_reconstruct(ndarray, (0,), "b")`` and its state; the bytes are ``codecs.encode(text, "latin1")``."""
    made_from = _pickled(np.ndarray) + _pickled((0,)) + _pickled(b"b") + pickle.TUPLE3
    out.write(pickle.GLOBAL + RECONSTRUCT + made_from + pickle.REDUCE)
    out.write(pickle.MARK + _pickled(1) + _pickled(array.shape) + _pickled(array.dtype) + pickle.NEWFALSE)
    size = sum(piece.nbytes + int((np.frombuffer(piece.tobytes(), np.uint8) > 127).sum()) for piece in array.pieces())
    if size > MOST_TEXT:
        raise UsageError(f"an array of shape {array.shape} is too large for this pickle; use --format npz.")
    out.write(pickle.GLOBAL + b"_codecs\nencode\n" + pickle.BINUNICODE + struct.pack("<I", size))
    for piece in array.pieces():
        out.write(piece.tobytes().decode("latin1").encode("utf-8"))
    out.write(_pickled("latin1") + pickle.TUPLE2 + pickle.REDUCE)
    out.write(pickle.TUPLE + pickle.BUILD)


def _pickled(value: Any) -> bytes:
    """Return the opcodes of a small object, without the first and the last opcode of a pickle."""
    return pickle.dumps(value, PROTOCOL)[2:-1]


def write_encoded(
    parts: Sequence[Place], split: str, classes: Sequence[str], originals: Originals, groups: pa.Table | None, to: Place
) -> None:
    """Write ``split-00000-of-0000N.parquet`` with the columns ``id``, ``image`` (bytes and path) and ``label``.

    A split without rows gets no file, because `datasets` refuses an empty one. `parts` are the Parquet files of the
    split. `groups` has the group and fold of every image, which become columns; it is None for ungrouped splits.
    """
    disk.make_folder(to)
    sizes = originals.sizes(ids := read_ids(parts))
    own: list[dict[str, int]] = [{}] * len(ids)
    if groups is not None:
        of_ids = groups.take(pc.index_in(ids, value_set=groups["id"].combine_chunks()))
        own = of_ids.drop_columns(["id", "split"]).to_pylist()
    more = dict.fromkeys(own[0] if own else (), pa.int64())
    columns = for_datasets({"id": pa.string(), "image": IMAGE, "label": pa.int64(), **more}, classes)
    rows = (
        {"id": one.id, "image": {"bytes": one.data, "path": one.id.split("/", 1)[1]}, "label": label, **numbers}
        for one, label, numbers in zip(originals.read(parts), read_labels(parts).tolist(), own, strict=True)
    )
    files = cut(sizes, MAX_BYTES_PER_FILE, len(sizes))
    for number, (start, end) in enumerate(files):
        target = to / f"{split}-{number:05d}-of-{len(files):05d}.parquet"
        with tables.writer(target, columns, compression="none") as writer:
            for first, last in cut(sizes[start:end], BATCH_BYTES, BATCH_ROWS):
                writer.write_table(pa.Table.from_pylist(list(islice(rows, last - first)), schema=columns))


def card_header(folders: Mapping[str, Mapping[SplitName, str]]) -> list[str]:
    """Return the lines of the header; `folders` has for each configuration the folder of each split with rows.

    >>> card_header({"raw": {"test": "raw"}})
    ['---', 'configs:', '- config_name: raw', '  data_files:', '  - split: test', '    path: raw/test-*.parquet', '---']
    """
    configs = [
        {"config_name": config, "data_files": [{"split": s, "path": f"{f}/{s}-*.parquet"} for s, f in of_split.items()]}
        for config, of_split in folders.items()
    ]
    return ["---", *yaml.safe_dump({"configs": configs}, sort_keys=False).splitlines(), "---"]
