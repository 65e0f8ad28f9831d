"""The files of a run's images: of pictures as they lie in their sources, of glyphs as PNGs that are written anew."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from tasks import tables
from tasks.images import Images
from tasks.members import read_members
from tasks.records import Archive

BATCH_BYTES, BATCH_ROWS = 64 << 20, 1024  # what is held in memory at once
BYTES_OF_A_GLYPH = 1024


class Originals:
    """Find and read the files of images by their ids.

    Parameters
    ----------
    archives : sequence of Archive
        The sources of a run of pictures; empty for glyphs.
    """

    def __init__(self, archives: Sequence[Archive]) -> None:
        self.paths = {archive.role: archive.path for archive in archives}
        parts = []
        for archive in archives:
            index = tables.read(archive.index, filters=pc.field("outcome").is_null() & pc.field("letter").is_valid())
            ids = pc.binary_join_element_wise(archive.role, index["letter"], index["member"], "/")
            role = pa.array([archive.role] * len(index), pa.string())
            parts.append(index.append_column("id", ids).append_column("role", role))
        self.index = pa.concat_tables(parts) if parts else None

    @property
    def linkable(self) -> bool:
        """Whether every source is a folder, whose files can be linked."""
        return bool(self.paths) and all(path.is_dir() for path in self.paths.values())

    def sizes(self, ids: pa.Array) -> list[int]:
        """Return the bytes of each file; of a glyph, about."""
        if self.index is None:
            return [BYTES_OF_A_GLYPH] * len(ids)
        sizes: list[int] = self._rows(ids)["size"].to_pylist()
        return sizes

    def read(self, images: Images) -> Iterator[tuple[str, bytes, Path | None]]:
        """Yield id, bytes and, in a folder, path of the file of each image, in their order.

        Raises
        ------
        DataError
            When a file is no longer what it was.
        """
        start, sizes = 0, self.sizes(images.ids)
        while start < len(images):
            end, total = start + 1, sizes[start]
            while end < len(images) and end - start < BATCH_ROWS and total + sizes[end] <= BATCH_BYTES:
                total, end = total + sizes[end], end + 1
            part = images[start:end]
            yield from self._glyphs(part) if self.index is None else self._members(part.ids)
            start = end

    def _glyphs(self, images: Images) -> Iterator[tuple[str, bytes, Path | None]]:
        for name, gray in zip(images.ids.to_pylist(), images.gray, strict=True):
            buffer = io.BytesIO()
            Image.fromarray(gray).save(buffer, "PNG")
            yield name, buffer.getvalue(), None

    def _members(self, ids: pa.Array) -> Iterator[tuple[str, bytes, Path | None]]:
        rows = self._rows(ids)
        found: dict[int, bytes] = {}
        roles = rows["role"].to_numpy(zero_copy_only=False)
        for role, path in self.paths.items():
            where = np.flatnonzero(roles == role)
            found |= {int(where[row]): data for row, data in read_members(path, rows.take(pa.array(where)))}
        for number, row in enumerate(rows.select(["id", "role", "letter", "member"]).to_pylist()):
            folder = self.paths[row["role"]]
            place = folder / row["letter"] / row["member"] if folder.is_dir() else None
            yield row["id"], found[number], place

    def _rows(self, ids: pa.Array) -> pa.Table:
        assert self.index is not None  # noqa: S101  # callers ask only for pictures
        return self.index.take(pc.index_in(ids, value_set=self.index["id"].combine_chunks()))
