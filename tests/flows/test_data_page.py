"""Every command of docs/data.md, on sources of the names and forms that it gives."""

import contextlib
import re
import shlex
import tarfile
import zipfile
from pathlib import Path

import pytest

from flows.command.commands import execute
from tests.build import ROOT, glyphs, png, write_folder, write_tar
from tests.flows.test_rows import (
    Images,
    as_csv,
    as_files,
    as_idx,
    as_npz,
    as_parquet,
    as_saved,
    as_shards,
    cifar_batches,
)
from tests.sources.detection_sets import SPLITS, coco, hub, picture
from tests.sources.listed import read_as_typed

COMMANDS = re.findall(r"^\|.*\| `(cleansplit [^`]*)` \|$", (ROOT / "docs" / "data.md").read_text(), re.MULTILINE)


def splits() -> Images:
    """Return three splits of two classes that share some images."""
    found: Images = {"train": [], "val": [], "test": []}
    for name in "ab":
        own = glyphs(60, seed=ord(name))
        found["train"] += [(name, image) for image in own[:40]]
        found["val"] += [(name, image) for image in own[38:45]]
        found["test"] += [(name, image) for image in [*own[45:], *own[:5]]]
    return found


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, given = tmp_path_factory.mktemp("sources"), splits()
    two = {split: given[split] for split in ("train", "test")}
    as_files(folder / "data", given)
    members = {
        path.relative_to(folder / "data").as_posix(): path.read_bytes() for path in (folder / "data").rglob("*.png")
    }
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(f"data/{name}", data)
    as_files(folder, two)
    with tarfile.open(folder / "train.tar.xz", "w:xz") as tar:
        tar.add(folder / "train", "train")
    with zipfile.ZipFile(folder / "test.zip", "w") as archive:
        for path in (folder / "test").rglob("*.png"):
            archive.write(path, path.relative_to(folder))
    for name, split in (("before", "train"), ("after", "test")):
        write_folder(folder / name, {f"{i}.png": png(image) for i, (_, image) in enumerate(given[split])})
    for name, split in (("large", "train"), ("small", "test")):
        own = {f"root/{c}/{i}.png": png(image) for i, (c, image) in enumerate(given[split])}
        write_tar(folder / f"{name}.tar.gz", own)
    as_parquet(folder / "hub", two)
    as_npz(folder / "mnist", two)
    (folder / "MNIST").mkdir()
    as_idx(folder / "MNIST" / "raw", two, packed=True)
    cifar_batches(folder / "cifar-10-batches-py")
    (folder / "list.csv").write_text(
        (as_csv(folder / "listed", two)).read_text().replace("pictures/", "listed/pictures/")
    )
    _, *lines = (folder / "list.csv").read_text().splitlines()
    (folder / "cases.csv").write_text("\n".join(["scan,finding,split,patient", *(f"{line},p1" for line in lines)]))
    for split in two:
        named = (line.split(",") for line in lines if line.endswith(split))
        (folder / f"{split}.txt").write_text("\n".join(f"{path} {label}" for path, label, _ in named))
    as_saved(folder / "saved", two)
    as_shards(folder / "shards", two)
    write_folder(folder / "coco", coco({"train": SPLITS["train"], "test": SPLITS["val"]}))
    write_folder(folder / "pets", hub({"train": SPLITS["train"], "test": SPLITS["val"]}))
    images = {f"train_images/{n}.jpg": picture(n) for n in range(4)} | {
        f"test/{n}.jpg": picture(n) for n in range(3, 6)
    }
    table = {"train.csv": b"id_code,diagnosis\n0,1\n1,0\n2,0\n3,1\n"}
    write_folder(folder / "aptos", images | table)
    return folder


def test_the_page_has_a_command_for_every_form() -> None:
    assert len(COMMANDS) == 18


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_reads_shared_images(
    command: str, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sources)
    found = read_as_typed(shlex.split(command)[1:], tmp_path)
    train, test = (found.get(name, found.get(other)) for name, other in (("train", "large"), ("test", "small")))
    assert train
    assert test
    assert train & test, "each form has shared images"


def test_the_first_command_of_the_page_does_what_it_says(
    sources: Path, prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sources)
    with contextlib.suppress(SystemExit):
        execute([*shlex.split(COMMANDS[0])[1:], "--workspace", str(tmp_path)])
    report = (tmp_path / "latest" / "README.md").read_text()
    assert re.search(
        r"^## [1-9][\d,]* of the [\d,]+ test images \([\d.]+ %\) have a duplicate in train\.$", report, re.M
    )
