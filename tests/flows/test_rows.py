"""Images that are rows of arrays, Parquet files, pickles or manifests give what the same images give as files."""

import csv
import gzip
import io
import json
import pickle
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.errors import UsageError
from tasks.records import Report
from tasks.reporting.read import read_findings
from tasks.reporting.review_pictures import Photographs
from tasks.storage import Place
from tests.build import glyphs, noise, png, saved, scene, write_folder, write_tar
from tests.flows.test_cli import here, refused
from tests.plain import audit, dedupe
from tests.sources.listed import listed

Images = dict[str, list[tuple[str, np.ndarray]]]  # per split, class and pixels


def images() -> Images:
    """Return two splits of two classes with three identical and two near twins each."""
    found: Images = {"train": [], "test": []}
    for name in "ab":
        train, test = glyphs(20, seed=ord(name)), glyphs(12, seed=1000 + ord(name))
        found["train"] += [(name, image) for image in train]
        twins = [*train[:3], *(noise(train[i], 1, seed=0) for i in (5, 6))]
        found["test"] += [(name, image) for image in [*test, *twins]]
    return found


def as_files(path: Path, given: Images) -> Path:
    for split, rows in given.items():
        write_folder(path / split, {f"{name}/{i:03d}.png": png(image) for i, (name, image) in enumerate(rows)})
    return path


def as_npz(path: Path, given: Images) -> Path:
    arrays: dict[str, Any] = {}
    for split, rows in given.items():
        arrays[f"x_{split}"] = np.stack([image for _, image in rows])
        arrays[f"y_{split}"] = np.array([name for name, _ in rows])
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    return path.with_suffix(".npz")


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def as_idx(path: Path, given: Images, *, packed: bool = False) -> Path:
    path.mkdir()
    for split, rows in given.items():
        prefix = "t10k" if split == "test" else split
        for kind, array in (
            ("images-idx3", np.stack([image for _, image in rows])),
            ("labels-idx1", np.array(["ab".index(name) for name, _ in rows], np.uint8)),
        ):
            data = idx(array)
            name = f"{prefix}-{kind}-ubyte"
            (path / (name + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)
    return path


def parquet_table(rows: list[tuple[str, np.ndarray]], *, named: bool) -> pa.Table:
    cells = [{"bytes": png(image), "path": f"{i}.png"} for i, (_, image) in enumerate(rows)]
    if not named:
        return pa.table({"image": cells, "label": [name for name, _ in rows]})
    features = {"image": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"image": cells, "label": ["ab".index(name) for name, _ in rows]})
    return table.replace_schema_metadata(about)


def as_parquet(path: Path, given: Images, *, named: bool = True, below: str = "data") -> Path:
    (path / below).mkdir(parents=True)
    for split, rows in given.items():
        half = len(rows) // 2
        for number, part in enumerate((rows[:half], rows[half:])):
            name = path / below / f"{split}-{number:05d}-of-00002.parquet"
            pq.write_table(parquet_table(part, named=named), name, row_group_size=7)
    return path


def manifest_rows(path: Path, given: Images) -> list[dict[str, str]]:
    rows = []
    for split, own in given.items():
        for number, (name, image) in enumerate(own):
            where = f"pictures/{split}{number}.png"
            write_folder(path, {where: png(image)})
            rows.append({"path": where, "label": name, "split": split})
    return rows


def as_csv(path: Path, given: Images) -> Path:
    rows = manifest_rows(path, given)
    with (path / "list.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "label", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return path / "list.csv"


def as_json_lines(path: Path, given: Images) -> Path:
    lines = [
        json.dumps({"file_name": row["path"], "class": row["label"], "Split": row["split"]})
        for row in manifest_rows(path, given)
    ]
    (path / "list.jsonl").write_text("\n".join(lines) + "\n")
    return path / "list.jsonl"


def as_parquet_manifest(path: Path, given: Images) -> Path:
    pq.write_table(pa.Table.from_pylist(manifest_rows(path, given)), path / "list.parquet")
    return path / "list.parquet"


def as_saved(path: Path, given: Images) -> Path:
    import datasets

    kinds = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    parts = {
        split: datasets.Dataset.from_dict(
            {"image": [{"bytes": png(image)} for _, image in rows], "label": [name for name, _ in rows]}, kinds
        )
        for split, rows in given.items()
    }
    datasets.DatasetDict(parts).save_to_disk(path, num_shards={"train": 3, "test": 1})
    return path


def as_shards(path: Path, given: Images) -> str:
    """Write shards of WebDataset with every key twice, and return a pattern for them."""
    path.mkdir()
    for split, rows in given.items():
        for number in range(2):
            members: dict[str, bytes] = {}
            for key, (name, image) in enumerate(rows[number::2]):
                members |= {f"{key:04d}.png": png(image), f"{key:04d}.cls": f"{name}\n".encode()}
            write_tar(path / f"{split}-{number:06d}.tar", members)
    return str(path / "*.tar")


FORMS: dict[str, Callable[[Path, Images], Path]] = {
    "npz": as_npz,
    "idx": as_idx,
    "idx, gzipped": lambda path, given: as_idx(path, given, packed=True),
    "parquet with names": as_parquet,
    "parquet with text": lambda path, given: as_parquet(path, given, named=False, below="."),
    "csv": as_csv,
    "json lines": as_json_lines,
    "parquet of paths": as_parquet_manifest,
    "saved by datasets": as_saved,
}


def content(report: Report) -> tuple[object, ...]:
    left = pq.read_table(report.run / "sanitized" / "test-00000-of-00001.parquet")
    rows = Counter(zip(left["label"].to_pylist(), map(str, left["pixels"].to_pylist()), strict=True))
    return report.rows, report.overlap, report.sanitized, report.label_conflicts, rows


@pytest.fixture(scope="module")
def expected(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    folder = tmp_path_factory.mktemp("expected")
    report = audit(root=str(as_files(folder / "files", images())), workspace=folder / "w")
    assert (report.pair("test", "train").exact, report.pair("test", "train").near) == (6, 4)
    return content(report)


@pytest.fixture(scope="module")
def of_files(tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[str, int, str]]:
    folder = tmp_path_factory.mktemp("files")
    return listed({"root": str(as_files(folder / "files", images()))}, folder / "w")[0]


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_every_form_hold_what_files_hold(form: str, of_files: Counter[Any], tmp_path: Path) -> None:
    held, members = listed({"root": str(FORMS[form](tmp_path / "data", images()))}, tmp_path / "w")
    assert held == of_files
    assert {outcome for _, _, outcome in members} == {"accepted"}


@pytest.mark.parametrize("form", ["parquet with names", "csv"])
def test_whole_runs_on_rows_give_what_files_give(expected: tuple[object, ...], form: str, tmp_path: Path) -> None:
    report = audit(root=str(FORMS[form](tmp_path / "data", images())), workspace=tmp_path / "w")
    assert content(report) == expected
    assert not any(row.quarantined or row.ignored or row.mislabelled for row in report.conservation)


def test_shards_of_webdataset_give_what_files_give(of_files: Counter[Any], tmp_path: Path) -> None:
    held, members = listed({"root": as_shards(tmp_path / "shards", images())}, tmp_path / "w")
    assert held == of_files
    assert Counter(outcome for *_, outcome in members.elements()) == {"accepted": held.total(), "beside_rows": 74}


def test_columns_of_other_names_are_named(prefect_server: None, of_files: Counter[Any], tmp_path: Path) -> None:
    rows = manifest_rows(tmp_path, images())
    for row in rows:
        row |= {"label": "wrong", "split": "wrong", "species": row["label"], "part": row["split"], "where": row["path"]}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    columns = {"path": "where", "label": "species", "split": "part", "group": "species"}
    assert listed({"root": str(tmp_path / "list.parquet")}, tmp_path / "w", **columns)[0] == of_files
    (index,) = (tmp_path / "w").glob("stages/index/*/train.parquet")
    table = pq.read_table(index)
    assert table["group"].to_pylist() == table["class_name"].to_pylist()
    images_of = parquet_table(images()["train"], named=True).rename_columns(["face", "label"])
    pq.write_table(images_of, tmp_path / "train.parquet")
    pq.write_table(images_of.slice(0, 3), tmp_path / "test.parquet")
    given: dict[str, Any] = {name: str(tmp_path / f"{name}.parquet") for name in ("train", "test")}
    assert audit(**given, columns=("image=face",), workspace=tmp_path / "w").pair("test", "train").exact == 3


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("name=x",), "columns name=x is not one of path=NAME, image=NAME"),
        (("label",), "columns label is not one of path=NAME"),
        (("label=species",), r"list\.csv has no column species; it has path, label, split"),
    ],
)
def test_columns_that_are_not_there_are_refused(
    prefect_server: None, columns: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        audit(root=str(as_csv(tmp_path / "data", images())), columns=columns, workspace=tmp_path / "w")


def test_a_folder_has_no_columns(prefect_server: None, tmp_path: Path) -> None:
    root = str(as_files(tmp_path / "data", images()))
    with pytest.raises(UsageError, match="data has no table with these columns; correct or remove --columns"):
        audit(root=root, columns=("label=species",), workspace=tmp_path / "w")


def test_sources_of_one_split_each_are_read_from_rows_too(of_files: Counter[Any], tmp_path: Path) -> None:
    given = images()
    for split, rows in given.items():
        pq.write_table(parquet_table(rows, named=True), tmp_path / f"{split}.parquet")
    np.savez(
        tmp_path / "test.npz",
        images=np.stack([i for _, i in given["test"]]),
        labels=np.array([n for n, _ in given["test"]]),
    )
    of_rows = {"train": str(tmp_path / "train.parquet"), "test": str(tmp_path / "test.npz")}
    assert listed(of_rows, tmp_path / "w")[0] == of_files


def cifar_batches(folder: Path) -> Path:
    """Write small files like CIFAR-10's: 30 rows of train, and 12 of test, two of them also in train."""
    folder.mkdir()
    pictures = [scene(32, 32, seed=seed) for seed in range(40)]
    arrays = np.stack([np.asarray(picture).transpose(2, 0, 1).reshape(-1) for picture in pictures])
    parts = {"data_batch_1": range(15), "data_batch_2": range(15, 30), "test_batch": [*range(30, 40), 0, 16]}
    for name, rows in parts.items():
        batch = {b"data": arrays[list(rows)], b"labels": [row % 2 for row in rows]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"cat", b"dog"]}, protocol=2))
    return folder


@pytest.mark.parametrize("form", ["arrays", "manifest"])
def test_rows_of_one_split_have_the_classes_of_their_labels(form: str, tmp_path: Path) -> None:
    own = glyphs(4, seed=1)
    expected = write_folder(tmp_path / "files", {f"{'ab'[n % 2]}/{n}.png": png(own[n]) for n in range(4)})
    np.savez(source := tmp_path / "arrays.npz", x_train=own, y_train=np.array(["a", "b", "a", "b"]))
    if form == "manifest":
        rows = [("path", "label", "split"), *((f"files/{'ab'[n % 2]}/{n}.png", "ab"[n % 2], "train") for n in range(4))]
        source = write_folder(tmp_path, {"list.csv": "\n".join(map(",".join, rows)).encode()}) / "list.csv"
    for role in ("source", "train"):
        assert listed({role: str(source)}, tmp_path / form)[0] == listed({role: str(expected)}, tmp_path / "w")[0]


def test_what_lies_beside_the_rows_is_accounted_for(of_files: Counter[Any], tmp_path: Path) -> None:
    parquet = as_parquet(tmp_path / "hub", images())
    write_folder(parquet, {"README.md": b"x", "assets/a/1.png": png(glyphs(1, seed=9)[0])})
    both = as_idx(tmp_path / "raw", images())
    (both / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress((both / "t10k-images-idx3-ubyte").read_bytes()))
    for root, beside in ((parquet, {"README.md", "assets/a/1.png"}), (both, {"t10k-images-idx3-ubyte.gz"})):
        held, members = listed({"root": str(root)}, space := tmp_path / "w" / root.name)
        assert held == of_files
        assert {outcome for *_, outcome in members} == {"accepted", "beside_rows"}
        indexes = [pq.read_table(file) for file in space.glob("stages/index/*/*.parquet")]
        named = [row for row in pa.concat_tables(indexes).to_pylist() if row["outcome"]]
        assert {row["member"] for row in named} == beside
        assert {(row["outcome"], row["reason"]) for row in named} == {("ignored", "beside_rows")}


def test_cifar_s_pickles_are_read_by_the_names_of_their_classes(prefect_server: None, tmp_path: Path) -> None:
    folder = cifar_batches(tmp_path / "cifar-10-batches-py")
    report = audit(root=str(folder), workspace=tmp_path / "w")
    assert report.classes == ("cat", "dog")
    assert (report.rows.train, report.rows.test, report.pair("test", "train").exact) == (30, 12, 2)


def test_photographs_in_parquet_keep_their_format_and_a_row_without_one_is_named(
    prefect_server: None, tmp_path: Path
) -> None:
    pictures: list[bytes | None] = [
        saved(scene(80, 60, seed=seed), form) for seed in range(12) for form in ("JPEG", "WEBP")
    ]
    pq.write_table(pa.table({"img": pa.array([*pictures, None, b"no image"], pa.binary())}), tmp_path / "train.parquet")
    pq.write_table(pa.table({"img": pa.array(pictures[:4], pa.binary())}), tmp_path / "test.parquet")
    given: dict[str, Any] = {name: str(tmp_path / f"{name}.parquet") for name in ("train", "test")}
    report = audit(**given, workspace=tmp_path / "w", max_quarantine=0.5)
    assert report.pair("test", "train").exact == 4
    assert sum(row.mislabelled for row in report.conservation) == 0
    refused = {row["reason"] for row in pq.read_table(report.run / "quarantine.parquet").to_pylist()}
    assert refused == {"missing_file", "not_image"}


def test_several_requests_of_a_review_get_the_images_of_a_table(prefect_server: None, tmp_path: Path) -> None:
    pictures = [saved(scene(80, 60, seed=seed), "JPEG") for seed in range(20)]
    table = pa.table({"image": pa.array(pictures, pa.binary())})
    pq.write_table(table, tmp_path / "set.parquet", row_group_size=7)
    found = read_findings(Place.of(dedupe(source=str(tmp_path / "set.parquet"), workspace=tmp_path / "w").run))
    ids = found.shards[0].role + "/(none)/set-{:06}.jpg"
    asked = [ids.format(row) for row in range(20)]
    shown = Photographs(found, Place.of(tmp_path / "w"), asked).shown
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(shown, asked * 10))
    assert [data for data, _ in answers] == pictures * 10


def test_a_manifest_may_have_no_labels_and_name_a_missing_file(of_files: Counter[Any], tmp_path: Path) -> None:
    rows = manifest_rows(tmp_path, images())
    for split in ("train", "test"):
        lines = [row["path"] for row in rows if row["split"] == split]
        (tmp_path / f"{split}.tsv").write_text(
            "\n".join(["path\tnote", *(f"{line}\tx" for line in lines), "gone.png\tx"]) + "\n"
        )
    held, members = listed({name: str(tmp_path / f"{name}.tsv") for name in ("train", "test")}, tmp_path / "w")
    alike, expected = (Counter((split, pixels) for split, _, pixels in of.elements()) for of in (held, of_files))
    assert alike == expected
    refused = {(split, outcome): count for (split, _, outcome), count in members.items() if outcome != "accepted"}
    assert refused == {("train", "missing_file"): 1, ("test", "missing_file"): 1}


def test_colour_arrays_are_read(prefect_server: None, tmp_path: Path) -> None:
    colour = np.stack([np.asarray(scene(40, 30, seed=seed)) for seed in range(20)])
    np.save(tmp_path / "train.npy", colour[:12])
    np.save(tmp_path / "test.npy", colour[8:])
    given: dict[str, Any] = {name: str(tmp_path / f"{name}.npy") for name in ("train", "test")}
    assert audit(**given, workspace=tmp_path / "w").pair("test", "train").exact == 4
    assert Image.open(io.BytesIO(png(colour[0, :, :, 0]))).size == (40, 30)


def test_columns_of_a_list_are_not_left_out_in_silence(prefect_server: None, tmp_path: Path) -> None:
    options = ("--columns", "path=scan", "--workspace", str(tmp_path / "w"))
    keys = {"path": "scan", "label": "grade", "split": "split"}
    rows = [{keys[key]: value for key, value in row.items()} for row in manifest_rows(tmp_path, images())]
    pq.write_table(pa.Table.from_pylist([row | {"video_id": "v"} for row in rows]), tmp_path / "all.parquet")
    others = "is read without labels. Its other columns are grade, video_id; `--columns label=NAME` names the one of"
    grouped = "has the column video_id, which may name groups; `--columns group=video_id --group-by group` reads them."
    audited = here("audit", str(tmp_path / "all.parquet"), *options)
    assert f"{tmp_path}/all.parquet {others}" in audited.stderr
    assert f"{tmp_path}/all.parquet {grouped}" in audited.stderr
    for name in ("large", "small"):
        lines = ["scan,grade", *(f"{row['scan']},{row['grade']}" for row in rows)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    sources = ("--large", str(tmp_path / "large.csv"), "--small", str(tmp_path / "small.csv"))
    run = refused(here("run", *sources, *options), 3)
    assert run.endswith("Its other columns are grade; `--columns label=NAME` names the one of labels.")
    named = here("audit", str(tmp_path / "all.parquet"), *options, "--columns", "label=grade", "--group-by", "video_id")
    assert refused(named, 2).endswith("for a column, give `--columns group=video_id --group-by group`.")
