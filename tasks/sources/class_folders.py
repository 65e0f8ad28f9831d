"""Check the classes of the sources of a run or an audit."""

import unicodedata
from collections.abc import Callable, Sequence
from shlex import quote

from tasks.errors import DataError
from tasks.records import Archive
from tasks.vocabulary import UNLABELLED, Role

NAMED = 5  # classes to name in a message


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
        raise DataError(
            f"{archives[0].name} has classes whose names differ only in case or in how a letter is encoded "
            f"({some(names)}); rename them."
        )
    for archive in archives if alike else ():
        if len(own := list(archive.members)) < 2:
            has = "no class folders" if own == [UNLABELLED] else f"one class folder ({some(own)})"
            raise DataError(
                f"{archive.name} has {has}, but a run needs two; run `cleansplit split {quote(archive.name)}`."
            )
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
    return [
        f"{archive.role} lacks {len(missing)} of {len(every)} classes: {some(missing)}."
        for archive in archives
        if (missing := sorted(every - set(archive.members)))
    ]


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
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
