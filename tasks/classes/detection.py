"""Detect from a sample of the sources whether they are glyphs or photographs, and how to compare them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Gray
from tasks.classes.guard import guarded
from tasks.classes.png import UnreadableError, filtered_rows
from tasks.records import Archive, Reading
from tasks.records.spec import SourceSpec
from tasks.registration.views import INK_ABOVE, VIEWS
from tasks.sources.members import Members
from tasks.stage_task import done, stage_task
from tasks.storage import Place, tables
from tasks.vocabulary import Kind, ViewName, path_of

SAMPLED, PER_GROUP = 64, 8  # members in total, and per group of rows of an index
BLACK, WHITE = 32, 224
INK_FROM, LOW_FROM, ONE_SIZE = 0.20, 0.10, 0.90  # saturated pixels: median, four of five images; images of one size
LARGEST = 64  # pixels a side of glyphs; larger pictures, or wide ones, would lose too much at the side that is compared


@stage_task("look at a sample of the images")
def detect(archives: Sequence[Archive], spec: SourceSpec, workspace: Place) -> tuple[Reading, str]:
    """Decide how to read the members of all sources, and return the reason as a sentence.

    The spec may name a view. If most of the images that are compared by ink are also plain gray PNGs of the spec's
    side, the members are glyphs, which must pass a strict gate; otherwise they are photographs, of any size and format.
    """
    small_pngs, shares, sizes = 0, [], []
    with guarded() as guard:
        for archive in archives:
            for name, data in _sample(archive, SAMPLED // len(archives), workspace):
                with suppress(UnreadableError):
                    image = guard.read(data, spec.side, name=name)
                    shares.append(saturated_share(np.frombuffer(image.gray, np.uint8)))
                    sizes.append((image.width, image.height))
                    filtered_rows(data, spec.side)
                    small_pngs += 1
    ink, why = is_ink(shares, sizes)
    chosen: ViewName = ("ink" if ink else "photo") if spec.view == "auto" else spec.view
    kind: Kind = "glyphs" if chosen == "ink" and small_pngs > len(shares) / 2 else "photographs"
    reading = Reading(kind, chosen, VIEWS[chosen].side or spec.side)
    given = spec.view != "auto"  # by the user, or by a reference
    why = f"view {chosen}; {why}" if given else f"view {chosen}, since {why}; --view sets another"
    return done((reading, why), why)


def is_ink(shares: Sequence[float], sizes: Sequence[tuple[int, int]]) -> tuple[bool, str]:
    """Return whether images are compared by ink, by their shares of saturated pixels and their sizes, and why."""
    share, count = float(np.median(shares or [0.0])), len(shares)
    why = f"{100 * share:.0f} % of ink and paper are saturated (sampled images: {count}, sizes: {len(set(sizes))})"
    if share >= INK_FROM and sorted(shares)[count // 5] < LOW_FROM:
        return False, f"more than a fifth of {count} sampled images are not nearly black and white"
    squares = [size for size in sizes if size[0] == size[1] <= LARGEST]
    if share >= INK_FROM and max(map(squares.count, squares), default=0) < ONE_SIZE * count:
        size = f"one square size of at most {LARGEST} pixels"
        return False, f"fewer than {100 * ONE_SIZE:.0f} % of {count} sampled images have {size}"
    return share >= INK_FROM, why if shares else "none of the sampled images can be read"


def saturated_share(gray: Gray) -> float:
    """Return how black and white an image is, uint8 (height, width).

    It is the share of nearly white pixels among the light ones, or of nearly black pixels among the dark ones,
    whichever is smaller; 0 if it has only light or only dark pixels.

    >>> saturated_share(np.array([[0, 0, 255, 130]], np.uint8)), saturated_share(np.zeros((2, 2), np.uint8))
    (0.5, 0.0)
    """
    light, dark = gray[gray > INK_ABOVE], gray[gray <= INK_ABOVE]
    return float(min((light > WHITE).mean(), (dark < BLACK).mean())) if light.size and dark.size else 0.0


def _sample(archive: Archive, count: int, workspace: Place) -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of members, evenly spaced over the index, read in a few pieces."""
    with tables.opened(workspace / archive.index) as file:
        groups = np.unique(np.linspace(0, file.num_row_groups - 1, -(-count // PER_GROUP)).astype(int)).tolist()
        parts = []
        for group in groups if file.num_row_groups else []:
            rows = file.read_row_group(group)
            rows = rows.filter(pc.and_(pc.is_null(rows["outcome"]), pc.is_valid(rows["class_name"])))
            wanted = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), count // len(groups))).astype(int))
            parts.append(rows.take(pa.array(wanted)))
    chosen = pa.concat_tables(parts) if parts else pa.table({})
    if len(chosen):
        members = Members(workspace.locate(archive.location), archive.columns)
        names = [path_of(**row) for row in chosen.select(["class_name", "member"]).to_pylist()]
        yield from ((names[row], data) for row, data in members.read(chosen))
