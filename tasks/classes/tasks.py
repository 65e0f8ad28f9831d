"""Prefect tasks of the classes stage: a shard and a fingerprint table per part of a source."""

from collections.abc import Sequence
from typing import Any

from tasks.classes.fingerprints import digests_of, write_corrected, write_doubts, write_fingerprints, write_in_full
from tasks.classes.shard import build_shard
from tasks.kernel import engine
from tasks.libraries import shaped_by
from tasks.processes import in_worker
from tasks.records import ClassCounts, Fingerprints, Part, Reading, Shard
from tasks.registration import agreement
from tasks.registration.forms import SMOOTH
from tasks.sources.pieces import work_of
from tasks.stage_task import finished, stage_task
from tasks.storage import Place, at, stages, tables

VERSION, IDENTICAL_VERSION = 12, 1
DOUBTS, IN_FULL, CORRECTED = "doubts.parquet", "in-full.parquet", "corrected.parquet"
STORED_PER_BYTE = 2.5  # bytes in stages and run per byte of the glyphs' files; measured: 1.4 to 2.4
STORED_PER_PHOTOGRAPH = 16_000  # bytes: a thumbnail, a gray copy, and a smaller one in every split


def count_pending(parts: Sequence[Part], reading: Reading, workspace: Place) -> tuple[int, int, int]:
    """Return the needs of parts without a shard: members, bytes in stages and run, and work in glyphs."""
    folders = [stages.stage_folder(workspace, "classes", _shard_inputs(part, reading)) for part in parts]
    pending = [part for part, folder in zip(parts, folders, strict=True) if not at(folder).exists()]
    images, size = sum(part.members for part in pending), sum(part.bytes for part in pending)
    stored = STORED_PER_BYTE * size if reading.kind == "glyphs" else STORED_PER_PHOTOGRAPH * images
    return images, round(stored), sum(work_of(part, reading) for part in pending)


@stage_task("load {part}")
def load_part(part: Part, reading: Reading, workspace: Place) -> tuple[Shard, Fingerprints]:
    """Decode and normalize the images of a part of a source, and compute the MD5 and the packed bits of each."""
    inputs = _shard_inputs(part, reading)
    stage = stages.stage(workspace, "classes", inputs, lambda to: in_worker(build_shard, part, reading, workspace, to))
    classes = tuple(ClassCounts(**one | {"label": part.labels[one["class_name"]]}) for one in stage.result["classes"])
    shard = Shard(part.role, stage.folder.name, classes, stage.result["sha256"])
    prints, printed = _fingerprinted(shard, reading, workspace)
    quarantined, ignored = (sum(getattr(one, name) for one in classes) for name in ("quarantined", "ignored"))
    counts = f"{shard.rows:,} images, {quarantined:,} quarantined, {ignored:,} ignored"
    return finished((shard, prints), stage.reused and printed.reused, f"{part}: {counts}")


@stage_task("fingerprint {part} again")
def fingerprint_again(part: Part, shard: Shard, reading: Reading, workspace: Place, corrected: str) -> Fingerprints:
    """Compute the fingerprints of a shard of photographs again, with `corrected` MD5s."""
    right = digests_of(shard, corrected, workspace)
    prints, stage = _fingerprinted(shard, reading, workspace, right)
    return finished(prints, stage.reused, f"{part}: {len(right):,} of {shard.rows:,} MD5s corrected")


def _fingerprinted(
    shard: Shard, reading: Reading, workspace: Place, right: dict[str, bytes] | None = None
) -> tuple[Fingerprints, stages.Stage]:
    """Return the fingerprints of a shard, and their stage; `right` corrects wrong MD5s of the shard."""
    inputs: dict[str, Any] = {"version": VERSION, "shard": shard.sha256}
    if reading.kind == "photographs":  # two sets of photographs may have equal gray copies
        inputs |= {"photographs": shard.folder, "view": reading.view, "copies": [SMOOTH, agreement.VERSION, engine()]}
    if right:
        inputs["right"] = {name: digest.hex() for name, digest in right.items()}
    asked = shard, reading, right or {}, workspace
    stage = stages.stage(workspace, "fingerprints", inputs, lambda to: in_worker(write_fingerprints, *asked, to))
    copies = shard.copies if reading.kind == "photographs" else None
    return Fingerprints(shard.role, stage.folder.name, copies=copies, **stage.result), stage


def _shard_inputs(part: Part, reading: Reading) -> dict[str, Any]:
    """Return the inputs that determine a shard: the part's own members, not the rest of the source."""
    inputs = {"version": VERSION, "role": part.role, "classes": list(part.labels), "members": part.digest}
    if reading.kind == "photographs":
        inputs["photographs"] = 25
    return inputs | {"side": reading.side} | shaped_by(reading.kind)


@stage_task("look for photographs that may be identical")
def find_doubts(shards: Sequence[Shard], workspace: Place) -> tuple[str, list[int]]:
    """Find photographs whose reduced pixels do not decide whether they are identical; return their table and counts."""
    inputs = {"version": IDENTICAL_VERSION, "shards": [shard.folder for shard in shards]}
    stage = stages.stage(workspace, "doubts", inputs, lambda to: write_doubts(shards, workspace, to / DOUBTS))
    counts = stage.result["counts"]
    message = f"{sum(counts):,} photographs are to be decoded in full"
    return finished((f"{stage.folder.name}/{DOUBTS}", counts), stage.reused, message)


@stage_task("decode {part} in full")
def decode_in_full(part: Part, number: int, doubts: str, reading: Reading, workspace: Place) -> str:
    """Compute the digests of the full pixels of doubtful photographs of a part; return the name of their table."""
    ids = tables.read(workspace / doubts, ["id"], filters=[("shard", "=", number)])["id"].combine_chunks()
    asked = part, ids, reading.side, workspace
    inputs = {"version": IDENTICAL_VERSION, "members": part.digest, "ids": stages.digest_of(ids.to_pylist())}
    inputs |= shaped_by("photographs")
    stage = stages.stage(workspace, "in-full", inputs, lambda to: in_worker(write_in_full, *asked, to / IN_FULL))
    return finished(f"{stage.folder.name}/{IN_FULL}", stage.reused, f"{part}: {len(ids):,} photographs in full")


@stage_task("find identical photographs")
def correct_digests(shards: Sequence[Shard], in_full: Sequence[str], workspace: Place) -> str | None:
    """Find photographs with a wrong digest, and the right one for each; return the name of their table."""
    asked = shards, in_full, workspace
    inputs = {"version": IDENTICAL_VERSION, "shards": [shard.folder for shard in shards], "in_full": list(in_full)}
    stage = stages.stage(workspace, "corrected", inputs, lambda to: write_corrected(*asked, to / CORRECTED))
    rows = stage.result["rows"]
    return finished(f"{stage.folder.name}/{CORRECTED}" if rows else None, stage.reused, f"{rows:,} corrected")
