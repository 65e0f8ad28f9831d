"""Recognise sources by name and by their folders, splits or classes, and check the classes of a run or an audit."""

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from shlex import quote
from typing import get_args

from tasks.addresses import is_secret, is_url, public_name, reveal
from tasks.errors import DataError, UsageError
from tasks.records import Archive
from tasks.storage import at
from tasks.storage.place import Place, address_in
from tasks.vocabulary import (
    IN_PUBLIC,
    SPLIT_FOLDERS,
    SPLITS,
    UNLABELLED,
    PublicName,
    Role,
    SplitName,
    is_generated,
    split_among,
)  # fmt: skip

NAMED = 5  # classes to name in a message
# Hidden: one dot, as in .DS_Store and ._a.png; names with two dots are usual.
METADATA = r"^\.(?:[^.]|$)|^(?:Thumbs\.db|desktop\.ini|__MACOSX)$"


def split_folders(folders: set[str]) -> dict[SplitName, str]:
    """Return the folder of each split, given all folders with images; empty if they are not splits.

    >>> split_folders({"data/train/a", "data/train/b", "data/val/a"})
    {'train': 'data/train', 'validation': 'data/val'}
    >>> split_folders({"vehicles/train", "vehicles/bus"}), split_folders({"eval/a", "train/a"})
    ({}, {'train': 'train', 'test': 'eval'})
    """
    root = common_root(folders)
    names = sorted({folder[len(root) :].strip("/").partition("/")[0] for folder in folders})
    found = {SPLIT_FOLDERS[name.lower()]: posixpath.join(root, name) for name in names if name.lower() in SPLIT_FOLDERS}
    whole = len(found) == len(names) > 1 and "train" in found
    return {split: found[split] for split in SPLITS if split in found} if whole else {}


def common_root(folders: set[str]) -> str:
    """Return the folder of the class folders, given all folders with images."""
    return posixpath.commonpath(folders) if len(folders) > 1 else posixpath.dirname("".join(folders))


def split_of_folder(path: str) -> SplitName | None:
    """Return the split that a folder of a path is named after, such as train for ``images/train2017/1.jpg``, if any."""
    return split_among(part.lower().removesuffix("_images").rstrip("0123456789") for part in path.split("/")[:-1])


def are_flat(images: Iterable[str]) -> bool:
    """Return whether no split has two folders of images, which may be classes."""
    folders = {posixpath.dirname(path) for path in images}
    return len(folders) == len({split_of_folder(f"{folder}/") for folder in folders})


def is_below(folder: str, root: str) -> bool:
    """Return whether a folder is `root` or inside it."""
    return not root or folder == root or folder.startswith(root + "/")


def is_metadata(path: str) -> bool:
    """Return whether any part of a path is metadata of an operating system.

    >>> [is_metadata(path) for path in (".hidden/1.png", "._a.png", "..dots.png", "...")]
    [True, True, False, False]
    """
    return any(re.search(METADATA, part) for part in path.split("/"))


def check_source(role: Role, name: str) -> None:
    """Raise `UsageError` for a missing source, by its own name; generated and downloaded sources are not checked."""
    if is_url(name) or is_secret(name) or is_generated(role, name):
        return
    if name.startswith(IN_PUBLIC):
        known = get_args(PublicName)
        if role != "root" or name.removeprefix(IN_PUBLIC) not in known:
            raise UsageError(f"{role} {name}: --dataset takes one of {', '.join(known)}.")
        return
    if "://" in name and not address_in(name):
        raise UsageError(f"{role} {public_name(name)}: only addresses of http://, https:// and s3:// are read.")
    place = Place.of(reveal(name))
    if not at(place).expanded():
        raise UsageError(
            f"{role} {name} does not exist; name an archive, a folder or a URL (docs/data.md has all forms)."
        )
    if not (place.in_bucket or all(at(each).is_folder() or at(each).is_file() for each in at(place).expanded())):
        raise UsageError(f"{role} {name} is a pipe or a device; save what it gives as a file, and name that.")


def check_classes(
    archives: Sequence[Archive], expected: int | None, minimum: Callable[[Role], int], alike: bool
) -> tuple[str, ...]:
    """Return the class names of all sources, in order.

    Raises `DataError` when a source has another number of classes than `expected`, a class with fewer images than the
    `minimum` of its role, or names that a file system may confuse; or when sources that must be `alike` do not have the
    same classes, at least two.
    """
    for archive in archives:
        _check(archive, expected, minimum(archive.role))
    names = sorted({name for archive in archives for name in archive.members})
    if len({unicodedata.normalize("NFC", name).casefold() for name in names}) < len(names):
        raise DataError(f"{archives[0].name}: rename classes that differ only in case or encoding ({some(names)}).")
    for one in archives if alike else ():
        if len(own := list(one.members)) < 2:
            has = "no class folders" if own == [UNLABELLED] else f"one class folder ({some(own)})"
            run = f"{one.name} has {has}, but a run needs two; run `cleansplit split {quote(one.name)}`."
            raise DataError(" ".join([run, *one.notes]))
    if alike and (different := differences(archives)):
        train, test = (quote(archive.name) for archive in archives)
        raise DataError(
            f"the sources of a run need the same classes, but {different[0]} Run "
            f"`cleansplit audit --train {train} --test {test}` to compare them as they are."
        )
    return tuple(names)


def differences(archives: Sequence[Archive]) -> list[str]:
    """Return one sentence for each source that lacks classes of the others."""
    every = {name for archive in archives for name in archive.members}
    missing = [(archive.role, sorted(every - set(archive.members))) for archive in archives]
    return [f"{role} lacks {len(names)} of {len(every)} classes: {some(names)}." for role, names in missing if names]


def _check(archive: Archive, expected: int | None, minimum: int) -> None:
    names = list(archive.members)
    if expected is not None and len(names) != expected:
        raise DataError(
            f"{archive.name} has {len(names)} class folders ({some(names)}) where {expected} are expected; name "
            f"another source, or give `--classes {len(names)}`."
        )
    for name, members in archive.members.items():
        if members < minimum:
            raise DataError(
                f"class {name} of {archive.name} has {members} images, fewer than the {minimum} of --min-per-class; "
                f"complete the source, or give `--min-per-class {members}`."
            )


def some(names: Sequence[str]) -> str:
    """Return a few names, and how many more there are.

    >>> some(["a", "b"]), some(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
