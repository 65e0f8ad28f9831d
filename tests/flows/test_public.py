"""Public data sets by name: from a server that holds small ones in their layouts to the audit of their splits."""

import gzip
import hashlib
import io
import os
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.errors import DataError, UsageError
from tasks.records.spec import AuditSpec
from tasks.sources.published import PUBLIC_SETS
from tasks.storage.workspace import DOWNLOADS
from tasks.vocabulary import PublicName
from tests.build import glyphs, saved, scene
from tests.flows.test_rows import cifar_batches, idx
from tests.plain import audit


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=os.fspath(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def publish(
    name: PublicName, files: dict[str, bytes], served: tuple[Path, str], patch: pytest.MonkeyPatch, *before: str
) -> None:
    """Let a public set be small files on our own server: only addresses and digests are others than in the product."""
    folder, address = served
    known, lay_out = PUBLIC_SETS[name]
    assert {file.name for file in known} == set(files)
    for file, data in files.items():
        (folder / file).write_bytes(data)
    ours = [
        replace(file, sha256=hashlib.sha256(files[file.name]).hexdigest(), mirrors=(*before, address)) for file in known
    ]
    patch.setitem(PUBLIC_SETS, name, (tuple(ours), lay_out))


def packed_batches(folder: Path) -> bytes:
    (cifar_batches(folder) / "readme.html").write_bytes(b"<html>")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(folder, "cifar-10-batches-py")
    return content.getvalue()


def digits() -> dict[str, bytes]:
    images = {"train": glyphs(40, seed=1), "t10k": glyphs(20, seed=2)}
    images["t10k"][:4] = images["train"][:4]
    files = {}
    for split, of in images.items():
        files[f"{split}-images-idx3-ubyte.gz"] = gzip.compress(idx(of))
        files[f"{split}-labels-idx1-ubyte.gz"] = gzip.compress(idx((np.arange(len(of)) % 2).astype(np.uint8)))
    return files


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def signs() -> dict[str, bytes]:
    """Two signs of each of two classes, with three images each, one of them also in test."""
    pictures = [saved(scene(40, 36, seed=seed), "PPM") for seed in range(16)]
    train = {
        f"GTSRB/Final_Training/Images/{label:05d}/{track:05d}_{frame:05d}.ppm": pictures[6 * label + 3 * track + frame]
        for label in range(2)
        for track in range(2)
        for frame in range(3)
    }
    tables = {
        f"GTSRB/Final_Training/Images/{label:05d}/GT-{label:05d}.csv": b"Filename;ClassId\r\n" for label in range(2)
    }
    test = {f"GTSRB/Final_Test/Images/{n:05d}.ppm": data for n, data in enumerate([*pictures[12:], pictures[0]])}
    classes = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    classes += [f"{n:05d}.ppm;40;36;5;5;35;31;{n % 2}" for n in range(len(test))]
    return {
        "GTSRB_Final_Training_Images.zip": zipped(train | tables | {"GTSRB/Readme-Images.txt": b"x"}),
        "GTSRB_Final_Test_Images.zip": zipped(test | {"GTSRB/Final_Test/Images/GT-final_test.test.csv": b"x"}),
        "GTSRB_Final_Test_GT.zip": zipped({"GT-final_test.csv": "\r\n".join(classes).encode()}),
    }


def test_cifar_10_is_downloaded_verified_and_audited(
    served: tuple[Path, str], prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"cifar-10-python.tar.gz": packed_batches(tmp_path / "batches")}
    publish("cifar-10", files, served, monkeypatch, "http://127.0.0.1:9/")  # where nobody answers
    report = audit(dataset="cifar-10", workspace=tmp_path / "w")
    assert report.classes == ("cat", "dog")
    assert (report.rows.train, report.rows.test, report.pair("test", "train").exact) == (30, 12, 2)
    assert report.run.name.startswith("cifar-10-")


def test_mnist_and_fashion_mnist_lie_beside_each_other(
    served: tuple[Path, str], prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mnist", "fashion-mnist"):
        publish(name, digits(), served, monkeypatch)
        report = audit(dataset=name, workspace=tmp_path / "w")
        assert (report.rows.train, report.rows.test, report.pair("test", "train").exact) == (40, 20, 4)
        assert len(list((tmp_path / "w" / DOWNLOADS / name).iterdir())) == 4


def test_signs_get_the_classes_of_the_table(
    served: tuple[Path, str], prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("gtsrb", signs(), served, monkeypatch)
    report = audit(dataset="gtsrb", workspace=tmp_path / "w")
    assert report.classes == ("00000", "00001")
    assert (report.rows.train, report.rows.test, report.pair("test", "train").exact) == (12, 5, 1)
    (removed,) = pq.read_table(report.run / "removed.parquet").to_pylist()
    assert (removed["class_name"], removed["twin_class_name"]) == ("00000", "00000")
    assert removed["twin_id"].endswith("00000-00000_00000.ppm")


def test_other_files_than_the_published_ones_are_refused(
    served: tuple[Path, str], prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("mnist", digits(), served, monkeypatch)
    (served[0] / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"other"))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz is not the published file: its sha256 differs"):
        audit(dataset="mnist", workspace=tmp_path / "w")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"dataset": "imagenet"}, "dataset"),
        ({"root": "x", "dataset": "mnist"}, "give either a root that holds all splits, or --dataset, or --train"),
        (
            {"dataset": "mnist", "train": "x"},
            "give either a root that holds all splits, or --dataset, or --train and --test",
        ),
    ],
)
def test_what_is_no_public_set_is_said(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        AuditSpec.of(**given)


def test_every_set_has_addresses_and_digests() -> None:
    assert set(PUBLIC_SETS) == set(get_args(PublicName))
    files = [file for known, _ in PUBLIC_SETS.values() for file in known]
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in files)
    assert len({file.sha256 for file in files}) == len(files)
    assert all(mirror.startswith("http") and mirror.endswith("/") for file in files for mirror in file.mirrors)
