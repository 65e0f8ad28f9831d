"""Where a source is not what a command wants, the sentence says what it found, and its command, pasted, works."""

import csv
import io
import pickle
import re
import shlex
import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import DataError, UsageError
from tasks.records import Source
from tasks.records.spec import DedupeSpec
from tasks.sources.opening import open_source
from tasks.storage.place import Place
from tests.build import glyphs, png, write_folder, write_tar
from tests.flows.test_cli import here, refused
from tests.sources.listed import read_as_typed

Build = Callable[[Path], tuple[str, ...]]  # writes the data below a folder, and returns the arguments of the command


def images(*folders: str, each: int = 6) -> dict[str, bytes]:
    """Return files: some images in each folder, all different."""
    own = iter(glyphs(each * len(folders), seed=7))
    return {f"{folder}/{n}.png".lstrip("/"): png(next(own)) for folder in folders for n in range(each)}


def audit(folder: Path, files: dict[str, bytes]) -> tuple[str, ...]:
    return ("audit", str(write_folder(folder / "my data", files)))


def coco(folder: Path) -> tuple[str, ...]:
    return audit(folder, images("train2017", "val2017") | {"annotations/instances_val2017.json": b"{}"})


def cifar(folder: Path) -> tuple[str, ...]:
    rng = np.random.default_rng(0)

    def batch(count: int) -> bytes:
        data = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        return pickle.dumps({b"data": data, b"labels": [n % 2 for n in range(count)]})

    files = {"data_batch_1": batch(8), "data_batch_2": batch(8), "test_batch": batch(8)}
    files |= {"batches.meta": pickle.dumps({b"label_names": [b"cat", b"dog"]}), "readme.html": b"<html>"}
    path = folder / "cifar-10-python.tar.gz"
    return ("audit", str(write_tar(path, {f"cifar-10-batches-py/{name}": data for name, data in files.items()})))


def shards(folder: Path) -> tuple[str, ...]:
    (folder / "my data").mkdir(parents=True)
    for name in ("train-000", "train-001", "test-000"):
        write_tar(folder / "my data" / f"{name}.tar", {f"{name}-{k}": v for k, v in images("").items()})
    return ("audit", str(folder / "my data"))


def named_otherwise(folder: Path) -> tuple[str, ...]:
    return audit(folder, images("train_images/a", "train_images/b", "test_images/a", "test_images/b"))


def zipped(folder: Path) -> tuple[str, ...]:
    made = write_folder(folder / "data", images("train_images/a", "test_images/a"))
    return ("audit", shutil.make_archive(str(folder / "my data"), "zip", made))


def only_train(folder: Path) -> tuple[str, ...]:
    return audit(folder, images("train/a", "train/b"))


def empty_test(folder: Path) -> tuple[str, ...]:
    (folder / "my data" / "test").mkdir(parents=True)
    return only_train(folder)


def empty_train(folder: Path) -> tuple[str, ...]:
    (folder / "my data" / "train").mkdir(parents=True)
    return audit(folder, images("test/a", each=12))


def one_set(folder: Path) -> tuple[str, ...]:
    return audit(folder, images("a", "b"))


def links(folder: Path, *splits: str) -> tuple[str, ...]:
    real = write_folder(folder / "store", images(*(splits or ("train/a", "test/a"))))
    (linked := folder / "my data").mkdir()
    for path in real.iterdir():
        (linked / path.name).symlink_to(path)
    return ("audit", str(linked))


def parquet(folder: Path) -> tuple[str, ...]:
    pictures = images("pictures/a", "pictures/b", each=6)  # in class folders, where tables give no labels
    name, root = audit(folder, pictures)
    for split, paths in (("train", list(pictures)[:6]), ("test", list(pictures)[6:])):
        pq.write_table(pa.table({"path": paths, "label": ["a"] * 6}), Path(root) / f"{split}.parquet")
    return name, root


def no_images(folder: Path) -> tuple[str, ...]:
    return audit(folder, {"a/notes.txt": b"x", "a/more.txt": b"x", "model.h5": b"x"})


def empty(folder: Path) -> tuple[str, ...]:
    (folder / "my data").mkdir()
    return ("audit", str(folder / "my data"))


# The command, the number of its images of train and test, and of the one set.
SITUATIONS: dict[str, tuple[Build, str, tuple[int, int] | int]] = {
    "COCO": (coco, "my data holds 12 images in train2017 (6), val2017 (6); run", (6, 6)),
    "CIFAR as it is published": (cifar, "holds files of CIFAR or MNIST", (16, 8)),
    "shards": (shards, "my data holds 3 archives such as test-000.tar", (12, 6)),
    "train_images": (named_otherwise, "my data holds 24 images in test_images (12), train_images (12); run", (12, 12)),
    "an archive of splits": (zipped, "train_images (6); unpack it into 'my data-unpacked'; run", (6, 6)),
    "only train": (only_train, "my data holds 12 images in train/a (6), train/b (6), and no split but train", 12),
    "an empty split": (empty_test, "train/b (6), and no split but train, with no images in test; run `", 12),
    "an empty train": (empty_train, "12 images in test/a (12), and no split but test, with no images in train", 12),
    "one set": (one_set, "my data holds 12 images in a (6), b (6), and no splits", 12),
    "links": (links, "my data has 2 links that lead out of it", (6, 6)),
    "Parquet with paths": (parquet, "my data holds a table of each split, train.parquet, test.parquet", (6, 6)),
    "no images": (no_images, "my data holds no images, but 2 .txt, 1 .h5; name another source (docs/", 0),
    "an empty folder": (empty, "my data is empty; name another source (docs/data.md", 0),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_sentence_says_what_is_there_and_its_commands_read_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, said, expected = SITUATIONS[name]
    (given := tmp_path / "given").mkdir()
    code = UsageError.exit_code if expected else DataError.exit_code
    sentence = refused(here(*build(given), "--workspace", str(tmp_path / "w")), code)
    assert said in sentence
    commands = re.findall("`([^`]+)`", sentence)
    assert bool(commands) is bool(expected)
    for number, command in enumerate(commands):
        (current := tmp_path / str(number)).mkdir()
        monkeypatch.chdir(current)
        if into := re.search("unpack it into (.+);", sentence):
            (packed,) = (path for path in given.iterdir() if path.is_file())
            shutil.unpack_archive(packed, *shlex.split(into[1]))
        own, *words = shlex.split(command)
        assert own == "cleansplit"
        found = {role: images.total() for role, images in read_as_typed(words, current / "w").items()}
        assert expected in ((found.get("train"), found.get("test")), sum(found.values()))


def test_every_command_of_a_sentence_runs(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, source = one_set(tmp_path)
    sentence = refused(here("audit", source, "--workspace", "w"), UsageError.exit_code)
    commands = [shlex.split(command)[1:] for command in re.findall("`([^`]+)`", sentence)]
    assert [words[0] for words in commands] == ["dedupe", "split"]
    for words in commands:
        done = here(*words, "--workspace", "w")
        assert done.returncode == 0, done.stderr


def test_an_option_is_given_instead_where_a_command_has_several_sources(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
    given = {"--train": shards(tmp_path / "train")[1], "--test": links(tmp_path / "test", "a", "b")[1]}
    for option, said in (("--train", "holds 3 archives"), ("--test", "has 2 links")):
        sentence = refused(here("audit", *chain(*given.items()), "--workspace", "w"), UsageError.exit_code)
        assert said in sentence
        (instead,) = re.findall("`([^`]+)`", sentence)
        words = shlex.split(instead)
        assert words[0] == option
        given |= zip(words[::2], words[1::2], strict=True)
    found = read_as_typed(["audit", *chain(*given.items())], tmp_path / "read")
    assert {role: images.total() for role, images in found.items()} == {"train": 18, "test": 12}


def test_a_table_without_paths_names_its_columns_and_the_one_with_files(prefect_server: None, tmp_path: Path) -> None:
    pictures, text = images("pictures", each=12), io.StringIO()
    rows = [("scan", "finding", "phase"), *((path, "a", ("train", "test")[n % 2]) for n, path in enumerate(pictures))]
    csv.writer(text).writerows(rows)
    command, root = audit(tmp_path, pictures | {"my list.csv": text.getvalue().encode()})
    source = f"{root}/my list.csv"
    given = [command, source, "--workspace", str(tmp_path / "w")]
    sentence = refused(here(*given), 3)
    assert "row 1 of " in sentence
    assert "has no path; its columns are scan, finding, phase; add `--columns path=scan`." in sentence
    columns = [*re.findall("`([^`]+)`", sentence)[0].split(), "split=phase", "label=finding"]
    found = read_as_typed([command, source, *columns], tmp_path / "w")
    assert {role: images.total() for role, images in found.items()} == {"train": 6, "test": 6}
    nested = pa.table({"images": [[{"bytes": b"x"}]], "label": ["a"]})
    pq.write_table(nested, tmp_path / "nested.parquet")
    sentence = refused(here(command, str(tmp_path / "nested.parquet"), *given[2:]), 3)
    assert "its columns are images, label; none of them has the path of a file" in sentence
    Path(source).write_text("id,label\nscan1,a\n")
    sentence = refused(here(*given), 3)
    assert "its columns are id, label; none of them has the path of a file; if one has ids of images, run " in sentence
    assert shlex.split(re.findall("`([^`]+)`", sentence)[0]) == ["cleansplit", "audit", str(Path(source).parent)]


@pytest.mark.parametrize(
    ("large", "small", "said"),
    [
        (["a"], ["a"], "large has one class folder (a), but a run needs two"),
        ([""], ["a", "b"], "large has no class folders, but a run needs two"),
        (["a", "b"], ["b", "c"], "the sources of a run need the same classes, but large lacks 1 of 3 classes: c."),
    ],
)
def test_sources_that_a_run_does_not_take_are_for_another_command(
    prefect_server: None, large: list[str], small: list[str], said: str, tmp_path: Path
) -> None:
    given = {f"--{name}": str(tmp_path / name) for name in ("large", "small")}
    for source, folders in zip(given.values(), (large, small), strict=True):
        write_folder(Path(source), images(*folders, each=30))
    sentence = refused(here("run", *chain(*given.items()), "--workspace", str(tmp_path / "w")), 3)
    assert said in sentence
    found = read_as_typed(shlex.split(re.findall("`([^`]+)`", sentence)[0])[1:], tmp_path / "w")
    assert {images.total() for images in found.values()} <= {30 * len(large), 30 * len(small)}


def test_splits_under_other_names_are_refused_before_an_image_is_read(tmp_path: Path) -> None:
    for number, split in enumerate(("train2017", "val2017")):
        (path := tmp_path / split / f"{number}.png").parent.mkdir()
        with path.open("wb") as file:
            file.truncate(60 << 20)
    source = Source("root", str(tmp_path), str(tmp_path), None, {})
    before = _bytes_read()
    with pytest.raises(UsageError, match=r"holds 2 images in train2017 \(1\), val2017 \(1\); run"):
        open_source(source, Place.of(tmp_path / "w"))
    assert _bytes_read() - before < 60 << 20  # what one image has


def _bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


def test_the_splits_in_a_list_have_the_names_that_the_user_wrote(tmp_path: Path) -> None:
    names = [
        str(write_folder(tmp_path, images("train/a", "test/a")) / f"{of}/a/{n}.png")
        for of in ("train", "test")
        for n in (0, 1)
    ]
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in names))
    said = refused(here("dedupe", str(tmp_path / "list.txt"), "--workspace", str(tmp_path / "w")), 2)
    assert "holds 4 images in test (2), train (2), which are splits, not classes" in said


@pytest.mark.parametrize("name", ["fonts", "notmnist"])
def test_a_folder_with_the_name_of_a_generated_source_is_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / name, images("a", "b"))
    assert read_as_typed(["dedupe", name], tmp_path / "w")["source"].total() == 12
    assert DedupeSpec.of(source=name).minimum("source") == 1
