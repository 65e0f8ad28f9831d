"""Prefect tasks of the classes stage: one shard and one fingerprint table per source and class."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import PIL

from tasks.classes.fingerprints import write_fingerprints
from tasks.classes.shard import write_shard
from tasks.records import Archive, ClassShard, Fingerprints, Reading
from tasks.records.inputs import FINGERPRINTS, SHARD
from tasks.stage_task import finished, stage_task
from tasks.storage import disk, stages, tables
from tasks.storage.place import Place

VERSION = 4
PHOTOGRAPHS_VERSION = 5
STORED_PER_BYTE = 2.5  # what stages and run take, per byte of the glyphs' files; measured: 1.4 to 2.4
STORED_PER_PHOTOGRAPH = 16_000  # bytes: a thumbnail, a gray copy, and a smaller one in every split
GLYPHS_PER_PHOTOGRAPH = 50  # starting a process pool pays off from about 10,000 photographs, or 500,000 glyphs


@dataclass(frozen=True)
class Pending:
    """What is to be loaded: members, the bytes that stages and run will take, and the work in glyphs."""

    images: int
    stored: int
    work: int


def count_pending(archives: Sequence[Archive], classes: Sequence[str], reading: Reading, workspace: Place) -> Pending:
    """Count what lies in classes that have no shard yet."""
    pending = [
        index
        for archive in archives
        for index in archive.classes
        if not disk.exists(
            stages.stage_folder(
                workspace,
                "classes",
                _shard_inputs(archive, index.class_name, classes.index(index.class_name), reading),
            )
        )
    ]
    images, size = sum(index.members for index in pending), sum(index.bytes for index in pending)
    if reading.kind == "glyphs":
        return Pending(images, round(STORED_PER_BYTE * size), images)
    return Pending(images, STORED_PER_PHOTOGRAPH * images, GLYPHS_PER_PHOTOGRAPH * images)


@stage_task("load {archive.role} {class_name}")
def load_class(archive: Archive, class_name: str, label: int, reading: Reading, workspace: Place) -> ClassShard:
    """Decode and normalize the images of one class of one source."""

    def build(target: Place) -> dict[str, Any]:
        index = tables.read(workspace / archive.index, filters=[("class_name", "==", class_name)])
        source = workspace.locate(archive.location)
        counts = write_shard(source, index, archive.role, class_name, label, reading, target)
        return asdict(counts) | {"sha256": disk.sha256_of(target / SHARD)}

    inputs = _shard_inputs(archive, class_name, label, reading)
    stage = stages.stage(workspace, "classes", inputs, build)
    shard = ClassShard(archive.role, class_name, label, stage.folder.name, **stage.result)
    counts = f"{shard.rows:,} images, {shard.quarantined} quarantined, {shard.ignored} ignored"
    return finished(shard, stage, f"{archive.role} {class_name}: {counts}")


@stage_task("fingerprint {shard.role} {shard.class_name}")
def fingerprint(shard: ClassShard, reading: Reading, workspace: Place) -> Fingerprints:
    """Compute MD5 and packed view of every image of a shard."""

    def build(target: Place) -> dict[str, Any]:
        write_fingerprints(shard, reading, workspace, target / FINGERPRINTS)
        return {"sha256": disk.sha256_of(target / FINGERPRINTS)}

    stage = stages.stage(workspace, "fingerprints", _fingerprint_inputs(shard, reading), build)
    copies = shard.copies if reading.kind == "photographs" else None
    prints = Fingerprints(shard.role, shard.class_name, stage.folder.name, copies=copies, **stage.result)
    return finished(prints, stage, f"{shard.role} {shard.class_name}: {shard.rows:,} fingerprints")


def _shard_inputs(archive: Archive, class_name: str, label: int, reading: Reading) -> dict[str, Any]:
    """Return what determines a shard: the class's own members, not the archive around them."""
    digest = next(index.digest for index in archive.classes if index.class_name == class_name)
    inputs = {"version": VERSION, "role": archive.role, "class_name": class_name, "label": label, "members": digest}
    if reading.kind == "photographs":
        inputs |= {"photographs": PHOTOGRAPHS_VERSION, "scaled": reading.scaled, "pillow": PIL.__version__}
    return inputs | {"side": reading.side}


def _fingerprint_inputs(shard: ClassShard, reading: Reading) -> dict[str, Any]:
    inputs: dict[str, Any] = {"version": VERSION, "shard": shard.sha256}
    if reading.kind == "photographs":  # two sets of photographs may have equal gray copies
        inputs |= {"photographs": shard.folder, "view": reading.view}
    return inputs
