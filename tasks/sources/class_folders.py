"""Check the classes of the sources of a run or an audit."""

import unicodedata
from collections.abc import Callable, Sequence

from tasks.errors import DataError
from tasks.records import Archive
from tasks.vocabulary import UNLABELLED, Role

NAMED = 5  # classes to name in a message


def check_classes(
    archives: Sequence[Archive], expected: int | None, minimum: Callable[[Role], int], alike: bool
) -> tuple[str, ...]:
    """Return the class names of all sources, in order.

    Raises `DataError` when a source has no image, another number of classes than `expected`, a class with fewer members
    than the `minimum` of its role, or names that file systems may confuse. With `alike`, also raises it unless all
    sources have the same classes, at least two.
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
        own = list(archive.members)
        if own == [UNLABELLED]:
            raise DataError(f"{archive.name} has no class folders, but a run needs them; audit and split do not.")
        if len(own) < 2:
            raise DataError(
                f"{archive.name} has one class folder ({some(own)}), but a run needs two; audit and split accept one."
            )
    if alike and (different := differences(archives)):
        raise DataError(f"the sources have different classes: {different[0]} A run needs the same; audit does not.")
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
    if not names:
        raise DataError(
            f"{archive.name} has no images; name another source, or archives in a folder by a pattern like '*.tar'."
        )
    if expected is not None and len(names) != expected:
        raise DataError(
            f"{archive.name} has {len(names)} class folders ({some(names)}) where {expected} are expected; name "
            "another source or another number with --classes."
        )
    for name, members in archive.members.items():
        if members < minimum:
            raise DataError(
                f"class {name} of {archive.name} has {members} members, fewer than the {minimum} "
                "required by --min-per-class; check that the source is complete."
            )


def some(names: Sequence[str]) -> str:
    """Return a few names, and how many more there are.

    >>> some(["a", "b"]), some(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
