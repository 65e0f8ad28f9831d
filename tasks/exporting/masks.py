"""Carry masks in image files along with the images that they belong to."""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tasks.exporting.originals import Original, Originals
from tasks.records import Archive
from tasks.sources.masks import MASK, image_keys, mask_folder, mask_keys
from tasks.sources.members import Members
from tasks.storage import Place, at, tables
from tasks.vocabulary import UNLABELLED, path_of


class Moved(NamedTuple):
    """How the path of an image changes: `before` becomes `after`, and `folder` with its name stays."""

    before: str
    after: str
    folder: str

    def name_of(self, mask: str) -> str:
        """Return the new path of a mask, which is still found by its name."""
        if f"{mask}/".startswith(self.before):
            return posixpath.join(self.after, mask[len(self.before) :])
        return posixpath.join(self.after, mask_folder(mask), self.folder, posixpath.basename(mask))


def masks_of(
    originals: Originals, images: Iterable[tuple[str, str]], moved_to: Place | None = None
) -> Iterator[tuple[Original, str]]:
    """Yield the masks of images, each with its new name, given the id and the new name of each image.

    Those that were moved to the folder `moved_to` before are left out.

    Raises `DataError` when a mask has changed since it was indexed.
    """
    names = defaultdict[str, list[tuple[str, str]]](list)
    for image, name in images:
        role, *below = image.split("/", 2)
        names[role].append((path_of(*below), name))
    sources = defaultdict[str, list[Archive]](list)  # the splits of each
    for archive in originals.archives:
        sources[archive.given].append(archive)
    for archives in sources.values():
        indexes = [tables.read(originals.workspace / each.index) for each in archives]
        masks = pa.concat_tables([one.filter(pc.equal(one["reason"], MASK)) for one in indexes])
        if len(masks):
            moved = {key: how for each in archives for key, how in _moved(each, names[each.role])}
            yield from _read(originals, archives[0], masks, moved, moved_to)


def _moved(archive: Archive, images: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Moved]]:
    """Yield the keys of the images of an archive, each with how its path changes."""
    for path, name in images:
        before, after = posixpath.join(archive.below, path).split("/"), name.split("/")
        same = 0  # parts at the end
        while before[: len(before) - same] and after[: len(after) - same] and before[-1 - same] == after[-1 - same]:
            same += 1
        first, second = len(before) - same, len(after) - same
        how = Moved("/".join([*before[:first], ""]), "/".join(after[:second]), "/".join(before[first:-1]))
        yield from dict.fromkeys(image_keys("/".join(before)), how).items()


def _read(
    originals: Originals, archive: Archive, masks: pa.Table, moved: dict[str, Moved], moved_to: Place | None
) -> Iterator[tuple[Original, str]]:
    members, named = Members(originals.folders[archive.role], archive.columns), dict[int, str]()
    for row, path in enumerate(masks["member"].to_pylist()):
        if how := next((moved[key] for key in sorted(mask_keys(path)) if key in moved), None):
            name = how.name_of(path)
            if not (moved_to and at(moved_to / name).exists() and not at(members.source / path).exists()):
                named[row] = name
    own, names = masks.take(pa.array(named, pa.int64())), list(named.values())
    own = own.set_column(0, "class_name", pa.repeat(pa.scalar(UNLABELLED), len(own)))
    for row, data in members.read(own):
        place = members.place_of(UNLABELLED, path := own["member"][row].as_py())
        yield Original(path, data, place and originals.place_of(archive.role, place)), names[row]
