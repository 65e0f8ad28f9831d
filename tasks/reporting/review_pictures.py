"""The images of a run in formats for a browser, and the transform that aligns a pair."""

import threading
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from tasks.arrays import Pixels, RowNumbers
from tasks.errors import CleanSplitError
from tasks.exporting.originals import Originals
from tasks.formats import format_of
from tasks.presenting.gallery import transforms_over
from tasks.records import Findings
from tasks.storage import Place, at, tables
from tasks.storage.copies import read_copies
from tasks.storage.image_files import gray_of, thumbnails
from tasks.storage.images import as_file

TYPES = {  # formats that browsers show
    "JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp", "BMP": "image/bmp",
    "AVIF": "image/avif",
}  # fmt: skip
Shown = tuple[bytes, str]  # an image and its media type


class Glyphs:
    """Glyphs, from the run itself."""

    def __init__(self, run: Place, ids: Iterable[str]) -> None:
        self.gray = gray_of(at(run).matching("raw/*.parquet"), ids)

    def shown(self, name: str) -> Shown:
        """Return an image as a PNG."""
        return as_file(Image.fromarray(self.gray[name])), "image/png"

    def laid(self, _one: str, _two: str) -> str | None:
        """Return None: glyphs are not aligned."""
        return None


class Photographs:
    """Photographs: originals from their sources, or thumbnails if a source is missing or browsers lack the format."""

    def __init__(self, found: Findings, workspace: Place, ids: Iterable[str]) -> None:
        wanted = pa.array(sorted(ids), pa.string())
        self.originals = Originals(found.archives, workspace)
        if self.originals.index is not None:  # searched for every image, so a smaller one is faster
            self.originals.index = self.originals.index.filter(pc.is_in(self.originals.index["id"], value_set=wanted))
        self.thumbnails = thumbnails([workspace / name for name in found.photographs], wanted.to_pylist())
        self.one_at_a_time = threading.Lock()  # a browser asks for both images of a pair at once
        self.copies: dict[str, tuple[Place, RowNumbers, Pixels]] = {}
        for one in (one for one in found.fingerprints if one.copies):
            table = tables.read(workspace / one.table, ["id", "copy", "aspect"], filters=pc.field("id").isin(wanted))
            for row in table.to_pylist():
                self.copies[row["id"]] = workspace / str(one.copies), np.array([row["copy"]]), np.array([row["aspect"]])

    def shown(self, name: str) -> Shown:
        """Return the file of an image, or a thumbnail."""
        try:
            with self.one_at_a_time:
                data = next(self.originals.of(pa.array([name], pa.string()))).data
        except (CleanSplitError, OSError):
            data = b""
        media_type = TYPES.get(format_of(data) or "")
        return (data, media_type) if media_type else (self.thumbnails[name], "image/jpeg")

    def laid(self, one: str, two: str) -> str:
        """Return the CSS transform that lays the second image over the first."""
        files, places, aspects = zip(*(self.copies[name] for name in (one, two)), strict=True)
        return transforms_over([*map(read_copies, files, places)], aspects)[0]
