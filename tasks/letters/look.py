"""Look at a sample of the sources: whether they are glyphs or pictures, and which view of them tells twins apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import tables
from tasks.letters import photo
from tasks.letters.picture import decode
from tasks.letters.png import UnreadableError, filtered_rows
from tasks.members import read_members
from tasks.records import Archive
from tasks.spec import View

SAMPLED, PER_GROUP = 64, 8  # members in all; of one group of rows of an index
DARK, LIGHT = 64, 191
INK_FROM = 0.6  # share of pixels darker or lighter than these; notMNIST has 0.91, CIFAR-10 0.33


@dataclass(frozen=True)
class Seen:
    """What the sources hold, and why it is read as it is."""

    kind: Literal["glyphs", "pictures"]
    view: View
    side: int
    sentence: str


def look_at(archives: Sequence[Archive], view: View | Literal["auto"], side: int) -> Seen:
    """Decide how the members of all sources are read.

    Glyphs are plain gray PNGs of one side: most of the sample is. They are read by a strict gate and seen as ink. All
    else are pictures of any size and format.

    Parameters
    ----------
    archives : sequence of Archive
    view : {"ink", "photo", "auto"}
    side : int
        Of glyphs, in pixels.
    """
    glyphs, shares = [], []
    for archive in archives:
        for name, data in _sample(archive, SAMPLED // len(archives)):
            try:
                picture = decode(data, name, scaled=True)
            except UnreadableError:
                continue
            glyphs.append(_is_glyph(data, side))
            gray = np.asarray(picture.image.convert("L"))
            shares.append(float(((gray < DARK) | (gray > LIGHT)).mean()))
    share = float(np.mean(shares)) if shares else 1.0
    chosen: View = ("ink" if share >= INK_FROM else "photo") if view == "auto" else view
    are_glyphs = chosen == "ink" and np.mean(glyphs or [True]) > 0.5
    why = f"{100 * share:.0f} % of the pixels of {len(shares)} sampled images are nearly black or white"
    sentence = f"view {chosen}, since {why}; --view sets another"
    if view != "auto":
        sentence = f"view {chosen} as asked for: {why}"
    return Seen("glyphs" if are_glyphs else "pictures", chosen, photo.SIDE if chosen == "photo" else side, sentence)


def _is_glyph(data: bytes, side: int) -> bool:
    try:
        filtered_rows(data, side)
    except UnreadableError:
        return False
    return True


def _sample(archive: Archive, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and bytes of members, evenly spaced over the index, read in a few pieces."""
    with tables.opened(archive.index) as file:
        groups = np.unique(np.linspace(0, file.num_row_groups - 1, -(-count // PER_GROUP)).astype(int)).tolist()
        parts = []
        for group in groups if file.num_row_groups else []:
            rows = file.read_row_group(group)
            rows = rows.filter(pc.and_(pc.is_null(rows["outcome"]), pc.is_valid(rows["letter"])))
            wanted = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), count // len(groups))).astype(int))
            parts.append(rows.take(pa.array(wanted)))
    chosen = pa.concat_tables(parts) if parts else pa.table({})
    if len(chosen):
        names = chosen["member"].to_pylist()
        yield from ((names[row], data) for row, data in read_members(archive.path, chosen))
