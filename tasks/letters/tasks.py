"""Prefect tasks of the letters stage: one shard and one fingerprint file per source and letter."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import PIL

from tasks import store, tables
from tasks.letters import shard
from tasks.records import Archive, Fingerprints, LetterShard, Reading
from tasks.tasks import finished, stage_task

VERSION = 2
PICTURES_VERSION = 1
STORED_PER_BYTE = 2.5  # what stages and run take, per byte of the glyphs' files; measured: 1.4 to 2.4
STORED_PER_PICTURE = 12_000  # bytes: a thumbnail, and the gray copy in every split
GLYPHS_PER_PICTURE = 50  # in what a process pool gains: it repays its start from about 10,000 photographs on


@dataclass(frozen=True)
class Pending:
    """What is to be loaded: members, the bytes that stages and run will take, and the work in glyphs."""

    images: int
    stored: int
    work: int


def letter_inputs(archive: Archive, letter: str, label: int, reading: Reading) -> dict[str, Any]:
    """Return what determines a shard: the letter's own members, not the archive around them."""
    digest = next(index.digest for index in archive.letters if index.letter == letter)
    inputs = {"version": VERSION, "role": archive.role, "letter": letter, "label": label, "members": digest}
    if reading.kind == "pictures":
        inputs |= {"pictures": PICTURES_VERSION, "scaled": reading.scaled, "pillow": PIL.__version__}
    return inputs | {"side": reading.side}


def count_pending(archives: Sequence[Archive], reading: Reading, workspace: Path) -> Pending:
    """Count what lies in letters that have no shard yet."""
    pending = [
        index
        for archive in archives
        for label, index in enumerate(archive.letters)
        if not store.stage_folder(workspace, "letters", letter_inputs(archive, index.letter, label, reading)).exists()
    ]
    images, size = sum(index.members for index in pending), sum(index.bytes for index in pending)
    if reading.kind == "glyphs":
        return Pending(images, round(STORED_PER_BYTE * size), images)
    return Pending(images, STORED_PER_PICTURE * images, GLYPHS_PER_PICTURE * images)


@stage_task("load {archive.role} {letter}")
def load_letter(archive: Archive, letter: str, label: int, reading: Reading, workspace: Path) -> LetterShard:
    """Decode and normalize the images of one letter of one source."""

    def build(target: Path) -> dict[str, Any]:
        index = tables.read(archive.index, filters=[("letter", "==", letter)])
        loaded = shard.write_shard(archive.path, index, archive.role, letter, label, reading, target)
        return asdict(loaded) | {"sha256": store.sha256_of(target / "shard.parquet")}

    stage = store.stage(workspace, "letters", letter_inputs(archive, letter, label, reading), build)
    record = LetterShard(
        role=archive.role,
        letter=letter,
        label=label,
        path=stage.folder / "shard.parquet",
        quarantine=stage.folder / "quarantine.parquet",
        samples=stage.folder / "samples.parquet",
        pictures=stage.folder / "pictures.parquet" if reading.kind == "pictures" else None,
        **stage.result,
    )
    counts = f"{record.rows:,} images, {record.quarantined} quarantined, {record.ignored} ignored"
    return finished(record, stage, f"{archive.role} {letter}: {counts}")


@stage_task("fingerprint {letters.role} {letters.letter}")
def fingerprint(letters: LetterShard, reading: Reading, workspace: Path) -> Fingerprints:
    """Compute MD5 and packed view of every image of a shard."""

    def build(target: Path) -> dict[str, Any]:
        shard.write_fingerprints(letters.path, letters.pictures, reading, target / "fingerprints.parquet")
        return {"sha256": store.sha256_of(target / "fingerprints.parquet")}

    inputs: dict[str, Any] = {"version": VERSION, "shard": letters.sha256}
    if letters.pictures is not None:
        # Two sets of pictures may have equal gray copies.
        facts = letters.pictures.parent.name
        inputs |= {"pictures": facts, "view": reading.view, "also": reading.also}
    stage = store.stage(workspace, "fingerprints", inputs, build)
    path = stage.folder / "fingerprints.parquet"
    record = Fingerprints(role=letters.role, letter=letters.letter, path=path, **stage.result)
    return finished(record, stage, f"{letters.role} {letters.letter}: {letters.rows:,} fingerprints")
