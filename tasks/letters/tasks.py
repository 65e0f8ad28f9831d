"""Prefect tasks of the letters stage: one shard and one fingerprint file per source and letter."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tasks import store
from tasks.letters import shard
from tasks.records import Archive, Fingerprints, LetterShard
from tasks.tasks import finished, stage_task

VERSION = 1


def letter_inputs(archive: Archive, letter: str, label: int, side: int) -> dict[str, Any]:
    """Return what determines a shard: the letter's own members, not the archive around them."""
    digest = next(index.digest for index in archive.letters if index.letter == letter)
    return {
        "version": VERSION, "role": archive.role, "letter": letter, "label": label, "side": side, "members": digest,
    }  # fmt: skip


def count_pending(archives: Sequence[Archive], side: int, workspace: Path) -> int:
    """Return how many members lie in letters that have no shard yet."""
    return sum(
        index.members
        for archive in archives
        for label, index in enumerate(archive.letters)
        if not store.stage_folder(workspace, "letters", letter_inputs(archive, index.letter, label, side)).exists()
    )


@stage_task("load {archive.role} {letter}")
def load_letter(archive: Archive, letter: str, label: int, side: int, workspace: Path) -> LetterShard:
    """Decode and normalize the images of one letter of one source."""

    def build(target: Path) -> dict[str, Any]:
        index = pq.read_table(archive.index, filters=[("letter", "==", letter)], page_checksum_verification=True)
        loaded = shard.write_shard(archive.path, index, archive.role, letter, label, side, target)
        return asdict(loaded) | {"sha256": store.sha256_of(target / "shard.parquet")}

    stage = store.stage(workspace, "letters", letter_inputs(archive, letter, label, side), build)
    record = LetterShard(
        role=archive.role,
        letter=letter,
        label=label,
        path=stage.folder / "shard.parquet",
        quarantine=stage.folder / "quarantine.parquet",
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
