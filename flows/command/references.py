"""The commands of `cleansplit reference` that need no flow; imports as in `commands`."""

import sys
from dataclasses import replace

from tasks.errors import StorageError, UsageError
from tasks.records import parameters as p
from tasks.storage.workspace import workspace_at


def show(name: p.Named, *, workspace: p.Workspace = None) -> None:
    """List the segments of a reference: what became of each batch, and why segments were dropped."""
    from tasks.records.references import read_reference

    for one in read_reference(workspace_at(workspace), name).segments:
        dropped = f"; dropped: {one.dropped}" if one.dropped else ""
        print(f"{one.id}  {one.added}  {one.prints.rows:,} images from {one.arrived.in_short}{dropped}")


def verify(name: p.Named, *, workspace: p.Workspace = None) -> None:
    """Verify every file of a reference."""
    from tasks.records.references import read_reference, require_intact

    space = workspace_at(workspace)
    require_intact(space, read_reference(space, name))
    print(f"{name} is intact.", file=sys.stderr)


def drop(name: p.Named, segment: str, *, reason: str, workspace: p.Workspace = None) -> None:
    """Drop a segment, given the start of its id: it stays in the list, and no later batch is compared with it."""
    from tasks.records.references import commit, read_reference

    space = workspace_at(workspace)
    before = read_reference(space, name)
    found = [one for one in before.live if one.id.startswith(segment)]
    if len(found) != 1:
        raise UsageError(f"{len(found)} segments start with {segment!r}; `cleansplit reference list {name}` shows all.")
    kept = tuple(replace(one, dropped=reason) if one == found[0] else one for one in before.segments)
    if not commit(space, before, replace(before, segments=kept)):
        raise StorageError(f"another command changed {name}; try again.", heals=True)
