"""What sources in any form hold, by the tasks that read them: without a flow and a server."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect.logging import disable_run_logger

from flows.command.commands import app
from flows.table import COMMANDS
from tasks.classes.detection import detect
from tasks.classes.tasks import load_part
from tasks.records.spec import PrepareSpec, SourceSpec
from tasks.sources.layout import check_classes
from tasks.sources.pieces import parts_of
from tasks.sources.tasks import fetch, index
from tasks.storage import Place, tables
from tasks.storage.workspace import in_use, workspace_at
from tests.build import GLYPHS

Listed = tuple[Counter[tuple[str, int, str]], Counter[tuple[str, str, str]]]


def record_of(state: Any) -> Any:
    """Return the record that a task ended with; raise its error."""
    if isinstance(state.data, Exception):
        raise state.data
    return state.data


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
    spec: SourceSpec = as_typed([*words, "--workspace", str(folder)])
    found, space = dict[str, Counter[bytes]](), spec.place
    links = spec.follow_links and str(Place.of(spec.follow_links))
    with disable_run_logger(), in_use(space):
        given = spec.sources.items()
        sources = [record_of(fetch.fn(role, name, spec.columns_by_use, space, links)) for role, name in given]
        archives = [archive for source in sources for archive in record_of(index.fn(source, space))]
        classes = check_classes(archives, spec.classes, spec.minimum, alike=isinstance(spec, PrepareSpec))
        reading, _ = record_of(detect.fn(archives, spec, space))
        for part in [part for archive in archives for part in parts_of(archive, classes, reading)]:
            _, prints = record_of(load_part.fn(part, reading, space))
            found.setdefault(part.role, Counter()).update(tables.read(space / prints.table)["md5"].to_pylist())
    return found
