"""What sources in any form hold, by the tasks that read them: without a flow and a server."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect.logging import disable_run_logger

from flows.command.commands import app
from flows.table import COMMANDS
from tasks.classes.tasks import load_part
from tasks.sources.pieces import parts_of
from tasks.sources.tasks import fetch, index
from tasks.storage import tables
from tasks.storage.workspace import in_use, workspace_at
from tests.build import GLYPHS
from tests.plain import load, record_of

Listed = tuple[Counter[tuple[str, int, str]], Counter[tuple[str, str, str]]]


def listed(given: Mapping[str, str], folder: Path, **columns: str) -> Listed:
    """Return the images of sources by split, label and pixels, and how many of each class are accepted, or why not."""
    space = workspace_at(str(folder))
    images, members = Counter[tuple[str, int, str]](), Counter[tuple[str, str, str]]()
    with disable_run_logger(), in_use(space):
        sources = [record_of(fetch.fn(role, name, columns, space)) for role, name in given.items()]
        archives = [archive for source in sources for archive in record_of(index.fn(source, space))]
        for archive in archives:
            outside = tables.read(space / archive.index).slice(0, sum(archive.outside.values())).to_pylist()
            members.update((archive.role, "", row["reason"]) for row in outside)
        classes = sorted({name for archive in archives for name in archive.members})
        for part in [part for archive in archives for part in parts_of(archive, classes, GLYPHS)]:
            shard, _ = record_of(load_part.fn(part, GLYPHS, space))
            table = tables.read(space / shard.images)
            labels, pixels = table["label"].to_pylist(), map(str, table["pixels"].to_pylist())
            images.update((part.role, label, held) for label, held in zip(labels, pixels, strict=True))
            members.update({(part.role, one.class_name, "accepted"): one.rows for one in shard.classes})
            refused = tables.read(space / shard.quarantine).to_pylist()
            members.update((part.role, row["class_name"], row["reason"]) for row in refused)
    return images, +members


def as_typed(words: Sequence[str]) -> Any:
    """Return the specification that a command makes of what is typed."""
    _, typed, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    (kind,) = (command.takes for command in COMMANDS if command.name == words[0])
    return kind.of(**typed.arguments)  # type: ignore[attr-defined]


def read_as_typed(words: Sequence[str], folder: Path) -> dict[str, Counter[bytes]]:
    """Return the digests of the images of each source of a command, read as its flow reads them."""
    spec = as_typed([*words, "--workspace", str(folder)])
    with disable_run_logger(), in_use(spec.place):
        spec, loaded = load(spec)
    found = dict[str, Counter[bytes]]()
    for prints in loaded.fingerprints:
        found.setdefault(prints.role, Counter()).update(tables.read(spec.place / prints.table)["md5"].to_pylist())
    return found
