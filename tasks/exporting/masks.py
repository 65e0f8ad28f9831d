"""Carry masks in image files along with the images that they belong to."""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, cast

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

    If images move to the folder `moved_to`, masks that are there stay, and so do masks of images that do not move.
    Raises `DataError` when a mask has changed since it was indexed.
    """
    names, sources = dict(images), defaultdict[str, list[Archive]](list)  # the splits of each source
    for archive in originals.archives:
        sources[archive.given].append(archive)
    for archives in sources.values():
        own = [tables.read(originals.workspace / each.index, filters=pc.field("reason") == MASK) for each in archives]
        if len(masks := pa.concat_tables(own)):
            below = {str(each.role): each.below for each in archives}
            paths = dict(_paths(names, below))
            moved = {key: how for image, path in paths.items() for key, how in _moved(path, names[image])}
            if moved_to:
                others = (image for image in cast(pa.Table, originals.index)["id"].to_pylist() if image not in names)
                stay = {key for _, path in _paths(others, below) for key in image_keys(path)}
                moved = {key: how for key, how in moved.items() if key not in stay}
            yield from _read(originals, archives[0], masks, moved, moved_to)


def _paths(images: Iterable[str], below: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the images of some roles, each with its path in the source, given the folder of each role there."""
    for image in images:
        role, *rest = image.split("/", 2)
        if role in below:
            yield image, posixpath.join(below[role], path_of(*rest))


def _moved(path: str, name: str) -> Iterator[tuple[str, Moved]]:
    """Yield the keys of an image, with how its path changes."""
    before, after = path.split("/"), name.split("/")
    same = 0  # parts at the end
    while before[: len(before) - same] and after[: len(after) - same] and before[-1 - same] == after[-1 - same]:
        same += 1
    first, second = len(before) - same, len(after) - same
    how = Moved("/".join([*before[:first], ""]), "/".join(after[:second]), "/".join(before[first:-1]))
    yield from dict.fromkeys(image_keys(path), how).items()


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
