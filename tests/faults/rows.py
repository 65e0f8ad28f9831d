"""Read hostile rows of every form under limits, and print the outcome of each: python -m tests.faults.rows [NAME ...].

A case writes a source that is small and asks for much, or that is no file of its own. It must be refused in a sentence.
"""

import csv
import gzip
import io
import json
import os
import pickle
import struct
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import CleanSplitError
from tasks.records import Source
from tasks.sources.layout import check_source
from tasks.sources.tasks import index
from tasks.storage.decisions import read_decisions
from tasks.storage.place import Place
from tests.build import glyphs, png
from tests.faults.limits import answer, limited, report

PNG = png(glyphs(1, seed=0)[0])
META = pickle.dumps({b"label_names": [b"a", b"b"]}, 2)
MANY = 3_000_000
Case = Callable[[Path], Path]
CASES: dict[str, Case] = {}


def case(write: Case) -> Case:
    CASES[write.__name__] = write
    return write


def table(file: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), file, compression="zstd")
    return file


def repeated(value: Any, count: int) -> pa.Array:
    """Return a value many times, as a dictionary of one."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([value]))


def npy(header: bytes, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + data


def of(kind: str, shape: str, data: bytes = b"") -> bytes:
    return npy(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}\n".encode(), data)


def npz(path: Path, packing: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def idx(path: Path, *shape: int, data: bytes | None = None) -> Path:
    header = b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    content = header + (bytes(int(np.prod(shape))) if data is None else data)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def saved(folder: Path, batches: pa.Table | pa.RecordBatch, **how: Any) -> Path:
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    with pa.ipc.new_stream(str(folder / "data.arrow"), batches.schema, options=pa.ipc.IpcWriteOptions(**how)) as out:
        out.write(batches)
    return folder


def images(count: int) -> pa.Array:
    return repeated(PNG, count)


@case
def parquet_of_null_rows(folder: Path) -> Path:
    return table(folder / "a.parquet", image=pa.nulls(MANY, pa.binary()))


@case
def parquet_of_one_large_label(folder: Path) -> Path:
    return table(folder / "a.parquet", image=images(20_000), label=repeated("x" * (1 << 20), 20_000))


@case
def parquet_of_labels_that_are_lists(folder: Path) -> Path:
    lists = pa.ListArray.from_arrays(pa.array([0, 1 << 26], pa.int32()), pa.array(np.zeros(1 << 26, np.int8)))
    found, file = pa.table({"image": images(1), "label": lists}), folder / "a.parquet"
    pq.write_table(found, file, compression="zstd", use_dictionary=False)  # quicker to write
    return file


@case
def parquet_of_one_value_of_zeros(folder: Path) -> Path:
    return table(folder / "a.parquet", image=pa.array([bytes(200 << 20)]))


@case
def parquet_of_labels_that_are_not_utf8(folder: Path) -> Path:
    label = pa.StringArray.from_buffers(1, pa.py_buffer(struct.pack("<2i", 0, 1)), pa.py_buffer(b"\xff"))
    return table(folder / "a.parquet", image=images(1), label=label)


@case
def manifest_of_text_that_is_not_utf8(folder: Path) -> Path:
    text = pa.StringArray.from_buffers(1, pa.py_buffer(struct.pack("<2i", 0, 1)), pa.py_buffer(b"\xff"))
    return table(folder / "a.parquet", path=["a.png"], caption=text)


@case
def decisions_of_ids_that_are_not_utf8(folder: Path) -> Path:
    text = pa.StringArray.from_buffers(1, pa.py_buffer(struct.pack("<2i", 0, 1)), pa.py_buffer(b"\xff"))
    return table(folder / "decisions.parquet", first=[b"x" * 16], second=[b"y" * 16], same=[True], first_id=text)


@case
def parquet_of_many_columns(folder: Path) -> Path:
    return table(folder / "a.parquet", image=images(1), **{f"c{n}": pa.array([1]) for n in range(1500)})


@case
def parquet_of_two_columns_of_one_name(folder: Path) -> Path:
    twice = pa.table([images(1), pa.array(["a"]), pa.array(["b"])], names=["image", "label", "label"])
    pq.write_table(twice, folder / "a.parquet")
    return folder / "a.parquet"


@case
def parquet_that_is_a_pipe(folder: Path) -> Path:
    table(folder / "a.parquet", image=images(1))
    os.mkfifo(folder / "b.parquet")
    return folder


@case
def parquet_that_is_a_link_out(folder: Path) -> Path:
    (folder / "set").mkdir()
    (folder / "set" / "a.parquet").symlink_to(table(folder / "a.parquet", image=images(1)))
    return folder / "set"


@case
def manifest_of_lists(folder: Path) -> Path:
    return table(folder / "a.parquet", path=pa.array([["a.png"] * 10]))


@case
def manifest_of_one_long_path(folder: Path) -> Path:
    return table(folder / "a.parquet", path=repeated("x" * (1 << 20), 20_000))


@case
def manifest_of_many_rows(folder: Path) -> Path:
    return table(folder / "a.parquet", path=repeated("x.png", MANY))


@case
def manifest_of_many_columns(folder: Path) -> Path:
    with (folder / "a.csv").open("w") as file:
        csv.writer(file).writerows([["path", *range(200_000)], *(["x.png"] for _ in range(100_000))])
    return folder / "a.csv"


@case
def manifest_with_nul_in_a_path(folder: Path) -> Path:
    (folder / "a.jsonl").write_text('{"path": "a\\u0000.png"}\n')
    return folder / "a.jsonl"


@case
def manifest_of_a_long_label(folder: Path) -> Path:
    (folder / "a.csv").write_text(f"path,label\na.png,{'x' * 100_000}\n")
    return folder / "a.csv"


@case
def manifest_of_deep_lines(folder: Path) -> Path:
    (folder / "a.jsonl").write_text("[" * 100_000)
    return folder / "a.jsonl"


@case
def arrays_with_labels_of_no_bytes(folder: Path) -> Path:
    return npz(folder / "a.npz", x=of("|u1", "(2, 1, 1)", b"ab"), y=of("|V0", "(1000000000,)"))


@case
def arrays_with_more_labels_than_images(folder: Path) -> Path:
    return npz(folder / "a.npz", x=of("|u1", "(2, 1, 1)", b"ab"), y=of("|u1", f"({60 << 20},)", bytes(60 << 20)))


@case
def arrays_of_zeros(folder: Path) -> Path:
    return npz(folder / "a.npz", x=of("|u1", "(100, 1024, 1024)", bytes(100 << 20)))


@case
def arrays_of_tiny_images(folder: Path) -> Path:
    return npz(folder / "a.npz", x=of("|u1", f"({60 << 20}, 1, 1)", bytes(60 << 20)))


@case
def arrays_that_share_their_bytes(folder: Path) -> Path:
    path = npz(folder / "a.npz", x=of("|u1", "(60, 1024, 1024)", bytes(60 << 20)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist += archive.filelist * 40
        archive._didModify = True  # type: ignore[attr-defined]
    return path


@case
def arrays_in_a_compression_without_end(folder: Path) -> Path:
    return npz(folder / "a.npz", zipfile.ZIP_LZMA, x=of("|u1", "(60, 1024, 1024)", bytes(60 << 20)))


@case
def arrays_with_a_deep_header(folder: Path) -> Path:
    return npz(folder / "a.npz", x=npy(b"(" * 5000))


@case
def array_with_a_deep_header(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': " + b"-" * 9000 + b"1}\n"))
    return folder / "a.npy"


@case
def array_of_negative_sides(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(of("|u1", "(-1, -28, 28)", bytes(784)))
    return folder / "a.npy"


@case
def array_that_is_a_zip(folder: Path) -> Path:
    return npz(folder / "a.npz", x=of("|u1", "(1, 2, 2)", bytes(4))).rename(folder / "a.npy")


@case
def idx_of_tiny_images(folder: Path) -> Path:
    return idx(folder / "train-images-idx3-ubyte.gz", 60 << 20, 1, 1)


@case
def idx_of_more_labels_than_images(folder: Path) -> Path:
    idx(folder / "train-labels-idx1-ubyte.gz", 60 << 20)
    return idx(folder / "train-images-idx3-ubyte.gz", 2, 2, 2)


@case
def idx_that_takes_more_memory_than_there_is(folder: Path) -> Path:
    path = idx(folder / "train-images-idx3-ubyte", 3 << 10, 1024, 1024, data=b"")
    os.truncate(path, 16 + (3 << 30))
    return path


@case
def idx_with_labels_from_a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "train-labels-idx1-ubyte")
    return idx(folder / "train-images-idx3-ubyte", 2, 2, 2)


@case
def idx_with_labels_from_elsewhere(folder: Path) -> Path:
    (folder / "set").mkdir()
    (folder / "set" / "train-labels-idx1-ubyte").symlink_to(idx(folder / "labels", 2))
    return idx(folder / "set" / "train-images-idx3-ubyte", 2, 2, 2)


@case
def saved_of_compressed_buffers(folder: Path) -> Path:
    return saved(folder, pa.table({"image": pa.array([bytes(200 << 20)])}), compression="zstd")


@case
def saved_of_rows_without_bytes(folder: Path) -> Path:
    nothing = pa.StructArray.from_arrays([pa.nulls(10**9)], ["bytes"])
    return saved(folder, pa.record_batch([nothing], ["image"]))


@case
def saved_of_one_large_label(folder: Path) -> Path:
    rows = pa.table({"image": pa.array([PNG] * 2000), "label": repeated("x" * (1 << 20), 2000)})
    return saved(folder, rows)


@case
def saved_that_is_a_link_out(folder: Path) -> Path:
    (folder / "set").mkdir()
    saved(folder / "set", pa.table({"image": pa.array([PNG])}))
    (folder / "set" / "data.arrow").rename(folder / "data.arrow")
    (folder / "set" / "data.arrow").symlink_to(folder / "data.arrow")
    return folder / "set"


@case
def saved_from_a_pipe(folder: Path) -> Path:
    saved(folder, pa.table({"image": pa.array([PNG])}))
    (folder / "data.arrow").unlink()
    os.mkfifo(folder / "data.arrow")
    return folder


@case
def cifar_with_a_memo_of_many_places(folder: Path) -> Path:
    (folder / "data_batch_1").write_bytes(b"\x80\x02}r\xff\xff\xff\x7f.")
    (folder / "batches.meta").write_bytes(META)
    return folder / "data_batch_1"


@case
def cifar_of_text_labels(folder: Path) -> Path:
    (folder / "data_batch_1").write_bytes(pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": ["a"]}, 2))
    (folder / "batches.meta").write_bytes(META)
    return folder / "data_batch_1"


@case
def cifar_that_is_a_link_out(folder: Path) -> Path:
    (folder / "set").mkdir()
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [0]}, 2))
        (folder / "set" / name).symlink_to(folder / name)
    (folder / "set" / "batches.meta").write_bytes(META)
    return folder / "set"


@case
def shard_of_a_long_label(folder: Path) -> Path:
    with tarfile.open(folder / "a.tar", "w") as archive:
        for name, data in (("1.png", PNG), ("1.cls", b"x" * 100_000)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return folder / "a.tar"


@case
def device(folder: Path) -> Path:
    (folder / "a.npy").symlink_to("/dev/zero")
    return folder / "a.npy"


@case
def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "a.tar")
    return folder / "a.tar"


@case
def decisions_of_many_rows(folder: Path) -> Path:
    digests = repeated(b"x" * 16, MANY)
    return table(folder / "decisions.parquet", first=digests, second=digests, same=repeated("", MANY))


@case
def decisions_of_lists(folder: Path) -> Path:
    return table(folder / "decisions.parquet", first=[[b"x" * 16]], second=[[b"y" * 16]], same=[[True] * 100])


@case
def decisions_of_long_ids(folder: Path) -> Path:
    digests = repeated(b"x" * 16, 20_000)
    long = repeated("x" * (1 << 20), 20_000)
    return table(folder / "decisions.parquet", first=digests, second=digests, same=[True] * 20_000, first_id=long)


@case
def decisions_from_a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "decisions.parquet")
    return folder / "decisions.parquet"


def judge(name: str) -> str:
    """Write the source of a case and read it as a run does; return what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = CASES[name](Path(folder))
        source = Source("large", str(path), str(path), None, {})
        try:
            if path.name == "decisions.parquet":
                with limited():
                    return f"read: {len(read_decisions(Place.of(path)))}"
            check_source("large", str(path))
            with limited():
                ended = index.fn(source, Place.of(folder) / "w").data
            if isinstance(ended, Exception):
                raise ended
            return f"read: {len(ended)}"
        except CleanSplitError as error:
            said = str(error).replace(folder, "")
            return f"refused: {said}" if said.count("\n") == 0 and len(said) < 500 else f"LONG: {said[:300]}"
        except Exception as error:  # any other error is a bug
            return f"BUG: {type(error).__name__}: {error}"[:300]


def main() -> None:
    if "--child" in sys.argv:
        answer(judge, sys.argv[sys.argv.index("--child") + 1 :])
    else:
        report("tests.faults.rows", sys.argv[1:] or list(CASES), ("refused",))


if __name__ == "__main__":
    main()
