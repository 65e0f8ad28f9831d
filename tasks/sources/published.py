"""Public data sets by name: their files, as in public_sets.yaml, and their layout as folders."""

import csv
import posixpath
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import get_args

import yaml

from tasks.sources.download import PublishedFile
from tasks.storage import Place, at, disk
from tasks.vocabulary import PublicName, Role

MANIFEST = "signs.csv"  # path, label, split and, for train, group: the photographed sign
# The files of a data set, and a function that lays them out in a folder; it returns the path to read, or "".
PublicSet = tuple[tuple[PublishedFile, ...], Callable[[Sequence[Place], Place], str]]


def _unpacked_pickles(parts: Sequence[Place], target: Place) -> str:
    with at(parts[0]).reading() as file, tarfile.open(fileobj=file, mode="r:gz") as archive:
        for member in archive:
            if (content := archive.extractfile(member)) and not member.name.endswith(".html"):
                disk.write_bytes(target / posixpath.basename(member.name), content.read())
    return ""


def _as_they_are(parts: Sequence[Place], target: Place) -> str:
    for file in parts:
        disk.write_bytes(target / file.last, at(file).read_bytes())
    return ""


def _signs(parts: Sequence[Place], target: Place) -> str:
    """Unpack images of traffic signs, whose classes are folders in train, and a table in test."""
    of_train, of_test, of_classes = parts
    rows = []
    with at(of_classes).reading() as file, zipfile.ZipFile(file) as archive:
        (table,) = [name for name in archive.namelist() if name.endswith(".csv")]
        lines = archive.read(table).decode().splitlines()
    classes = {row["Filename"]: int(row["ClassId"]) for row in csv.DictReader(lines, delimiter=";")}
    for packed, split in ((of_train, "train"), (of_test, "test")):
        disk.make_folder(target / split)
        with at(packed).reading() as file, zipfile.ZipFile(file) as archive:
            for member in (name for name in archive.namelist() if name.endswith(".ppm")):
                folder, picture = posixpath.split(member)
                label = int(posixpath.basename(folder)) if split == "train" else classes[picture]
                path = f"{split}/{label:05d}-{picture}"
                disk.write_bytes(target / path, archive.read(member))
                track = f"{label:05d}/{picture.partition('_')[0]}" if split == "train" else ""
                rows.append((path, f"{label:05d}", split, track))
    lines = [",".join(row) + "\r\n" for row in [("path", "label", "split", "group"), *rows]]
    disk.write_text(target / MANIFEST, "".join(lines))
    return MANIFEST


SETS = yaml.safe_load(files("tasks.sources").joinpath("public_sets.yaml").read_text())
FILES = {
    name: tuple(PublishedFile(file, sha256, tuple(found["mirrors"])) for file, sha256 in found["files"].items())
    for name, found in SETS.items()
}
NOTMNIST_FILES: dict[Role, PublishedFile] = dict(zip(("large", "small"), FILES["notmnist"], strict=True))
LAYOUTS = {"cifar-10": _unpacked_pickles, "cifar-100": _unpacked_pickles, "gtsrb": _signs}
PUBLIC_SETS: dict[PublicName, PublicSet] = {
    name: (FILES[name], LAYOUTS.get(name, _as_they_are)) for name in get_args(PublicName)
}
