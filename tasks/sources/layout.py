"""Recognise sources by name and by their folders: splits, or the common folder of the class folders."""

import posixpath
import re
from typing import get_args

from tasks.addresses import is_secret, is_url, public_name, reveal
from tasks.errors import UsageError
from tasks.storage import at
from tasks.storage.place import Place, address_in
from tasks.vocabulary import GENERATED, IN_PUBLIC, SPLIT_FOLDERS, SPLITS, PublicName, Role, SplitName

METADATA_NAMES = {"Thumbs.db", "desktop.ini", "__MACOSX"}
METADATA_PATTERN = r"^\.(?:[^.]|$)|~$"  # hidden: one dot, as in .DS_Store and ._a.png; names with two dots are usual


def split_folders(folders: set[str]) -> dict[SplitName, str]:
    """Return the folder of each split, given all folders with images; empty if they are not splits.

    >>> split_folders({"data/train/a", "data/train/b", "data/val/a"})
    {'train': 'data/train', 'validation': 'data/val'}
    >>> split_folders({"vehicles/train", "vehicles/bus"})
    {}
    """
    folders = without_metadata(folders)
    root = common_root(folders)
    below = [folder[len(root) :].strip("/").partition("/")[0] for folder in folders]
    names = sorted(set(below))
    found = {SPLIT_FOLDERS[name.lower()]: posixpath.join(root, name) for name in names if name.lower() in SPLIT_FOLDERS}
    whole = len(found) == len(names) > 1 and "train" in found
    return {split: found[split] for split in SPLITS if split in found} if whole else {}


def common_root(folders: set[str]) -> str:
    """Return the folder of the class folders, given all folders with images."""
    folders = without_metadata(folders)
    if len(folders) < 2:
        return posixpath.dirname("".join(folders))
    return posixpath.commonpath(folders)


def split_of_folder(path: str) -> SplitName | None:
    """Return the split that a folder of a path is named after, such as train for ``images/train2017/1.jpg``, if any."""
    folders = (part.lower().rstrip("0123456789") for part in path.split("/")[:-1])
    return next((SPLIT_FOLDERS[part] for part in folders if part in SPLIT_FOLDERS), None)


def is_below(folder: str, root: str) -> bool:
    """Return whether a folder is `root` or inside it."""
    return not root or folder == root or folder.startswith(root + "/")


def is_metadata(part: str) -> bool:
    """Return whether a part of a path is metadata of an operating system.

    >>> [is_metadata(part) for part in (".hidden.png", "._a.png", "a.png~", "..dots.png", "...")]
    [True, True, True, False, False]
    """
    return bool(re.search(METADATA_PATTERN, part)) or part in METADATA_NAMES


def without_metadata(folders: set[str]) -> set[str]:
    """Return the folders without metadata in their path."""
    return {folder for folder in folders if not any(map(is_metadata, folder.split("/")))}


def check_source(role: Role, name: str) -> None:
    """Raise `UsageError` for a missing source, by its own name; generated and downloaded sources are not checked."""
    if is_url(name) or is_secret(name) or name.partition(":")[0] in GENERATED:
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
        raise UsageError(f"{role} {name} does not exist; name an archive, a folder, a URL, notmnist or fonts.")
    if not (place.in_bucket or all(at(each).is_folder() or at(each).is_file() for each in at(place).expanded())):
        raise UsageError(f"{role} {name} is a pipe or a device; save what it gives as a file, and name that.")
