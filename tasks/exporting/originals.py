"""The files of a run's images: original files of photographs, and new PNGs of glyphs."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from tasks.classes.dicom import one_frame
from tasks.errors import UsageError
from tasks.records import Archive
from tasks.sources.members import Members
from tasks.sources.pages import PAGE
from tasks.storage import Place, at, disk, tables
from tasks.storage.image_files import images_in, iterate_images, read_ids
from tasks.storage.images import as_file
from tasks.vocabulary import SET, UNLABELLED, path_of

BATCH_BYTES, BATCH_ROWS = 64 << 20, 1024  # limits of one batch in memory
BYTES_OF_A_GLYPH = 1024


class Original(NamedTuple):
    """The bytes of an image file, and its place if the source is a folder."""

    id: str
    data: bytes
    place: Place | None

    def put(self, target: Place, linked: bool) -> None:
        """Write the file, or make a hard link if `linked` is set and it has a place."""
        if linked and self.place is not None and not self.place.in_bucket:
            try:
                disk.move(self.place, target, keep=True)
            except OSError as error:
                if error.errno not in disk.NO_LINK:
                    raise
            else:
                return
        disk.make_folder(target.parent)
        with disk.writing(target) as out:  # refuses a file whose name differs only in case
            out.write(self.data)


class Originals:
    """Find and read image files by their ids.

    `archives` are the sources of photographs, and empty for glyphs; `photographs` are the tables with image sizes.
    """

    def __init__(self, archives: Sequence[Archive], workspace: Place, photographs: Sequence[str] = ()) -> None:
        self.archives, self.workspace = archives, workspace
        self.facts = [workspace / name for name in photographs]
        self.sources = {a.role: Members(workspace.locate(a.location), a.columns) for a in archives}
        self.folders = {str(a.role): workspace.locate(a.location.removesuffix(f"/{a.below}")) for a in archives}
        folders = [a.location for a in archives if self.sources[a.role].in_folder]
        sets = {place for place in folders if folders.count(place) > 1}  # of several splits
        sets |= {a.location for a in archives if any(name.startswith(SET) for name in a.members)}
        self.links: dict[str, str | None] = {a.role: a.links for a in archives}  # where links may lead
        self.annotated = {a.role for a in archives if a.location in sets}  # roles of detection sets
        found = [(a.role, images_in(workspace / a.index, a.role)) for a in archives]
        parts = [images.append_column("role", pa.repeat(role, len(images))) for role, images in found]
        self.index = pa.concat_tables(parts) if parts else None

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """(height, width) of gray photographs, else (height, width, 3); raises `UsageError` if the sizes differ."""
        found = pa.concat_tables([tables.read(place, ["height", "width", "mode"]) for place in self.facts])
        sizes = set(zip(found["height"].to_pylist(), found["width"].to_pylist(), strict=True))
        if len(sizes) > 1:
            raise UsageError(f"arrays need images of one size; these have {len(sizes)} sizes. Use --format parquet.")
        return (*sizes.pop(), 3)[: 2 if set(found["mode"].to_pylist()) == {"L"} else 3]

    def sizes(self, ids: pa.Array) -> list[int]:
        """Return the size of each file in bytes; glyphs have an estimate."""
        return [BYTES_OF_A_GLYPH] * len(ids) if self.index is None else self._rows(ids)["size"].to_pylist()

    def places(self, ids: pa.Array) -> list[Place | None]:
        """Return the place of each image file; None for images in archives, pages, and files that links lead to."""
        return [at and self.place_of(of, at) for of, at in self.files(ids)]

    def place_of(self, role: str, file: Place) -> Place | None:
        """Return the place of a file; None if it is read through a link that the run could follow, too."""
        target = disk.resolved(file)
        could_be = str(target) != str(file) and (self.links[role] or at(target).is_inside(self.folders[role]))
        return None if could_be else file

    def files(self, ids: pa.Array) -> list[tuple[str, Place | None]]:
        """Return the role and the file of each image, which may be a link; None in archives and for pages."""
        return [(of, self.sources[of].place_of(*own)) for of, *own in (name.split("/", 2) for name in ids.to_pylist())]

    def names(self, ids: pa.Array, split: str) -> list[str]:
        """Return the names of images below a `split`, unless it is empty; detection sets with splits keep their own."""
        places = [members.source for members in self.sources.values()]
        stay = {role for role in self.annotated if places.count(self.sources[role].source) > 1}
        flat = self.annotated | {a.role for a in self.archives if {*a.members} == {UNLABELLED}}  # without class folders
        parts = [name.split("/", 1) for name in ids.to_pylist()]
        paths = [(role, below.partition("/")[2] if role in flat else below) for role, below in parts]
        return [path if role in stay or not split else f"{split}/{path}" for role, path in paths]

    def read(self, files: Sequence[Place]) -> Iterator[Original]:
        """Yield the image file of every row of the Parquet files of a split, in order; raises like `of`."""
        if self.index is not None:
            yield from self.of(read_ids(files))
            return
        for images in iterate_images(files):
            for name, gray in zip(images.ids.to_pylist(), images.gray, strict=True):
                yield Original(name, as_file(Image.fromarray(gray)), None)

    def of(self, ids: pa.Array) -> Iterator[Original]:
        """Yield the files of images in order, in bounded memory; raises `DataError` if a file has changed."""
        rows = self._rows(ids)  # one look-up, because each one hashes the index
        for first, last in cut(rows["size"].to_pylist(), BATCH_BYTES, BATCH_ROWS):
            some, found = rows.slice(first, last - first), dict[int, bytes]()
            roles = some["role"].to_numpy(zero_copy_only=False)
            for role, members in self.sources.items():
                where = np.flatnonzero(roles == role)
                found |= {int(where[row]): data for row, data in members.read(some.take(pa.array(where)))}
            for number, (name, place) in enumerate(zip(some["id"].to_pylist(), self.places(some["id"]), strict=True)):
                yield Original(name, one_frame(found[number]), place)

    def _rows(self, ids: pa.Array) -> pa.Table:
        index = cast(pa.Table, self.index)  # glyphs have no source files
        return index.take(pc.index_in(ids, value_set=index["id"].combine_chunks()))


def whole_files(ids: pa.Array, archives: Sequence[Archive], workspace: Place) -> pa.Array:
    """Return the ids of the files of images, each once: the pages of a file have its name, unless that is their own."""
    places = {str(a.role): workspace.locate(a.location) for a in archives}

    def file_of(name: str) -> str:
        role, *below = name.split("/", 2)
        could_be = PAGE.search(name) and at(places[role]).is_folder()
        return PAGE.sub(r"\2", name) if could_be and not at(places[role] / path_of(*below)).exists() else name

    return pa.array(map(file_of, ids.to_pylist()), pa.string()).unique()


def cut(sizes: Sequence[int], most: int, rows: int) -> list[tuple[int, int]]:
    """Cut rows into pieces of at most `rows` rows and `most` bytes; a larger row is a piece of its own.

    >>> cut([5, 5, 5, 30, 1], 10, 3)
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    cuts, total = [0], 0
    for row, size in enumerate(sizes):
        if row > cuts[-1] and (total + size > most or row - cuts[-1] == rows):
            cuts.append(row)
            total = 0
        total += size
    return list(pairwise([*cuts, len(sizes)])) if sizes else []
