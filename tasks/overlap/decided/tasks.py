"""Prefect tasks of what people decided: keep it with the run, and apply it to the twins of two splits."""

from dataclasses import replace
from typing import Any

from tasks.overlap.count import count_overlap
from tasks.overlap.decided.between import Settled
from tasks.overlap.mirrored import MIRRORED
from tasks.overlap.prints import StoredRows
from tasks.records import Decided, Joined, Overlap, Prints
from tasks.records.spec import ComparingSpec
from tasks.records.verdict import Verdict
from tasks.stage_task import finished, stage_task
from tasks.storage import disk, stages, tables
from tasks.storage.decisions import NAME, read_decisions
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.vocabulary import ViewName

VERSION = 1


@stage_task("take decisions")
def take_decisions(file: str, workspace: Place) -> Decided:
    """Keep a copy of the decisions that a run is made with, since more may be added to the file."""
    found = read_decisions(Place.of(file))

    def build(target: Place) -> dict[str, Any]:
        tables.write(found.table, target / NAME)
        return {}

    pairs = [[first.hex(), second.hex(), same] for (first, second), same in found.by_pair.items()]
    inputs = {"version": VERSION, "pairs": pairs}
    stage, same = stages.stage(workspace, "decisions", inputs, build), sum(found.by_pair.values())
    decided = Decided(stage.folder.name, stages.digest_of(inputs), same, len(found) - same)
    return finished(decided, stage, f"{decided.same:,} pairs are the same, {decided.different:,} are different")


@stage_task("apply decisions to {joined.first} and {joined.second}")
def apply_decisions(
    spec: ComparingSpec,
    view: ViewName,
    pair: tuple[Prints, Prints],
    joined: Joined,
    verdict: Verdict,
    decided: Decided,
    workspace: Place,
) -> Overlap:
    """Settle the twins of two splits by what people decided, and count them."""
    inputs = {"version": VERSION, "join": joined.sha256, "percent": verdict.percent, "decided": decided.sha256}
    seed = int(stages.digest_of(inputs)[:8], 16)

    def build(target: Place) -> dict[str, Any]:
        one, two = (StoredRows(prints, workspace) for prints in pair)
        decisions = read_decisions(workspace / decided.table)
        settled = Settled(one, two, VIEWS[view], verdict.percent, spec.floor_percent, seed, decisions)
        for prints, direction in zip(pair, (settled, settled.turned()), strict=True):
            direction.write(workspace / joined.table(prints.split), target / f"{prints.split}.parquet")
        if disk.exists(workspace / joined.folder / MIRRORED):
            disk.link(workspace / joined.folder / MIRRORED, target / MIRRORED)
        return {}

    stage = stages.stage(workspace, "decided", inputs, build)
    own = replace(joined, folder=stage.folder.name, sha256=stages.digest_of(inputs))
    overlap = count_overlap(own, verdict.percent, spec.floor_percent, spec.also, workspace)
    return finished(overlap, stage, f"{joined.first} and {joined.second}")
