"""Kill a command that adds images to a reference, before each of its writes: the images are in, or not."""

import shutil
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

from prefect.logging import disable_run_logger

from tasks.classes.tasks import load_part
from tasks.overlap.arriving import keep_segment
from tasks.overlap.tasks import look_up
from tasks.records import Prints
from tasks.records.references import Arrived, commit, read_reference, require_intact
from tasks.sources.pieces import parts_of
from tasks.sources.tasks import fetch, index
from tasks.splits.tasks import take_whole
from tasks.storage.place import Place
from tasks.storage.workspace import in_use, workspace_at
from tests.build import GLYPHS
from tests.faults import crash, plain
from tests.faults.oracle import Golden, Tally, leftovers
from tests.plain import record_of


def prints_of(sources: dict[str, str], workspace: Path | str) -> list[Prints]:
    """Return the fingerprints of each source as a batch."""
    space, found = workspace_at(workspace), []
    with disable_run_logger(), in_use(space):
        for name in sources.values():
            archives = record_of(index.fn(record_of(fetch.fn("source", name, {}, space)), space))
            parts = [part for archive in archives for part in parts_of(archive, ["A", "B"], GLYPHS)]
            shards, prints = zip(*(record_of(load_part.fn(part, GLYPHS, space)) for part in parts), strict=True)
            found.append(record_of(look_up.fn(record_of(take_whole.fn(shards, space)).train, prints, space)))
    return found


def accept(workspace: Path | str, batch: Prints) -> None:
    """Add a batch to the reference of a workspace, unless it has it already."""
    space = workspace_at(workspace)
    with disable_run_logger(), in_use(space):
        before, done = read_reference(space, "known"), False
        while not done and batch.folder not in [one.batch for one in before.live]:
            arrived = Arrived("batch", {"new": batch.rows})
            after = record_of(keep_segment.fn(before, batch, batch.folder, arrived, space))
            done = commit(space, before, replace(after, reading=GLYPHS))
            before = read_reference(space, "known")


def problems_of(workspace: Path | str, rows: list[int]) -> Counter[str]:
    """Return what is wrong with the reference of a workspace, which should have segments with these numbers of rows."""
    space = workspace_at(workspace)
    reference = read_reference(space, "known")
    require_intact(space, reference)
    own = [segment.prints.rows for segment in reference.live]
    return Counter(lost=int(own < rows), wrong=int(own > rows))


def killed_while_accepting(golden: Golden, scratch: Path, step: int = 1) -> Tally:
    """Die at every `step`-th event of adding a second batch; the reference has it whole or not, and then once."""
    tally, prepared = Tally("dies while a batch is accepted"), plain.fresh(scratch / "prepared")
    first, second = prints_of(golden.sources, prepared)
    accept(prepared, first)
    number, ended = 1, plain.Ended(plain.CRASHED, "")
    while ended.code == plain.CRASHED:
        workspace = plain.fresh(scratch / "w")
        shutil.copytree(prepared, workspace)

        def work(number: int = number, workspace: Path = workspace) -> None:
            crash.at_event(number, workspace, crash.die)
            accept(workspace, second)

        ended = plain.in_child(work, scratch)
        there = len(read_reference(Place.of(workspace), "known").live)
        problems = problems_of(workspace, [first.rows, second.rows][:there])
        again = plain.in_child(partial(accept, workspace, second), scratch)
        problems["unexplained"] += (ended.code not in (0, plain.CRASHED)) + (again.code != 0)
        problems += problems_of(workspace, [first.rows, second.rows])
        problems["torn"] += len(leftovers(workspace)) + len([*workspace.rglob("*.part")])
        tally.count(f"event {number}", +problems)
        number += step
    return tally


def accepted_at_once(golden: Golden, scratch: Path, count: int = 10) -> Tally:
    """Add two batches at the same time; the reference has both, once each."""
    tally, prepared = Tally("two batches are accepted at once"), plain.fresh(scratch / "prepared")
    batches = prints_of(golden.sources, prepared)
    for number in range(count):
        workspace = plain.fresh(scratch / "w")
        shutil.copytree(prepared, workspace)
        children = [plain.start(partial(accept, workspace, batch), scratch) for batch in batches]
        ended = [plain.finish(child, scratch) for child in children]
        problems = Counter(unexplained=sum(end.code != 0 for end in ended))
        rows = [segment.prints.rows for segment in read_reference(Place.of(workspace), "known").live]
        problems["lost"] += sorted(rows) != sorted(batch.rows for batch in batches)
        tally.count(f"pair {number}", +problems)
    return tally
