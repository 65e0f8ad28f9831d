"""Name a run after its sources."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from tasks.addresses import IN_BLOCK, is_url
from tasks.storage import Place
from tasks.vocabulary import GENERATED, IN_PUBLIC, SPLIT_FOLDERS

SAY_NOTHING = {*SPLIT_FOLDERS, "large", "small", "images", "data"}  # words that do not identify a source
MOST = 40  # characters


def name_of(sources: Sequence[str]) -> str:
    """Return a name that distinguishes the sources, in characters that every file system allows.

    >>> name_of(["/data/cifar/train", "/data/cifar/test"]), name_of(["notMNIST_large.tar.gz", "notMNIST_small.tar.gz"])
    ('cifar', 'notMNIST')
    >>> name_of(["/a/old.zip", "/a/new.zip"]), name_of(["fonts:/usr/share/fonts"]), name_of(["https://x.org/pets.tar"])
    ('old-new', 'fonts', 'pets')
    """
    words = dict.fromkeys(word for source in sources for word in _telling(source))
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in "-".join(words))
    return safe.strip("-")[:MOST].rstrip("-") or "run"


def _telling(source: str) -> list[str]:
    """Return the distinguishing words of a source's name, or else of its folder's name."""
    kind, _, name = source.partition(":")
    if kind in GENERATED:
        return [kind]
    if f"{kind}:" in (IN_PUBLIC, IN_BLOCK):
        return [name]
    path = PurePosixPath(urlsplit(source).path if is_url(source) else str(Place.of(source)))
    for part in (path.name.partition(".")[0], path.parent.name):
        words = [word for word in part.replace("_", "-").split("-") if word.lower() not in SAY_NOTHING and word]
        if words and not all(word.isdigit() or word == "*" for word in words):
            return words
    return [path.name.partition(".")[0]]
