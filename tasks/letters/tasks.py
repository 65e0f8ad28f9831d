"""Prefect tasks of the letters stage: one shard and one fingerprint file per source and letter."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks import store, tables
from tasks.letters import shard
from tasks.records import Archive, Fingerprints, LetterShard
from tasks.tasks import finished, stage_task

VERSION = 2


def letter_inputs(archive: Archive, letter: str, label: int, side: int) -> dict[str, Any]:
    """Return what determines a shard: the letter's own members, not the archive around them."""
    digest = next(index.digest for index in archive.letters if index.letter == letter)
    return {
        "version": VERSION, "role": archive.role, "letter": letter, "label": label, "side": side, "members": digest,
    }  # fmt: skip


def count_pending(archives: Sequence[Archive], side: int, workspace: Path) -> tuple[int, int]:
    """Return how many members lie in letters that have no shard yet, and how many bytes they have."""
    pending = [
        index
        for archive in archives
        for label, index in enumerate(archive.letters)
        if not store.stage_folder(workspace, "letters", letter_inputs(archive, index.letter, label, side)).exists()
    ]
    return sum(index.members for index in pending), sum(index.bytes for index in pending)


@stage_task("load {archive.role} {letter}")
def load_letter(archive: Archive, letter: str, label: int, side: int, workspace: Path) -> LetterShard:
    """Decode and normalize the images of one letter of one source."""

    def build(target: Path) -> dict[str, Any]:
        index = tables.read(archive.index, filters=[("letter", "==", letter)])
        loaded = shard.write_shard(archive.path, index, archive.role, letter, label, side, target)
        return asdict(loaded) | {"sha256": store.sha256_of(target / "shard.parquet")}

    stage = store.stage(workspace, "letters", letter_inputs(archive, letter, label, side), build)
    record = LetterShard(
        role=archive.role,
        letter=letter,
        label=label,
        path=stage.folder / "shard.parquet",
        quarantine=stage.folder / "quarantine.parquet",
        samples=stage.folder / "samples.parquet",
        **stage.result,
    )
    counts = f"{record.rows:,} images, {record.quarantined} quarantined, {record.ignored} ignored"
    return finished(record, stage, f"{archive.role} {letter}: {counts}")


@stage_task("fingerprint {letters.role} {letters.letter}")
def fingerprint(letters: LetterShard, workspace: Path) -> Fingerprints:
    """Compute MD5 and packed view of every image of a shard."""

    def build(target: Path) -> dict[str, Any]:
        shard.write_fingerprints(letters.path, target / "fingerprints.parquet")
        return {"sha256": store.sha256_of(target / "fingerprints.parquet")}

    stage = store.stage(workspace, "fingerprints", {"version": VERSION, "shard": letters.sha256}, build)
    path = stage.folder / "fingerprints.parquet"
    record = Fingerprints(role=letters.role, letter=letters.letter, path=path, **stage.result)
    return finished(record, stage, f"{letters.role} {letters.letter}: {letters.rows:,} fingerprints")
