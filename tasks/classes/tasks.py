"""Prefect tasks of the classes stage: one shard and one fingerprint table per source and class, some in each task."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import PIL
import pyarrow as pa
import pyarrow.compute as pc

from tasks.classes.fingerprints import write_fingerprints
from tasks.classes.parts import work_of
from tasks.classes.shard import write_shard
from tasks.records import Archive, ClassShard, Fingerprints, Part, Reading
from tasks.records.inputs import FINGERPRINTS, SHARD
from tasks.stage_task import finished, stage_task
from tasks.storage import disk, stages, tables
from tasks.storage.place import Place

VERSION = 4
PHOTOGRAPHS_VERSION = 5
STORED_PER_BYTE = 2.5  # what stages and run take, per byte of the glyphs' files; measured: 1.4 to 2.4
STORED_PER_PHOTOGRAPH = 16_000  # bytes: a thumbnail, a gray copy, and a smaller one in every split


@dataclass(frozen=True)
class Pending:
    """What is to be loaded: members, the bytes that stages and run will take, and the work in glyphs."""

    images: int
    stored: int
    work: int


def count_pending(archives: Sequence[Archive], classes: Sequence[str], reading: Reading, workspace: Place) -> Pending:
    """Count what lies in classes that have no shard yet."""
    labels = {name: label for label, name in enumerate(classes)}
    pending = [
        index
        for archive in archives
        for index in archive.classes
        if not disk.exists(
            stages.stage_folder(
                workspace,
                "classes",
                _shard_inputs(archive, index.class_name, labels[index.class_name], reading),
            )
        )
    ]
    images, size = sum(index.members for index in pending), sum(index.bytes for index in pending)
    if reading.kind == "glyphs":
        return Pending(images, round(STORED_PER_BYTE * size), images)
    return Pending(images, STORED_PER_PHOTOGRAPH * images, work_of(images, reading))


@stage_task("load {part}")
def load_part(archive: Archive, part: Part, reading: Reading, workspace: Place) -> list[ClassShard]:
    """Decode and normalize the images of some classes of one source, each into a stage of its own."""
    index = tables.read(workspace / archive.index, filters=pc.field("class_name").isin(part.class_names))
    source, shards, reused = workspace.locate(archive.location), [], True
    for class_name, label in zip(part.class_names, part.labels, strict=True):
        own = index.filter(pc.equal(index["class_name"], class_name))

        def build(target: Place, own: pa.Table = own, name: str = class_name, label: int = label) -> dict[str, Any]:
            counts = write_shard(source, own, archive.role, name, label, reading, target)
            return asdict(counts) | {"sha256": disk.sha256_of(target / SHARD)}

        stage = stages.stage(workspace, "classes", _shard_inputs(archive, class_name, label, reading), build)
        shards.append(ClassShard(archive.role, class_name, label, stage.folder.name, **stage.result))
        reused &= stage.reused
    rows, quarantined, ignored = (sum(getattr(s, name) for s in shards) for name in ("rows", "quarantined", "ignored"))
    counts = f"{rows:,} images, {quarantined:,} quarantined, {ignored:,} ignored"
    return finished(shards, replace(stage, reused=reused), f"{part}: {counts}")


@stage_task("fingerprint {part}")
def fingerprint(part: Part, shards: Sequence[ClassShard], reading: Reading, workspace: Place) -> list[Fingerprints]:
    """Compute MD5 and packed view of every image of some shards."""
    prints, reused = [], True
    for shard in shards:

        def build(target: Place, shard: ClassShard = shard) -> dict[str, Any]:
            write_fingerprints(shard, reading, workspace, target / FINGERPRINTS)
            return {"sha256": disk.sha256_of(target / FINGERPRINTS)}

        stage = stages.stage(workspace, "fingerprints", _fingerprint_inputs(shard, reading), build)
        copies = shard.copies if reading.kind == "photographs" else None
        prints.append(Fingerprints(shard.role, shard.class_name, stage.folder.name, copies=copies, **stage.result))
        reused &= stage.reused
    message = f"{part}: {sum(shard.rows for shard in shards):,} fingerprints"
    return finished(prints, replace(stage, reused=reused), message)


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
