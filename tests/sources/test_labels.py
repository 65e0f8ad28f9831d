"""Tables give images their labels: metadata of Hugging Face by paths, tables of Kaggle by ids without extensions."""

import io
from pathlib import Path

import pandas
import pyarrow.parquet as pq
import pytest

from tasks.errors import DataError, UsageError
from tasks.records import Source
from tasks.sources.found import splits_of
from tasks.sources.labels import label_tables
from tasks.sources.opening import open_source
from tasks.storage.place import Place
from tests.build import write_folder
from tests.sources.detection_sets import picture
from tests.sources.test_annotated import members, opened

IMAGES = {f"{folder}/{n}.jpg": picture(n) for folder in ("train", "test") for n in range(3)}
LABELS = b"id,label\n0,cat\n1,dog\n2,cat\n"


def set_of(folder: Path, files: dict[str, bytes], role: str = "root") -> dict[str, str]:
    return members(write_folder(folder / "set", IMAGES | files), role)


def images(found: dict[str, str]) -> set[str]:
    return {name for name, kind in found.items() if kind == "file"}


def test_metadata_of_a_split_names_images_in_its_own_folder(tmp_path: Path) -> None:
    rows = b'\xef\xbb\xbffile_name,"text",label\r\n0.jpg,"a\nb",cat\r\n\r\nin/7.jpg,"c, ""d""",dog\r\n1.jpg,e,\r\n'
    found = set_of(tmp_path, {"train/metadata.csv": rows, "train/in/7.jpg": picture(7)})
    assert images(found) == {
        "train/{cat}/train/0.jpg", "train/{dog}/train/in/7.jpg", "train/(none)/train/1.jpg",
        *(f"test/(none)/test/{n}.jpg" for n in range(3)),  # without a table
    }  # fmt: skip
    assert found["train/2.jpg"] == "beside"


def test_metadata_at_the_top_names_images_of_all_splits(tmp_path: Path) -> None:
    rows = b'{"file_name": "train/0.jpg", "label": 3}\n\n{"file_name": "test/./0.jpg", "label": ["b", "a"]}\n'
    found = set_of(tmp_path, {"metadata.jsonl": rows})
    assert images(found) == {"train/{3}/train/0.jpg", "test/{a, b}/test/0.jpg"}


def test_metadata_without_labels_leaves_the_classes_to_folders(tmp_path: Path) -> None:
    found = set_of(tmp_path, {"train/metadata.csv": b"file_name,text\n0.jpg,a cat\n", "test.csv": b""})
    assert images(found) == {*IMAGES, "train/metadata.csv", "test.csv"}


@pytest.mark.parametrize("name", ["train.csv", "Train_Labels.CSV", "csv/train.csv"])
def test_an_id_is_an_image_of_the_split_of_its_table(tmp_path: Path, name: str) -> None:
    if "/" in name:  # tables name images below their own folder
        assert images(set_of(tmp_path, {name: LABELS})) == {*IMAGES, name}
        return
    found = set_of(tmp_path, {name: LABELS, "sample_submission.csv": LABELS, "test.csv": b"id\n1\n"})
    assert {path for path in images(found) if path.startswith("train")} == {
        "train/{cat}/train/0.jpg", "train/{dog}/train/1.jpg", "train/{cat}/train/2.jpg"
    }  # fmt: skip
    assert {path for path in images(found) if path.startswith("test")} == {"test/(none)/test/1.jpg"}


def test_tables_of_splits_divide_a_folder_of_images(tmp_path: Path) -> None:
    files = {f"pictures/{n}.jpg": picture(n) for n in range(4)}
    files |= {"train.csv": b"path,label\npictures/0.jpg,a\npictures/1.jpg,b\n", "test.tsv": b"path\tclass\n2.jpg\ta\n"}
    found = members(write_folder(tmp_path / "set", files))
    assert images(found) == {
        "train/{a}/pictures/0.jpg", "train/{b}/pictures/1.jpg", "test/{a}/pictures/2.jpg"
    }  # fmt: skip
    assert found["pictures/3.jpg"] == "beside"


def test_images_of_test_without_labels_are_left_out_of_one_set(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", IMAGES | {"train.csv": LABELS, "test.csv": b"id\n0\n", "test/7.jpg": b"x"})
    found = opened(path, "source")
    kinds = {entry.name: entry.kind for entry in found.members().entries()}
    assert images(kinds) == {"train/{cat}/train/0.jpg", "train/{dog}/train/1.jpg", "train/{cat}/train/2.jpg"}
    assert {name for name, kind in kinds.items() if kind == "beside"} == {f"test/{n}.jpg" for n in (0, 1, 2, 7)}
    assert found.notes == (
        "the images of test (1) have no labels and are left out; `cleansplit audit` compares all splits.",
    )
    (path / "test.csv").write_bytes(LABELS)
    with pytest.raises(UsageError, match="which are splits, not classes; run `cleansplit audit set`"):
        splits_of(Source("source", "set", str(path), None, {}), opened(path, "source").members())


def test_masks_and_files_of_a_system_beside_the_images_change_no_label(tmp_path: Path) -> None:
    beside = {"train_masks/0.jpg": picture(7), "__MACOSX/train/._0.jpg": b"x", "__MACOSX/._train.csv": b"x"}
    found = set_of(tmp_path, {"train.csv": LABELS} | beside)
    assert {path for path in images(found) if path.startswith("train")} == {
        "train/{cat}/train/0.jpg", "train/{dog}/train/1.jpg", "train/{cat}/train/2.jpg"
    }  # fmt: skip
    assert {path: kind for path, kind in found.items() if path in beside} == {
        path: "mask" if path == "train_masks/0.jpg" else "beside" for path in beside
    }


ROWS = '"file_name"{0}"label"{0}"note"\r\n"0.jpg"{0}"a, b; c"{0}"x\ty\nz"\r\n1.jpg{0}dog{0}\r\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["metadata.csv", "train.tsv", "list.csv"])
def test_a_table_has_commas_semicolons_or_tabs(tmp_path: Path, name: str, delimiter: str) -> None:
    folder = write_folder(tmp_path / "set", {f"{n}.jpg": picture(n) for n in range(3)})
    (folder / name).write_text("\ufeff" + ROWS.format(delimiter), newline="")
    if name == "list.csv":
        assert {*members(folder / name, "source")} == {"a, b; c/0.jpg", "dog/1.jpg"}
        return
    before = "train/" if name == "train.tsv" else ""
    assert images(members(folder, "source")) == {f"{before}{{a, b; c}}/0.jpg", f"{before}{{dog}}/1.jpg"}
    (table,) = label_tables(Place.of(folder), [path.name for path in folder.iterdir()], {})
    (tmp_path / "kept.csv").write_bytes(table.only({"0.jpg"}))
    kept = pandas.read_csv(tmp_path / "kept.csv", sep=delimiter, encoding="utf-8-sig")
    assert kept.to_dict("records") == [{"file_name": "0.jpg", "label": "a, b; c", "note": "x\ty\nz"}]


def test_parquet_is_a_table_of_labels(tmp_path: Path) -> None:
    rows = {"file_name": ["0.jpg", "2.jpg", "1.jpg", "7.jpg"], "label": [3, None, 4, 5]}
    own = pandas.DataFrame(rows | {"objects": [{"bbox": [n]} for n in range(4)], "text": ["a" * 5000, "é", None, ""]})
    folder = write_folder(tmp_path / "set", IMAGES)
    own["label"] = own["label"].astype("Int64")
    own.to_parquet(folder / "train/metadata.parquet")
    own[["text", "label"]].assign(image_file_name=["test/2.jpg", "test/1.jpg", "", None]).to_parquet(
        folder / "a.parquet"
    )
    own[["text"]].assign(file_name=["2.jpg"] * 4, label=["b"] * 4).to_parquet(folder / "test/Metadata.parquet")
    found = members(folder)
    assert images(found) == {
        "train/{3}/train/0.jpg",
        "train/(none)/train/2.jpg",
        "train/{4}/train/1.jpg",
        "test/{b}/test/2.jpg",
    }
    assert {name for name, kind in found.items() if kind == "missing"} == {"train/{5}/train/7.jpg"}
    (table,) = label_tables(Place.of(folder), ["train/metadata.parquet", *IMAGES], {})
    kept = pandas.read_parquet(io.BytesIO(table.only({"train/2.jpg", "train/1.jpg"})))
    pandas.testing.assert_frame_equal(kept, own.iloc[1:3].reset_index(drop=True))
    data = bytearray((folder / "train/metadata.parquet").read_bytes())
    page = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(2).data_page_offset  # of the boxes
    data[page : page + 9] = b"x" * 9
    (folder / "train/metadata.parquet").write_bytes(data)
    (table,) = label_tables(Place.of(folder), ["train/metadata.parquet", *IMAGES], {})
    with pytest.raises(DataError, match=r"^train/metadata.parquet is unreadable Parquet"):
        table.only({"train/2.jpg"})
    own.assign(label=[["a"], ["b"], [], None]).to_parquet(folder / "train/metadata.parquet")
    with pytest.raises(DataError, match=r"the column label of .*train/metadata.parquet is list<.*; name another"):
        members(folder)


def test_the_column_of_paths_may_have_any_name(tmp_path: Path) -> None:
    rows = b"n,image_file_name,label\n1,gone.jpg,cat\n0,0.jpg,cat\n2,1.jpg,dog\n"
    assert images(set_of(tmp_path, {"train/metadata.csv": rows})) > {
        "train/{cat}/train/0.jpg",
        "train/{dog}/train/1.jpg",
    }
    two = b"a_file_name,b_file_name,label\n0.jpg,1.jpg,cat\n"
    with pytest.raises(UsageError, match=r"train/metadata.csv names images in its columns a_file_name and b_file_name"):
        set_of(tmp_path, {"train/metadata.csv": two})


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        (
            "train.csv",
            b"id_code,grade\nx0,1\n",
            "Images are named but not labelled by train.csv; `--columns label=NAME` names",
        ),
        (
            "metadata.csv",
            b"file_name,text\ntrain/x0.jpg,a cat\n",
            "names the column of labels.\nNot written with these images: metadata.csv",
        ),
        (
            "labels.csv",
            b"file;label\nx0.jpg;cat\n",
            "not labelled by labels.csv; a table with labels is named metadata.csv.",
        ),
        (
            "metadata.csv",
            b"path,label\n/mnt/x0.jpg,cat\n",
            "metadata.csv; `--columns path=NAME label=NAME` names its columns; paths start from",
        ),
        (
            "train.csv",
            b"code,grade\n7,1\n",
            "train.csv; `--columns path=NAME label=NAME` names its columns; paths start",
        ),
        ("list.csv", b"n,scan\n1,train/x1.jpg\n", "set/list.csv` reads it as a list."),
        ("train/list.jsonl", b'{"scan": "x1.jpg", "patient": 3}', "set/train/list.jsonl` reads it as a list."),
        ("counts.csv", b"n\n7\n1\n", None),
    ],
)
def test_a_table_that_gives_named_images_no_label_is_noted(
    tmp_path: Path, name: str, rows: bytes, said: str | None
) -> None:
    files = {f"{folder}/{n}.jpg": picture(3) for folder in ("train", "test") for n in ("x0", "x1", "7")}
    found = opened(write_folder(tmp_path / "set", files | {name: rows}))
    assert (bool(found.notes), found.annotated) == (said is not None, False)
    assert said is None or said in "\n".join(found.notes)
    with pytest.raises(UsageError) as refused:
        splits_of(Source("source", "set", "set", None, {}), found.members(), found.notes)
    assert all(note in str(refused.value) for note in found.notes)


def test_a_table_of_captions_above_the_splits_is_read_if_it_names_all_images(tmp_path: Path) -> None:
    rows = "".join(["file_name;text\n", *(f"{name};a cat\n" for name in IMAGES)])
    found = opened(write_folder(tmp_path / "set", IMAGES | {"metadata.csv": rows.encode()}))
    assert {entry.name for entry in found.members().entries()} == {
        f"{name.partition('/')[0]}/(none)/{name}" for name in IMAGES
    }
    assert found.annotated
    assert not opened(write_folder(tmp_path / "set", {"train/cat/5.jpg": picture(5)})).annotated, "not named"


def test_an_id_at_the_top_is_an_image_of_any_split(tmp_path: Path) -> None:
    found = set_of(tmp_path, {"metadata.csv": b"id,label\n7,cat\n9,dog\n", "train/7.jpg": b"x", "test/9.jpg": b"y"})
    assert images(found) == {"train/{cat}/train/7.jpg", "test/{dog}/test/9.jpg"}


def test_an_id_of_another_split_only_is_missing(tmp_path: Path) -> None:
    found = set_of(tmp_path, {"train.csv": LABELS + b"9,dog\n7,dog\n", "test/9.jpg": picture(9)})
    assert {name for name, kind in found.items() if kind == "missing"} == {"train/{dog}/9", "train/{dog}/7"}
    assert found["test/(none)/test/9.jpg"] == "file"


def test_an_id_of_two_images_is_refused_by_their_names(tmp_path: Path) -> None:
    said = r"train.csv is not a readable file of annotations \(1 is the name of train/1.jpg and train/1.png\)"
    with pytest.raises(DataError, match=said):
        set_of(tmp_path, {"train.csv": LABELS, "train/1.png": picture(5)})


def test_class_folders_keep_their_classes_beside_a_table(tmp_path: Path) -> None:
    own = {f"train/{name}/{n}.jpg": picture(n) for name in ("cat", "dog") for n in range(5, 8)}
    found = members(write_folder(tmp_path / "set", own | {"test/cat/1.jpg": picture(3), "train.csv": LABELS}))
    assert images(found) == {*own, "test/cat/1.jpg", "train.csv"}
    (tmp_path / "set/train.csv").write_text("scan,grade\n5.jpg,3\n")
    (tmp_path / "set/test/list.csv").write_text("1.jpg")
    assert opened(tmp_path / "set").notes == (
        "Images are named but not labelled by test/list.csv, train.csv; a table with labels is named metadata.csv.",
    )


def test_columns_of_other_names_are_given(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", IMAGES | {"train.csv": b"image,Id\n0.jpg,w_1\n1,w_2\n"})
    source = Source("root", "set", str(path), None, {"label": "Id"})
    found = {entry.name for entry in open_source(source, Place.of(tmp_path / "w")).members().entries()}
    assert {"train/{w_1}/train/0.jpg", "train/{w_2}/train/1.jpg"} < found
    with pytest.raises(UsageError, match="set has no table with these columns; correct or remove --columns"):
        open_source(Source("root", "set", str(path), None, {"label": "id"}), Place.of(tmp_path / "w"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("train.csv", b'id,label\n"0,cat\n'),
        ("train.csv", b"id,label\n0,c\xe9\n"),
        ("train.csv", b"id,label\n0," + b"x" * 200_000 + b"\n"),
        ("metadata.jsonl", b'{"file_name": "train/0.jpg"\n'),
        ("metadata.jsonl", b"[1]\n"),
        ("metadata.jsonl", b"[" * 100_000),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(DataError, match=f"{name} is not a readable file of annotations"):
        set_of(tmp_path, {name: data})


def test_a_path_that_leads_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train.csv is not a readable file .* \(../../1.jpg leads out of the folder\)"):
        set_of(tmp_path, {"train.csv": LABELS + b"../../1.jpg,cat\n"})
