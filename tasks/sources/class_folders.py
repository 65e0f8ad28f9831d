"""Check that the sources of a run agree on their classes."""

import unicodedata
from collections.abc import Mapping, Sequence

from tasks.errors import DataError
from tasks.records import Archive
from tasks.vocabulary import Role


def check_classes(archives: Sequence[Archive], expected: int | None, minimum: Mapping[Role, int]) -> tuple[str, ...]:
    """Return the class names that all sources share, in order.

    Raises
    ------
    DataError
        When a source has another number of classes than expected or less than two, too few members in one, or
        names that a file system may confuse, or when the sources name their classes differently.
    """
    first = tuple(index.class_name for index in archives[0].classes)
    alike = {unicodedata.normalize("NFC", name).casefold() for name in first}
    if len(alike) < len(first):
        raise DataError(
            f"{archives[0].name} has classes whose names differ only in case or in how a letter is encoded "
            f"({', '.join(first)}); rename them."
        )
    for archive in archives:
        names = tuple(index.class_name for index in archive.classes)
        if expected is None and len(names) < 2:
            raise DataError(
                f"{archive.name} has {len(names)} class folders ({', '.join(names) or 'none'}); it takes at least two."
            )
        if expected is not None and len(names) != expected:
            raise DataError(
                f"{archive.name} has {len(names)} class folders ({', '.join(names) or 'none'}) where {expected} are "
                "expected; name another source or another number with --classes."
            )
        for index in archive.classes:
            if index.members < minimum[archive.role]:
                raise DataError(
                    f"class {index.class_name} of {archive.name} has {index.members} members, fewer than the "
                    f"{minimum[archive.role]} required by --min-per-class; check that the source is complete."
                )
        if names != first:
            raise DataError(
                f"{archives[0].name} has the classes {', '.join(first)} and {archive.name} has {', '.join(names)}; "
                "all sources must have the same."
            )
    return first
