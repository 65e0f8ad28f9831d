"""Layouts in which images of a split were once left out, where their copies in another split were never found."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import DataError
from tests.build import glyphs, png, write_folder, write_tar
from tests.sources.listed import listed

Splits = Mapping[str, list[bytes]]
IMAGES = [png(image) for image in glyphs(10, seed=0)]
SETS = {"train": IMAGES[:6], "test": IMAGES[4:]}


def parquet(images: list[bytes], column: str = "image", **others: list[bytes]) -> bytes:
    columns = {name: [{"bytes": data} for data in own] for name, own in (others | {column: images}).items()}
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def files(splits: Splits, pattern: str) -> dict[str, bytes]:
    return {pattern.format(split, number): data for split, own in splits.items() for number, data in enumerate(own)}


def halves(path: Path, splits: Splits, write: Callable[[Path, list[bytes]], object], ending: str) -> dict[str, str]:
    """Write each split as two files with one name."""
    for split, own in splits.items():
        for folder, part in (("en", own[::2]), ("fr", own[1::2])):
            (path / folder / split).mkdir(parents=True)
            write(path / folder / split / f"0000{ending}", part)
    return {split: str(path / "*" / split / f"*{ending}") for split in splits}


def shard(path: Path, images: list[bytes]) -> None:
    numbered = {f"{n:04}": data for n, data in enumerate(images)}
    write_tar(path, {f"{n}.png": data for n, data in numbered.items()} | {f"{n}.cls": b"x" for n in numbered})


def of_one_shard(path: Path, splits: Splits) -> dict[str, str]:
    write_tar(path / "x.tar", files(splits, "./{}/{:04}.png") | dict.fromkeys(files(splits, "./{}/{:04}.cls"), b"x"))
    return {"root": str(path / "x.tar")}


def of_yolo(path: Path, splits: Splits) -> dict[str, str]:
    train = files({"train": splits["train"]}, "{}/images/{}.png")
    labels = {name.replace("images", "labels").replace(".png", ".txt"): b"0 1 1 1 1" for name in train}
    return in_folder(path, train | labels | files({"test": splits["test"]}, "{}/{}.png"))


def in_folder(path: Path, members: Mapping[str, bytes]) -> dict[str, str]:
    return {"root": str(write_folder(path, members))}


def table(path: Path, splits: Splits, name: str, start: str, line: str) -> dict[str, str]:
    rows = [line.format(path=f"{split}{n}.png", split=split) for split, own in splits.items() for n in range(len(own))]
    write_folder(path, files(splits, "{}{}.png") | {name: "\n".join([start, *rows]).encode()})
    return {"root": str(path / name)}


def json_lines(path: Path, splits: Splits) -> dict[str, str]:
    rows = [
        {"path": name, "split": "train" if name.startswith("train") else "test"} for name in files(splits, "{}{}.png")
    ]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    write_folder(path, files(splits, "{}{}.png") | {"a.jsonl": f"\ufeff{lines}".encode()})
    return {"root": str(path / "a.jsonl")}


def lists(path: Path, splits: Splits) -> dict[str, str]:
    for split, own in splits.items():
        names = "".join(f"{split}{number}.png\n" for number in range(len(own)))
        write_folder(path, {f"{split}.txt": f"\ufeff{names}".encode()})
    write_folder(path, files(splits, "{}{}.png"))
    return {split: str(path / f"{split}.txt") for split in splits}


def from_windows(path: Path, splits: Splits) -> dict[str, str]:
    with zipfile.ZipFile(path / "x.zip", "w") as archive:
        for name, data in files(splits, "{}\\x\\{}.png").items():
            about = zipfile.ZipInfo(name)
            about.create_system = 0
            archive.writestr(about, data)
    return {"root": str(path / "x.zip")}


LABELLED = {"metadata.csv": b"file_name,label\n" + b"".join(b"%d.png,x\n" % n for n in range(6))}
LAYOUTS: dict[str, Callable[[Path, Splits], dict[str, str]]] = {
    "Parquet of one name": lambda p, s: halves(p, s, lambda file, own: file.write_bytes(parquet(own)), ".parquet"),
    "Parquet in folders of splits": lambda p, s: in_folder(
        p, {f"default/{name}/0000.parquet": parquet(own) for name, own in s.items()}
    ),
    "Parquet with masks": lambda p, s: in_folder(
        p, {f"{name}.parquet": parquet(own, mask=IMAGES[:1] * len(own)) for name, own in s.items()}
    ),
    "shards of one name": lambda p, s: halves(p, s, shard, ".tar"),
    "a shard with both splits": of_one_shard,
    "labels of YOLO in train": of_yolo,
    "labels, and a split called holdout": lambda p, s: in_folder(
        p,
        files({"train": s["train"], "holdout": s["test"]}, "{}/{}.png")
        | {f"{split}/{name}": data for split in ("train", "holdout") for name, data in LABELLED.items()},
    ),
    "a label like a hidden file": lambda p, s: table(p, s, "a.csv", "path,label,split", "{path},.net~,{split}"),
    "spaces after commas": lambda p, s: table(p, s, "a.csv", "path, label, split", "{path}, x, {split}"),
    "JSON lines of Windows": json_lines,
    "lists of Windows": lists,
    "a zip of Windows": from_windows,
    "a folder that ends with a tilde": lambda p, s: in_folder(p, files(s, "{}/old~/{}.png")),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_image_of_every_split_is_read(layout: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    found, members = listed(LAYOUTS[layout](tmp_path / "set", SETS), tmp_path / "w")
    held = {split: Counter(pixels for role, _, pixels in found.elements() if role == split) for split in SETS}
    assert {split: pixels.total() for split, pixels in held.items()} == {"train": 6, "test": 6}, members
    assert (held["train"] & held["test"]).total() == 2


def test_of_several_image_columns_one_has_to_be_named(tmp_path: Path) -> None:
    write_folder(tmp_path, {"train.parquet": parquet(IMAGES, "left", right=IMAGES)})
    with pytest.raises(DataError, match="columns right, left; name one: `--columns image=right`"):
        listed({"train": str(tmp_path / "train.parquet")}, tmp_path / "w")
    found, _ = listed({"train": str(tmp_path / "train.parquet")}, tmp_path / "w", image="left")
    assert found.total() == 10


def test_labels_that_became_floats_are_the_same_classes(tmp_path: Path) -> None:
    write_folder(tmp_path, files({"a": IMAGES[:2]}, "{}{}.png") | {"a.csv": b"path,label\na0.png,3\na1.png,3.0\n"})
    _, members = listed({"train": str(tmp_path / "a.csv")}, tmp_path / "w")
    assert members == {("train", "3", "accepted"): 2}


def test_a_class_that_is_no_name_of_a_folder_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, files({"a": IMAGES[:1]}, "{}{}.png") | {"a.csv": b"path,label\na0.png,.\n"})
    with pytest.raises(DataError, match=r"a0\.png has the class '\.', which no folder can have"):
        listed({"train": str(tmp_path / "a.csv")}, tmp_path / "w")
