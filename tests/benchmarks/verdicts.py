"""Verdicts on sets with a judged truth: ``python -m tests.benchmarks.verdicts``.

Each set is audited in the usual way. The output is the thresholds of its kinds of images, the removed test rows, how
many of these have a duplicate of another class, the undecided rows and, for pairs judged by eye, how many same and how
many merely similar pairs are found as duplicates. The data are next to the project; missing sets are skipped. Frames of
traffic signs are split by track, so no track is in both splits.
"""

import argparse
import csv
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from prefect.testing.utilities import prefect_test_harness

from flows.pipeline import audit
from tasks.overlap.agreements import agreements
from tasks.records import Report
from tasks.registration.colours import colours_of
from tasks.registration.forms import facts_of
from tasks.storage.copies import COPY_SIDE, Copies
from tasks.storage.place import Place
from tests.build import SHARED

DATA = SHARED / "data"
Judged = list[tuple[str, str, str]]  # row, match, and whether they are the same picture: TRUE or ALIKE


def sets(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield name, train and test of each set that is there."""
    for name, train, test in (
        ("CIFAR-10", "cifar_train.tar.gz", "cifar_test.tar.gz"),
        ("brain scans", "mri_train.tar", "mri_test.tar"),
        ("Fashion-MNIST", "fashion_train.tar", "fashion_test.tar"),
        ("X-rays", "xray_train.tar", "xray_test.tar"),
    ):
        if (DATA / train).exists() and (DATA / test).exists():
            yield name, DATA / train, DATA / test
    if (DATA / "gtsrb_frames.tar").exists():
        yield "traffic signs", *by_track(DATA / "gtsrb_frames.tar", folder)


def by_track(frames: Path, folder: Path) -> tuple[Path, Path]:
    """Write two archives, with a fifth of the tracks of every frame in the second; names are class/track_frame."""
    with tarfile.open(frames) as source, tarfile.open(folder / "a.tar", "w") as train, tarfile.open(
        folder / "b.tar", "w"
    ) as test:  # fmt: skip
        members = [member for member in source if member.isfile()]
        tracks = sorted({member.name.rsplit("_", 1)[0] for member in members})
        held = set(np.random.default_rng(0).permutation(tracks)[: len(tracks) // 5].tolist())
        for member in members:
            (test if member.name.rsplit("_", 1)[0] in held else train).addfile(member, source.extractfile(member))
    return folder / "a.tar", folder / "b.tar"


def judged(name: str) -> Judged:
    """Return the pairs of a set that were judged."""
    if name == "CIFAR-10":
        listed = json.loads((DATA / "cifar_expected.json").read_text())["twins"]
        return [(twin["test"], twin["train"], "TRUE") for twin in listed if twin["judgment"] == "near"]
    key = {"brain scans": "mri", "Fashion-MNIST": "fashion"}.get(name)
    with (DATA / "judged_pairs.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == key]
    return [(row["query"], row["match"], row["verdict"]) for row in rows if row["verdict"] != "FALSE"]


def copies_of(archive: Path, names: list[str], target: Path) -> Copies:
    """Write the gray copies of some members, in the order of their names."""
    gray, aspects, colours = list[np.ndarray](), list[float](), list[bytes]()
    with tarfile.open(archive) as tar:
        for name in names:
            file = tar.extractfile(name)
            if file is None:
                raise FileNotFoundError(name)
            with Image.open(file) as image:
                aspects.append(image.width / image.height)
                colours.append(colours_of(np.asarray(image.convert("RGB"))))
                copy = image.convert("L").resize((COPY_SIDE, COPY_SIDE), Image.Resampling.BILINEAR)
            gray.append(np.asarray(copy))
    target.write_bytes(np.stack(gray).tobytes())
    seen = np.frombuffer(b"".join(colours), np.uint8).reshape(len(names), -1)
    facts = *facts_of(np.stack(gray), seen), np.array(aspects, np.float32)
    return Copies([Place.of(target)], np.zeros(len(names), np.int64), np.arange(len(names)), *facts)


def claimed(pairs: Judged, train: Path, test: Path, report: Report, folder: Path) -> str:
    """Return how many judged pairs are as similar as the least similar removed row, and their own row is removed."""
    if not pairs:
        return "-"
    queries, matches, verdicts = (list(column) for column in zip(*pairs, strict=True))
    agreed = agreements(copies_of(test, queries, folder / "q"), copies_of(train, matches, folder / "m"))
    rows = pq.read_table(report.run / "removed.parquet").to_pylist()
    best = {row["id"].split("/", 1)[1]: row[report.view.column] for row in rows}
    called = [query.split("/", 1)[1] in best for query in queries] & (agreed >= min(best.values(), default=1))
    said = []
    for verdict in sorted(set(verdicts)):
        of = np.array([one == verdict for one in verdicts])
        said.append(f"{called[of].sum()} of {of.sum()} {verdict}")
    return ", ".join(said)


def main() -> None:
    """Print a line per set."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{'set':<14} {'thresholds':<24} {'rows':>6} {'identical':>9} {'near':>5} {'other class':>11}", end=" ")
    print(f"{'undecided':>9}  judged")
    with prefect_test_harness(server_startup_timeout=90), tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, train, test in sets(folder):
            report = audit(train=str(train), test=str(test), workspace=folder / name)
            leak, verdict = report.pair("test", "train"), report.verdict
            thresholds = ", ".join(f"{kind.kind} {kind.threshold or 'none'}" for kind in verdict.kinds)
            removed = pq.read_table(report.run / "removed.parquet").to_pylist()
            other = sum(row["class_name"] != row["twin_class_name"] for row in removed if row["reason"] == "near")
            columns = [
                f"{name:<14} {thresholds:<24} {leak.rows:>6} {leak.exact:>9} {leak.near:>5} {other:>11} ",
                f"{leak.undecided:>9} ",
                claimed(judged(name), train, test, report, folder),
            ]
            print(" ".join(columns), flush=True)


if __name__ == "__main__":
    main()
