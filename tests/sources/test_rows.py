import gzip
import io
import json
import os
import pickle
import resource
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.errors import DataError
from tasks.sources.archive import MAX_MEMBER_BYTES
from tasks.sources.members import open_rows
from tasks.sources.numbered import png_of
from tasks.storage.place import Place
from tests.build import write_folder

META = pickle.dumps({b"label_names": [b"a", b"b"]}, protocol=2)


def opened(path: Path, **columns: str) -> Any:
    return open_rows(Place.of(path), columns)


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 3), (9, 7, 4), (1, 1)])
def test_an_array_is_the_png_of_its_pixels(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = np.asarray(Image.open(io.BytesIO(png_of(image))))
    assert np.array_equal(found, image.reshape(found.shape))


def test_other_files_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"x" * 600)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.parquet").write_bytes(b"PAR1 but not really")
    pq.write_table(pa.table({"id": ["a"], "count": [1]}), tmp_path / "table.parquet")
    assert opened(tmp_path / "a.tar") is None
    assert opened(tmp_path / "gone") is None
    with pytest.raises(DataError, match=r"row 1 of .*table\.parquet has no path"):
        opened(tmp_path / "table.parquet")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((3, 4, 4))}, "save them as uint8"),
        ({"x": np.zeros((3, 4, 4, 5), np.uint8)}, "of shape"),
        ({"x": np.zeros((3, 4, 4), np.uint8), "y": np.zeros(2, np.uint8)}, "3 images and 2 labels"),
        (
            {"one": np.zeros((3, 4, 4), np.uint8), "two": np.zeros((3, 4, 4), np.uint8)},
            r"several arrays of images \(one, two\); name them x_train and x_test",
        ),
        ({"y": np.zeros(3, np.uint8)}, r"contains y \(3,\); save images as"),
        ({"x": np.array([{}, {}], object)}, "is not read"),
        (
            {"x_test": np.zeros((3, 4, 4), np.uint8), "y_test": np.eye(3)},
            r"has labels y_test of shape \(3, 3\); save one label per image, as \(n,\)",
        ),
    ],
)
def test_arrays_of_another_kind_are_refused_in_a_sentence(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=said):
        opened(tmp_path / "a.npz")


def test_labels_are_found_next_to_the_same_ones_in_another_shape(tmp_path: Path) -> None:
    images, labels = np.zeros((3, 4, 4), np.uint8), np.array([2, 0, 1])
    np.savez(tmp_path / "a.npz", y_train_one_hot=np.eye(3), x_train=images, y_train=labels[:, None], classes=3)
    rows = opened(tmp_path / "a.npz")
    assert rows is not None
    assert [name.split("/")[-2] for name in rows.names] == ["2", "0", "1"]


def test_an_array_that_claims_more_than_its_file_holds_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": (2**31, 28, 28)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", buffer.getvalue() + b"x" * 100)
    (tmp_path / "a.npy").write_bytes(buffer.getvalue() + b"x" * 100)
    for name in ("a.npz", "a.npy"):
        with pytest.raises(DataError, match=r"is not read|does not contain readable"):
            opened(tmp_path / name)


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\x08", b"\0\0\x08\x03" + b"\x7f\xff\xff\xff" * 3 + b"x" * 50, b"\0\0\x0d\x03" + b"\0" * 40]
)
def test_an_idx_file_that_is_not_what_it_says_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(DataError, match="not a complete IDX file"):
        opened(path)
    path.write_bytes(gzip.compress(data + b"x" * 100)[:-9])
    with pytest.raises(DataError, match="damaged gzip"):
        opened(path)


def test_an_idx_file_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(bytes(300 << 20)))
    with pytest.raises(DataError, match="unpacks to more than"):
        opened(path)


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch owned",)


@pytest.mark.parametrize(
    "content", [Payload(), {b"data": Payload()}, [1], {b"data": b"x"}, {b"data": np.zeros((3, 7), np.uint8)}]
)
def test_a_pickle_of_anything_else_is_refused_and_nothing_in_it_runs(
    tmp_path: Path, content: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(content, protocol=2))
    (tmp_path / "batches.meta").write_bytes(META)
    with pytest.raises(DataError, match=r"not a batch of CIFAR|not a pickle of only arrays"):
        opened(tmp_path / "data_batch_1")
    assert not (tmp_path / "owned").exists()


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array([b"x" * 1000] * 50, pa.binary())}), tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[:-20])
    with pytest.raises(DataError, match="is unreadable Parquet"):
        opened(tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes(data[:40] + bytes(60) + data[100:])
    with pytest.raises(DataError, match="is unreadable Parquet"):
        opened(tmp_path / "a.parquet").read(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\n../x.png,a\n", "leads out of its folder"),
        ("path\n/etc/passwd\n", "leads out of its folder"),
        ("picture\nx.png\n", "has no path"),
        ("path,split\nx.png,spare\n", "use train"),
        ("x.png,train\ny.png,test\n", "its first line names an image, so it has no header"),
        ('path,label\n"x.png,a\n', "not a readable manifest"),
    ],
)
def test_a_manifest_that_can_not_be_followed_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    (tmp_path / "x.png").touch()
    with pytest.raises(DataError, match=said):
        opened(tmp_path / "a.csv")


@pytest.mark.parametrize("line", ["../x.png", "/etc/x.png 1", "a.png\nb\0.png"])
def test_a_list_leads_to_no_file_out_of_its_folder(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.txt").write_text(line)
    with pytest.raises(DataError, match="leads out of its folder"):
        opened(tmp_path / "a.txt")


def test_a_path_that_leaves_a_folder_of_its_own_and_comes_back_is_read(tmp_path: Path) -> None:
    write_folder(tmp_path, {"sub/b.png": b"b"})
    (tmp_path / "a.txt").write_text("sub/../sub/./b.png")
    assert opened(tmp_path / "a.txt").read(0) == b"b"


def test_an_absolute_path_below_the_folder_of_a_list_is_read(tmp_path: Path) -> None:
    for name in ("a.png", "sub/b.png"):
        write_folder(tmp_path, {name: name.encode()})
    (tmp_path / "a.txt").write_text(f"{tmp_path}/a.png\n{tmp_path}/sub/b.png\n")
    rows = opened(tmp_path / "a.txt")
    assert [rows.read(number) for number in (0, 1)] == [b"a.png", b"sub/b.png"]


def test_a_file_of_a_list_is_read_up_to_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "a.txt").write_text("huge.png")
    assert len(opened(tmp_path / "a.txt").read(0)) == MAX_MEMBER_BYTES + 1


def test_a_source_may_have_more_files_than_a_process_may_open(tmp_path: Path) -> None:
    for number in range(60):
        table = pa.table({"image": pa.array([b"%d" % number] * 2, pa.binary())})
        pq.write_table(table, tmp_path / f"{number:02}.parquet", row_group_size=1)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 20, limits[1]))
    try:
        rows = opened(tmp_path)
        assert [rows.read(row) for row in range(120)] == [b"%d" % (row // 2) for row in range(120)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("name", [5, None, "a\0.arrow"])
def test_a_saved_dataset_with_another_name_of_a_file_is_refused(name: object, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(DataError, match="is not a file of"):
        opened(tmp_path)


def test_a_saved_dataset_that_is_damaged_or_leads_out_is_refused(tmp_path: Path) -> None:
    def save(names: object, table: pa.Table) -> None:
        (tmp_path / "state.json").write_text(json.dumps({"_data_files": names}))
        with pa.OSFile(str(tmp_path / "data.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)

    table = pa.table({"image": pa.array([b"x" * 100] * 9, pa.binary())})
    save([{"filename": "data.arrow"}], table)
    assert opened(tmp_path).read(3) == b"x" * 100
    data = (tmp_path / "data.arrow").read_bytes()
    for cut in (10, 300, len(data) - 200):
        (tmp_path / "data.arrow").write_bytes(data[:cut])
        with pytest.raises(DataError, match="is not a readable Arrow stream"):
            opened(tmp_path)
    offsets = data.index(struct.pack("<3i", 0, 100, 200))
    (tmp_path / "data.arrow").write_bytes(data[: offsets + 4] + b"\xff\xff\xff\x7f" + data[offsets + 8 :])
    with pytest.raises(DataError, match="is not a readable Arrow stream"):
        opened(tmp_path)
    save([{"filename": "data.arrow"}], pa.table({"text": ["a"]}))
    with pytest.raises(DataError, match="has no column of images among text"):
        opened(tmp_path)
    for names in ("x", [{"name": "x"}], [3]):
        save(names, table)
        with pytest.raises(DataError, match="does not list the files of a dataset"):
            opened(tmp_path)
    (tmp_path / "state.json").write_text("[" * 500_000)
    with pytest.raises(DataError, match="does not list the files of a dataset"):
        opened(tmp_path)
    for name in ("../data.arrow", "/etc/passwd"):
        save([{"filename": name}], table)
        with pytest.raises(DataError, match="points outside"):
            opened(tmp_path)


@pytest.mark.parametrize("line", ["[1]", "{", '"x"', "[" * 5000])
def test_lines_that_are_no_objects_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=r"not a JSON object|not a readable manifest"):
        opened(tmp_path / "a.jsonl")


def test_a_text_file_is_a_list_of_paths_perhaps_with_labels(tmp_path: Path) -> None:
    images = ["a/1.png", "my cat.JPG", "x.png.v2.jpg"]
    for name in images:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    lines = ["a/1.png", "", "my cat.JPG 3\r", "x.png.v2.jpg, traffic light", "a/1.png\t0", "no image"]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    rows = opened(tmp_path / "train.txt")
    assert rows.names == [
        "(none)/a/1.png",
        "3/my cat.JPG",
        "traffic light/x.png.v2.jpg",
        "0/a/1.png",
        "(none)/no image",
    ]
    assert [*map(rows.read, range(5))] == [*map(str.encode, images), b"a/1.png", None]


def test_a_table_tells_of_columns_that_may_be_labels_or_groups(tmp_path: Path) -> None:
    def told(columns: dict[str, Any], **given: str) -> list[tuple[bool, str]]:
        lines = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for delimiter, name in ((",", "list.csv"), ("\t", "list.tsv")):
            text = [delimiter.join(columns), *(delimiter.join(map(str, line.values())) for line in lines)]
            (tmp_path / name).write_text("\n".join(text))
        (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, lines)))
        pq.write_table(pa.table(columns), tmp_path / "list.parquet")
        pq.write_table(pa.table(columns | {"image": pa.array([b"x"] * 2, pa.binary())}), tmp_path / "images.parquet")
        every = [opened(path, **given) for path in sorted(tmp_path.iterdir())]
        assert len(every) == 5
        return sorted({(bool(rows.notes), rows.group_column) for rows in every})

    two = {"path": ["a.png", "b.png"]}
    assert told(two) == [(False, "")]
    assert told(two | {"grade": [1, 2], "Video ID": ["u", "v"]}) == [(True, "Video ID")]
    assert told(two | {"grade": [1, 2], "video": ["u", "v"]}, label="grade") == [(False, "video")]
    assert told(two | {"Diagnosis": ["x", "y"], "patient_id": [1, 2]}) == [(False, "patient_id")]
    (tmp_path / "list.csv").write_text("path,grade,suitcase\na.png,1,2\n")
    (said,) = opened(tmp_path / "list.csv").notes
    assert said.endswith(
        "labels. Its other columns are grade, suitcase; `--columns label=NAME` names the one of labels."
    )


@pytest.mark.parametrize("line", [r'{"path": "\ud800.png"}', r'{"path": "1.png", "label": "\ud800"}'])
def test_a_row_whose_name_is_not_text_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(line)
    with pytest.raises(DataError, match=r"ud800.*' has a character that is not valid UTF-8; correct it"):
        opened(tmp_path / "a.jsonl")


def test_a_column_without_a_name_is_not_the_column_of_a_missing_use(tmp_path: Path) -> None:
    """Pandas writes the numbers of the rows into such a column."""
    (tmp_path / "a.csv").write_text(",path,label\n0,one.png,cat\n1,two.png,\n")
    rows = opened(tmp_path / "a.csv")
    assert rows.names == ["cat/one.png", "(none)/two.png"]
    assert set(rows.groups or [None]) == {None}


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_a_manifest_in_utf_16_is_read(tmp_path: Path, order: str) -> None:
    """Excel calls this Unicode text, separated by tabs."""
    (tmp_path / "a.csv").write_bytes("\ufeffpath\tlabel\r\none.png\tKätzchen\r\n".encode(order))
    assert opened(tmp_path / "a.csv").names == ["Kätzchen/one.png"]


def test_a_manifest_follows_no_link_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "own.png").write_bytes(b"own")
    (folder / "same.png").symlink_to("own.png")
    (folder / "a.csv").write_text("path\nlink.png\nown.png\nsame.png\n")
    assert [opened(folder / "a.csv").read(row) for row in range(3)] == [None, b"own", b"own"]


def test_a_manifest_waits_for_no_pipe_and_a_name_that_is_too_long_is_missing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "a.csv").write_text(f"path\npipe.png\n{'x' * 300}.png\n")
    rows = opened(tmp_path / "a.csv")
    assert [rows.read(row) for row in range(2)] == [None, None]


def test_parquet_files_that_are_links_are_read_when_they_are_named_themselves(tmp_path: Path) -> None:
    (tmp_path / "snapshot").mkdir()
    pq.write_table(pa.table({"image": [b"x"], "label": ["a"]}), tmp_path / "blob")
    (tmp_path / "snapshot" / "train.parquet").symlink_to(tmp_path / "blob")
    with pytest.raises(DataError, match="links that lead out are not followed"):
        opened(tmp_path / "snapshot")
    assert opened(tmp_path / "snapshot" / "*.parquet").names == ["train/a/train-000000"]
