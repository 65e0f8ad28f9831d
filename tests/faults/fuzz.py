"""Damage pictures, archives and run folders at random: each is read or refused. [--seconds N] [--corpus DIR].

Every input starts as a whole file of one of the forms that are read, or as one of the corpus; some bytes are changed,
cut, doubled or moved. What ends in anything but a result or a refusal is kept in the corpus, which later runs begin
with. Hypothesis is for what has a structure to shrink; this is for bytes.
"""

import io
import json
import pickle
import random
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import cyclopts
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tasks.classes.guard import Guard, guarded
from tasks.classes.jpeg import REDUCED_SIDE, SCALES
from tasks.classes.png import UnreadableError
from tasks.errors import CleanSplitError
from tasks.reporting.read import read_report
from tasks.sources import zips
from tasks.sources.members import open_rows
from tasks.storage.decisions import read_decisions
from tasks.storage.place import Place
from tasks.storage.stages import read_manifest
from tests.build import glyphs, png, read_entries, saved, scene, write_tar
from tests.hostile_jpegs import hostile

FORMS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000", "DICOM")
Read = Callable[[bytes], object]


def jpegs() -> list[bytes]:
    """Return JPEGs of sides at which they are decoded whole, and at a half, a quarter and an eighth."""
    turned = Image.Exif()
    turned[0x0112] = 6
    options: tuple[dict[str, Any], ...] = ({}, {"progressive": True}, {"exif": turned}, {"restart_marker_blocks": 2})
    pictures = [scene(REDUCED_SIDE * scale + 9, REDUCED_SIDE * scale, seed=scale) for scale in (1, *SCALES)]
    whole = [saved(picture, "JPEG", quality=40, **how) for picture in pictures for how in options]
    return whole + [saved(picture.convert(mode), "JPEG") for picture in pictures for mode in ("L", "CMYK")]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return data with one to eight changes of a random kind and place."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(changed) + 1)
        length = min(rng.choice((1, 1, 2, 4, 64, 1024)), len(changed) - at)
        match rng.randrange(5):
            case 0:
                changed[at : at + length] = rng.randbytes(length)
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case 3:
                changed[at : at + length] = bytes([rng.choice((0, 0x7F, 0x80, 0xFF))]) * length
            case _:
                other = rng.randrange(len(changed) + 1)
                changed[at:at] = changed[other : other + length]
    return bytes(changed)


def targets(guard: Guard, folder: Path) -> dict[str, tuple[Read, list[bytes]]]:
    """Return the reader of each kind of input, and intact inputs to start from."""
    small, file = scene(60, 40), Place.of(folder / "input")

    def on_disk(read: Callable[[Place], object]) -> Read:
        def from_bytes(data: bytes) -> object:
            (folder / "input").write_bytes(data)
            return read(file)

        return from_bytes

    def report(data: bytes) -> object:
        (folder / "report.json").write_bytes(data)
        return read_report(Place.of(folder))

    def entries(read: Callable[[Place], Iterator[object]]) -> Callable[[Place], object]:
        return lambda place: list(read(place))

    members = {f"root/A/{number}.png": png(image) for number, image in enumerate(glyphs(6, seed=0))}
    tar, zipped = write_tar(folder / "whole.tar", members).read_bytes(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)

    def as_rows(name: str) -> Callable[[bytes], object]:
        """Return what reads a file of rows, by its name, and the bytes of every row."""

        def from_bytes(data: bytes) -> object:
            (folder / "rows" / name).write_bytes(data)
            path = folder / "rows" / name
            rows = open_rows(Place.of(path.parent if name == "data.arrow" else path), {})
            return rows and [rows.read(row) for row in range(min(len(rows.names), 50))]

        return from_bytes

    manifest = json.dumps({"files": {"a": {"bytes": 1, "sha256": ""}}, "result": {"stages": []}}).encode()
    pictures = [saved(small, form) for form in FORMS]
    rows = whole_rows(folder / "rows")
    return {name: (as_rows(name), [data]) for name, data in rows.items()} | {
        "decisions": (on_disk(read_decisions), [decisions(folder)]),
        "picture": (lambda data: guard.read(data, 28, reduced=False), pictures + (whole := jpegs())),
        "reduced": (lambda data: guard.read(data, 28), whole + [data for data, _ in hostile().values()]),
        "tar": (on_disk(entries(read_entries)), [tar]),
        "zip": (on_disk(entries(zips.read_entries)), [zipped.getvalue()]),
        "manifest": (on_disk(read_manifest), [manifest]),
        "report": (report, [b"{}", b"[" * 5000]),
    }


def whole_rows(folder: Path) -> dict[str, bytes]:
    """Write whole files of rows of each form and what belongs beside them; return those to damage, by name."""
    folder.mkdir()
    images, labels = glyphs(6, seed=0), ["a", "b"] * 3
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"a", b"b"]}, 2))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    for number, image in enumerate(images):
        (folder / f"{number}.png").write_bytes(png(image))
    table = pa.table({"image": [png(image) for image in images], "label": labels, "split": ["train", "test"] * 3})
    listed = [{"path": f"{number}.png", "label": label} for number, label in enumerate(labels)]
    pq.write_table(table, folder / "a.parquet")
    pq.write_table(pa.Table.from_pylist(listed), folder / "manifest.parquet")
    with pa.ipc.new_stream(str(folder / "data.arrow"), table.schema) as stream:
        stream.write(table)
    np.savez_compressed(folder / "a.npz", x_train=images, y_train=range(6))
    np.save(folder / "a.npy", images)
    batch = {b"data": np.zeros((6, 3072), np.uint8), b"labels": [0, 1] * 3}
    (folder / "data_batch_1").write_bytes(pickle.dumps(batch, 2))
    (folder / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\3" + struct.pack(">3I", 6, 28, 28) + images.tobytes())
    (folder / "a.csv").write_text("path,label\n" + "".join(f"{row['path']},{row['label']}\n" for row in listed))
    (folder / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in listed))
    named = ("a.", "manifest.", "data", "train-")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name.startswith(named)}


def decisions(folder: Path) -> bytes:
    columns = {"first": pa.array([b"x" * 16] * 3), "second": pa.array([b"y" * 16] * 3), "same": [True] * 3}
    pq.write_table(pa.table(columns), folder / "decisions.parquet")
    return (folder / "decisions.parquet").read_bytes()


def fuzz(seconds: float, corpus: Path | None, seed: int) -> tuple[Counter[str], list[str]]:
    """Try inputs until the time is over; return how often each ended how, and one line for each finding."""
    rng, counts, findings, slowest = random.Random(seed), Counter[str](), [], 0.0  # noqa: S311  # to repeat it
    with tempfile.TemporaryDirectory() as name, guarded() as guard:
        of = targets(guard, Path(name))
        kept = sorted(corpus.glob("*")) if corpus else []
        pending = [(path.name.partition("-")[0], path.read_bytes()) for path in kept]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            kind = rng.choice(list(of))
            kind, data = pending.pop() if pending else (kind, mutated(rng.choice(of[kind][1]), rng))
            begin = time.process_time()
            try:
                of[kind][0](data)
                counts[f"{kind} read"] += 1
            except (UnreadableError, CleanSplitError) as error:
                counts[f"{kind} refused"] += 1
                if "a crash" in str(error):
                    counts[f"{kind} crashed a guard"] += 1
            except Exception as error:  # any other error is a finding
                findings.append(f"{kind}: {type(error).__name__}: {error}")
                if corpus:
                    corpus.mkdir(parents=True, exist_ok=True)
                    (corpus / f"{kind}-{sha256(data).hexdigest()[:12]}").write_bytes(data)
            slowest = max(slowest, time.process_time() - begin)
    counts["slowest, ms of processor time here"] = round(1000 * slowest)
    return counts, findings


def main(seconds: float = 300, corpus: Path = Path(".fuzz"), seed: int = 0) -> None:
    """Print what became of all inputs, and every finding."""
    counts, findings = fuzz(seconds, corpus, seed)
    for name, count in sorted(counts.items()):
        print(f"{name:<40} {count:>9,}")
    for finding, count in Counter(findings).most_common():
        print(f"{finding} ({count} times)")
    print(f"findings {len(findings)}")
    sys.exit(bool(findings))


if __name__ == "__main__":
    cyclopts.run(main)
