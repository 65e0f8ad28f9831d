"""Cut a source into parts of about equal cost: the classes that one task loads."""

from collections.abc import Sequence

from tasks.records import Archive, Part, Reading

ALONE_UP_TO = 20  # classes of a source, each of which is a part of its own
WORK = 100_000  # of a part of several classes, in glyphs
GLYPHS_PER_PHOTOGRAPH = 50  # starting a process pool pays off from about 10,000 photographs, or 500,000 glyphs


def parts_of(archive: Archive, classes: Sequence[str], reading: Reading) -> list[Part]:
    """Return the parts of a source, each a run of its classes in order.

    Parameters
    ----------
    archive : Archive
    classes : sequence of str
        Of all sources; the place of a class is its label.
    reading : Reading
        Whether its members are glyphs or photographs, which cost more.
    """
    labels = {name: label for label, name in enumerate(classes)}
    parts: list[list[str]] = []
    room = 0
    for index in archive.classes:
        if not parts or room <= 0 or len(archive.classes) <= ALONE_UP_TO:
            parts.append([])
            room = WORK
        parts[-1].append(index.class_name)
        room -= work_of(index.members, reading)
    return [Part(archive.role, tuple(names), tuple(labels[name] for name in names)) for names in parts]


def work_of(members: int, reading: Reading) -> int:
    """Return the cost of decoding some members, in glyphs."""
    return members if reading.kind == "glyphs" else GLYPHS_PER_PHOTOGRAPH * members
