"""Sets with known or judged leaks, unpacked as two folders of classes, and the known facts about them."""

import csv
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.photos import plant
from tests.benchmarks.verdicts import by_track
from tests.build import SHARED

DATA = SHARED / "data"
Named = tuple[str, str]  # class/file of a test and of a train image


@dataclass(frozen=True)
class Known:
    """A set and what is known: `same` and `alike` are judged pairs; of `listed` test images a duplicate is known."""

    name: str
    folder: Path
    same: frozenset[Named] = frozenset()
    alike: frozenset[Named] = frozenset()
    listed: frozenset[str] = frozenset()
    identical: frozenset[str] = field(default_factory=frozenset)


def short(path: str) -> str:
    """Return class and file of a path."""
    return "/".join(path.split("/")[-2:])


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack an archive of classes, without the folders above them and hidden ones; returns the files."""
    files = []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and "/." not in member.name and (data := tar.extractfile(member)) is not None:
                target = folder / short(member.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data.read())
                files.append(target)
    return sorted(files)


def identical(folder: Path) -> frozenset[str]:
    """Return the test images with the pixels of a train image; files that are not images are removed."""
    digests = {split: dict(_digests(folder / split)) for split in ("train", "test")}
    known = set(digests["train"].values())
    return frozenset(name for name, digest in digests["test"].items() if digest in known)


def _digests(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                with Image.open(path) as image:
                    whole = image.mode, image.size, image.tobytes()
            except (OSError, SyntaxError):
                path.unlink()
                continue
            yield short(str(path)), md5(repr(whole[:2]).encode() + whole[2], usedforsecurity=False).digest()


def judged(key: str, verdict: str) -> frozenset[Named]:
    """Return the pairs of a set that were judged so by eye."""
    with (DATA / "judged_pairs.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == key and row["verdict"] == verdict]
    return frozenset((short(row["query"]), short(row["match"])) for row in rows)


def _cifar(folder: Path) -> Known:
    listed = json.loads((DATA / "cifar_expected.json").read_text())["twins"]
    near = frozenset(short(twin["test"]) for twin in listed if twin["judgment"] == "near")
    return Known("CIFAR-10, sample", folder, listed=near)


def _pair(name: str, train: str, test: str) -> Callable[[Path], Known]:
    def make(folder: Path) -> Known:
        unpack(DATA / train, folder / "train")
        unpack(DATA / test, folder / "test")
        if name.startswith("CIFAR"):
            return _cifar(folder)
        key = {"brain scans": "mri", "Fashion-MNIST, sample": "fashion"}.get(name, "")
        return Known(name, folder, judged(key, "TRUE"), judged(key, "ALIKE") | judged(key, "FALSE"))

    return make


def _signs(folder: Path) -> Known:
    folder.mkdir(parents=True)
    train, test = by_track(DATA / "gtsrb_frames.tar", folder)
    for archive, split in ((train, "train"), (test, "test")):
        unpack(archive, folder / split)
        archive.unlink()
    return Known("traffic signs, by track", folder)


def _xrays(folder: Path) -> Known:
    trained = {path.name for path in unpack(DATA / "xray_train.tar", folder / "train")}
    tested = unpack(DATA / "xray_test.tar", folder / "test")  # a file of the same name is a smaller, re-encoded copy
    return Known("X-rays", folder, listed=frozenset(short(str(path)) for path in tested if path.name in trained))


def _halves(folder: Path) -> Known:
    files = unpack(DATA / "notmnist_real_5k.tar.gz", folder / "train")
    for number in np.random.default_rng(0).permutation(len(files))[: len(files) // 5].tolist():
        path = files[number]
        target = folder / "test" / short(str(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    return Known("notMNIST, 5,000", folder)


def planted(archives: tuple[str, str]) -> Callable[[Path], Known]:
    """Return what makes a set with changed pictures of train in test."""

    def make(folder: Path) -> Known:
        plant(unpack(DATA / archives[0], folder / "train"), unpack(DATA / archives[1], folder / "test"))
        return Known(archives[0].partition("_")[0], folder)

    return make


SETS: tuple[Callable[[Path], Known], ...] = (
    _halves,
    _pair("open fonts", "openfonts_large.tar.gz", "openfonts_small.tar.gz"),
    _pair("CIFAR-10, sample", "cifar_train.tar.gz", "cifar_test.tar.gz"),
    _pair("brain scans", "mri_train.tar", "mri_test.tar"),
    _pair("Fashion-MNIST, sample", "fashion_train.tar", "fashion_test.tar"),
    _signs,
    _xrays,
)
