"""Sources that a command does not read directly: a description of each, and a command that reads it.

A function of `LAYOUTS` recognises one layout by the names of members, or returns None; the first that recognises a
source describes it.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable
from shlex import quote
from typing import Any

from tasks.addresses import is_url
from tasks.errors import DataError, UsageError
from tasks.records import Source
from tasks.sources.held import AUDIT, DEDUPE, Held
from tasks.sources.layout import some, split_folders
from tasks.sources.listing import Listing
from tasks.sources.manifest import ENDINGS
from tasks.sources.numbered import split_in
from tasks.storage import Place, disk
from tasks.vocabulary import SPLIT_FOLDERS, SPLITS, SplitName

Layout = tuple[str, str] | None  # description of a source, and a command
ARCHIVES = r"(\.tar(\.\w+)?|\.tgz|\.zip)$"
TABLES = rf"({'|'.join(map(re.escape, (*ENDINGS, '.npy', '.npz')))})$"
BATCHES = r"(^|/)(data_batch_\d+$|[^/]*-images-idx3-ubyte)"  # of CIFAR and MNIST


def splits_of(source: Source, listing: Listing, first: dict[str, Any] | None = None) -> dict[SplitName, str]:
    """Return the folder of each split in a root; an empty dict for a source of another role.

    `first` is the first row of a source in rows, by column.

    Raises `UsageError` when a root holds no splits, or another source holds them: as classes, they would be compared
    with themselves. Raises `DataError` when another source holds no images. Both name what the source holds, and the
    command that reads it.
    """
    is_root, folders = source.role == "root", listing.with_images
    found = split_folders(folders)
    if bool(found) == is_root and folders:
        return found
    raise (UsageError if is_root or found else DataError)(_described(Held(source, listing, first)))


def _described(held: Held) -> str:
    source, layouts = held.source, LAYOUTS if held.first is None else OF_ROWS
    what, command = next(filter(None, (layout(held) for layout in layouts)))
    if source.columns:
        command += f" --columns {' '.join(quote(f'{use}={name}') for use, name in source.columns.items())}"
    if source.sha256 is not None and held.folder in command:  # of an archive, a part is named
        command = f"{_unpack(source.name, quote(held.folder))} && {command}"
    before, _, last = command.rpartition(" && ")
    if last.startswith("--"):
        return f"{source.name} {what}; {f'run `{before}`, and ' if before else ''}give `{last}`."
    another = f" or `{command.replace(DEDUPE, 'cleansplit split')}`" if command.startswith(DEDUPE) else ""
    return f"{source.name} {what}; run `{command}`{another}."


def _unpack(name: str, folder: str) -> str:
    fetch, file = (f"curl -LO {quote(name)} && ", posixpath.basename(name)) if is_url(name) else ("", name)
    if file.lower().endswith(".zip"):
        return f"{fetch}unzip -q {quote(file)} -d {folder}"
    return f"{fetch}mkdir -p {folder} && tar -xf {quote(file)} -C {folder}"


def _splits(held: Held) -> Layout:
    if not split_folders(set(held.images)):
        return None
    return f"holds {held.described()}, which are splits, not classes", f"{AUDIT} {quote(held.source.name)}"


def _links(held: Held) -> Layout:
    links = [path for kind, path in held.others if kind == "link" and held.source.sha256 is None]
    if not links or (held.images and not any(map(split_in, links))):
        return None
    targets = [str(disk.resolved(Place(held.source.location) / path).parent) for path in links]
    command = f"{held.reads} {held.path('')} --follow-links {quote(posixpath.commonpath(targets))}"
    return f"has {len(links):,} links that lead out of it", command


def _batches(held: Held) -> Layout:
    folders = {posixpath.dirname(path) for path in held.called(BATCHES)}
    if len(folders) != 1 or (held.source.sha256 is None and "" in folders):
        return None
    return "holds files of CIFAR or MNIST, which are read from their folder", f"{AUDIT} {held.path(folders.pop())}"


def _tables(held: Held) -> Layout:
    splits = _by_split(held.called(TABLES))
    return (f"holds a table of each split, {some(list(splits.values()))}", held.audit(splits)) if splits else None


def _archives(held: Held) -> Layout:
    paths = held.called(ARCHIVES)
    endings = [re.split(ARCHIVES, path, flags=re.IGNORECASE)[1] for path in paths]
    patterns = {posixpath.join(posixpath.dirname(path), f"*{end}") for path, end in zip(paths, endings, strict=True)}
    splits = _by_split(patterns, posixpath.dirname)
    if held.images or len(patterns) != max(len(splits), 1):
        return None
    what, named = f"holds {len(paths):,} archives such as {paths[0]}", {split_in(posixpath.basename(p)) for p in paths}
    if splits:
        return what, held.audit(splits)
    reads = DEDUPE if held.reads == AUDIT and not {"train"} < named - {None} else held.reads
    return what, f"{reads} {held.path(patterns.pop())}"


def _other_names(held: Held) -> Layout:
    splits = _by_split(held.children)
    return (f"holds {held.described()}", held.audit(splits)) if splits else None


def _class_first(held: Held) -> Layout:
    parts = [folder[len(held.root) :].strip("/").lower().split("/") for folder in held.images]
    levels = enumerate(zip(*parts, strict=False))  # down to the shallowest folder
    depth = next((n for n, names in levels if n and {*names} <= SPLIT_FOLDERS.keys()), None)
    if depth is None or len({names[depth] for names in parts}) < 2:
        return None
    row = f'awk -F/ -v OFS=\'\\t\' \'BEGIN {{print "path", "label", "split"}} {{print $0, $1, ${depth + 1}}}\''
    listing = f"(cd {held.path(held.root)} && find */ -type f | {row} > splits.tsv)"
    table = held.path(posixpath.join(held.root, "splits.tsv"))
    return f"holds {held.described()}, with the splits inside", f"{listing} && {AUDIT} {table}"


def _one_set(held: Held) -> Layout:
    if not held.images:
        return None
    split = posixpath.basename(posixpath.commonpath(held.images))
    others = f"no split but {split}" if split.lower() in SPLIT_FOLDERS else "no splits"
    return f"holds {held.described()}, and {others}", f"{DEDUPE} {quote(held.source.name)}"


def _split_column(held: Held) -> Layout:
    told = [name for name, value in (held.first or {}).items() if str(value).lower() in SPLIT_FOLDERS]
    if held.reads != AUDIT or len(told) != 1:
        return None
    option = f"--columns {quote(f'split={told[0]}')}"
    return f"names the splits in its column {told[0]}", f"{AUDIT} {quote(held.source.name)} {option}"


def _scans(held: Held) -> Layout:
    if held.images or not held.called(r"(^|/)DICOMDIR$"):
        return None
    names = f"find {held.path('')} -type f ! -name '*.*' ! -name DICOMDIR -exec ln {{}} {{}}.dcm \\;"
    return "holds a DICOMDIR, whose files need an extension", f"{names} && {DEDUPE} {held.path('')}"


def _nothing(held: Held) -> Layout:
    endings = Counter(posixpath.splitext(path)[1].lower() or "without an ending" for path in held.files)
    kinds = Counter(kind for kind, _ in held.others)
    counts = some([f"{count:,} {kind}" for kind, count in (endings + kinds).most_common()])
    return f"holds no images, but {counts}" if counts else "is empty", f"{AUDIT} --help"


def _by_split(paths: Iterable[str], part: Callable[[str], str] = str) -> dict[SplitName, str]:
    """Return the path of each split, by the last name in it; empty unless there are train and another split."""
    told = [(split, path) for path in paths if (split := split_in(posixpath.basename(part(path))))]
    found = dict(sorted(told, key=lambda one: SPLITS.index(one[0])))
    return found if "train" in found and 1 < len(found) == len(told) else {}


OF_ROWS = (_splits, _split_column, _one_set, _nothing)
LAYOUTS = (_splits, _links, _batches, _archives, _other_names, _class_first, _tables, _scans, _one_set, _nothing)
