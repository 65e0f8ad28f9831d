"""Prefect tasks that correct digests of photographs: of those in doubt the full pixels are looked at."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tasks.classes.identical.digests import corrected, in_doubt, read_in_full
from tasks.libraries import shaped_by
from tasks.processes import apart
from tasks.records import Corrected, Doubts, Part, Reading, Shard
from tasks.records.inputs import CORRECTED, DOUBTS, IN_FULL
from tasks.stage_task import finished, stage_task
from tasks.storage import stages, tables
from tasks.storage.place import Place

VERSION = 1


@stage_task("look for photographs that may be identical")
def find_doubts(shards: Sequence[Shard], workspace: Place) -> Doubts:
    """Find the photographs whose reduced pixels do not decide whether they are identical."""

    def build(target: Place) -> dict[str, Any]:
        ids = in_doubt(shards, workspace)
        numbers = [pa.array([number] * len(some), pa.int64()) for number, some in enumerate(ids)]
        table = pa.table({"shard": pa.chunked_array(numbers), "id": pa.chunked_array(ids)})
        tables.write(table, target / DOUBTS)
        return {"counts": [len(some) for some in ids]}

    inputs = {"version": VERSION, "shards": [shard.folder for shard in shards]}
    stage = stages.stage(workspace, "doubts", inputs, build)
    record = Doubts(stage.folder.name, tuple(stage.result["counts"]))
    return finished(record, stage, f"{sum(record.counts):,} photographs are to be decoded in full")


@stage_task("decode in full of {part}")
def decode_in_full(part: Part, number: int, doubts: Doubts, reading: Reading, workspace: Place) -> str:
    """Read the digests of the full pixels of the photographs of a part that are in doubt; return their table's name."""
    ids = tables.read(workspace / doubts.table, ["id"], filters=[("shard", "=", number)])["id"].combine_chunks()

    def build(target: Place) -> dict[str, Any]:
        tables.write(apart(read_in_full, part, ids, reading.side, workspace), target / IN_FULL)
        return {}

    inputs = {"version": VERSION, "members": part.digest, "ids": stages.digest_of(ids.to_pylist())}
    stage = stages.stage(workspace, "in-full", inputs | shaped_by("photographs"), build)
    return finished(f"{stage.folder.name}/{IN_FULL}", stage, f"{part}: {len(ids):,} photographs in full")


@stage_task("tell identical photographs apart")
def correct_digests(shards: Sequence[Shard], in_full: Sequence[str], workspace: Place) -> Corrected:
    """Find the photographs whose digest says something wrong, and a right one for each."""

    def build(target: Place) -> dict[str, Any]:
        found = corrected(shards, [tables.read(workspace / name) for name in in_full], workspace)
        tables.write(found, target / CORRECTED)
        return {"rows": len(found)}

    inputs = {"version": VERSION, "shards": [shard.folder for shard in shards], "in_full": list(in_full)}
    stage = stages.stage(workspace, "corrected", inputs, build)
    return finished(Corrected(stage.folder.name, stage.result["rows"]), stage, f"{stage.result['rows']:,} corrected")
