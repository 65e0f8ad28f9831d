"""Twins side by side: what a page shows of the images of a run."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from PIL import Image

from tasks import tables
from tasks.images import iterate_images
from tasks.records import SPLITS

DOUBTFUL, EXACT, CONFLICTS = 36, 12, 24  # pairs that are shown
GROUPS, PER_GROUP = 6, 12
THUMBNAILS = "thumbnails.parquet"  # of a run of pictures
Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """An image of a run, and where it stands."""

    id: str
    letter: str
    split: str
    picture: str  # a data URI


@dataclass(frozen=True)
class Pair:
    """A row and its twin. `difference` is orange where only the row has ink, blue where only its twin has."""

    row: Shown
    twin: Shown
    difference: str
    reason: str
    jaccard: float
    key: str


@dataclass(frozen=True)
class Galleries:
    """Pairs in the order in which they should be looked at, and the largest groups."""

    doubtful: list[Pair]
    exact: list[Pair]
    conflicts: list[Pair]
    groups: list[list[Shown]]


def build_galleries(run: Path) -> Galleries:
    """Choose the pairs of a run that are worth a look: near twins from the least similar on, the largest groups."""
    chosen, groups, wanted = _choose(run)
    names = ("removed.parquet", "removed.parquet", "label_conflicts.parquet")
    if (run / THUMBNAILS).exists():
        seen: Pictures = _thumbnails_of(run)
        difference = _difference_of_pictures
    else:
        seen = {name: _as_picture(gray) for name, gray in _gray_of(run, wanted).items()}
        difference = _difference
    pairs = [
        [_pair(row, seen, difference, name) for row in table.to_pylist()]
        for table, name in zip(chosen, names, strict=True)
    ]
    shown = [[Shown(*member, seen[member[0]].uri) for member in group] for group in groups]
    return Galleries(doubtful=pairs[0], exact=pairs[1], conflicts=pairs[2], groups=shown)


def shown_ids(run: Path) -> list[str]:
    """Return the ids of all images that the galleries of a run show."""
    return sorted(set(_choose(run)[2]))


def _choose(run: Path) -> tuple[list[pa.Table], list[list[tuple[str, str, str]]], list[str]]:
    """Return the pairs of each gallery, the largest groups, and the ids of all of them."""
    removed, conflicts = (tables.read(run / f"{name}.parquet") for name in ("removed", "label_conflicts"))
    rows = removed.append_column("number", pa.array(range(len(removed)), pa.int64()))
    other = conflicts.append_column("number", pa.array(range(len(conflicts)), pa.int64()))
    near = rows.filter(pc.equal(rows["reason"], "near")).sort_by([("jaccard", "ascending"), ("id", "ascending")])
    exact = rows.filter(pc.equal(rows["reason"], "exact")).sort_by("id")
    other = other.sort_by([("jaccard", "descending"), ("id", "ascending")])
    chosen = [near.slice(0, DOUBTFUL), exact.slice(0, EXACT), other.slice(0, CONFLICTS)]
    groups = _largest_groups(removed)
    wanted = [pair[name] for table in chosen for pair in table.to_pylist() for name in ("id", "twin_id")]
    return chosen, groups, [*wanted, *(name for group in groups for name, _, _ in group)]


def data_uri(picture: Image.Image) -> str:
    """Return a picture as a PNG inside a URI."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return uri_of(buffer.getvalue())


def uri_of(data: bytes, kind: str = "png") -> str:
    """Return the bytes of a PNG or JPEG as a URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _pair(row: dict[str, Any], seen: "Pictures", difference: Callable[[Gray, Gray], Image.Image], table: str) -> Pair:
    one, two = seen[row["id"]], seen[row["twin_id"]]
    return Pair(
        row=Shown(row["id"], row["letter"], row["split"], one.uri),
        twin=Shown(row["twin_id"], row["twin_letter"], row["twin_split"], two.uri),
        difference=data_uri(difference(one.pixels, two.pixels)),
        reason=row["reason"],
        jaccard=row["jaccard"],
        key=f"{table}.{row['number']}.jaccard",
    )


@dataclass(frozen=True)
class Seen:
    """An image as the page shows it, and its pixels, uint8 (height, width) or (height, width, 3)."""

    uri: str
    pixels: Gray


Pictures = dict[str, Seen]


def _as_picture(gray: Gray) -> Seen:
    return Seen(data_uri(Image.fromarray(gray)), gray)


def _thumbnails_of(run: Path) -> Pictures:
    table = tables.read(run / THUMBNAILS)
    seen = {}
    for name, data in zip(table["id"].to_pylist(), table["thumbnail"].to_pylist(), strict=True):
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            seen[name] = Seen(uri_of(data, "jpeg"), np.asarray(image.convert("RGB")))
    return seen


def _difference_of_pictures(one: Gray, two: Gray) -> Image.Image:
    """Return how far two pictures are apart, in gray on white, the second stretched to the first's size."""
    other = Image.fromarray(two).resize(one.shape[1::-1], Image.Resampling.BILINEAR)
    apart = np.abs(one.astype(np.int16) - np.asarray(other)).max(axis=2)
    return Image.fromarray((255 - apart).astype(np.uint8))


def _difference(one: Gray, two: Gray) -> Image.Image:
    """Return what two images share in gray, on white, and what only one of them has in its colour."""
    canvas = np.stack([255 - np.minimum(one, two) // 2] * 3, axis=-1)
    canvas[(one > 127) & (two <= 127)] = (213, 94, 0)
    canvas[(two > 127) & (one <= 127)] = (0, 114, 178)
    return Image.fromarray(canvas)


def _largest_groups(removed: pa.Table) -> list[list[tuple[str, str, str]]]:
    """Return id, letter and split of the members of the largest stars, the kept row first."""
    counts = removed.group_by("twin_id").aggregate([("id", "count")])
    largest = counts.sort_by([("id_count", "descending"), ("twin_id", "ascending")]).slice(0, GROUPS)
    groups = []
    for twin in largest["twin_id"].to_pylist():
        rows = removed.filter(pc.equal(removed["twin_id"], twin)).sort_by("id").slice(0, PER_GROUP - 1).to_pylist()
        star = (twin, rows[0]["twin_letter"], rows[0]["twin_split"])
        groups.append([star, *((row["id"], row["letter"], row["split"]) for row in rows)])
    return groups


def _gray_of(run: Path, ids: Sequence[str]) -> dict[str, Gray]:
    """Return the images of some ids, wherever they are in the raw splits."""
    wanted = pa.array(sorted(set(ids)), pa.string())
    found: dict[str, Gray] = {}
    for part in iterate_images(_files(run)):
        rows = np.flatnonzero(pc.is_in(part.ids, value_set=wanted).to_numpy(zero_copy_only=False))
        found |= {part.ids[row].as_py(): part.gray[row] for row in rows.tolist()}
    return found


def _files(run: Path) -> Iterable[Path]:
    return [path for split in SPLITS for path in sorted((run / "raw").glob(f"{split}-*.parquet"))]
