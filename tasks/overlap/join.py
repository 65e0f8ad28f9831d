"""Join two splits: their twins in each other, as tables, and what no threshold changes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tasks.overlap.bands import Bands
from tasks.overlap.find import Search
from tasks.overlap.mirrored import MIRRORED, mirrored_table
from tasks.overlap.pictures import find_picture_twins
from tasks.overlap.recall import contradicts
from tasks.overlap.search import Searched, search_twins
from tasks.overlap.tables import SplitFingerprints, distinct, read_split, shared_fonts, twins_table
from tasks.records import Fingerprints, Split
from tasks.records.conservation import conserve
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.views import View
from tasks.vocabulary.arrays import Floats


@dataclass(frozen=True)
class Join:
    """Two splits to be joined.

    Attributes
    ----------
    pair : tuple of Split
    prints : tuple
        Fingerprints of the shards that each comes from.
    searched : Split
        The one that may lose rows to the other: of photographs, candidates are sought for its rows.
    """

    pair: tuple[Split, Split]
    prints: tuple[Sequence[Fingerprints], Sequence[Fingerprints]]
    searched: Split


def write_twins(
    join: Join,
    view: View,
    percent: int,
    bands: Bands | None,
    seed: int,
    mirrored: bool,
    workspace: Place,
    target: Place,
) -> dict[str, Any]:
    """Write one table of twins per direction, and if asked for one of twins that are mirrored.

    Returns
    -------
    dict
        Per split, counts that no threshold changes; how the twins were found, and the measured recall of MinHash.
    """
    first, second = join.pair
    one, two = (read_split(split, of, workspace) for split, of in zip(join.pair, join.prints, strict=True))
    if view.on_pixels:
        found, crowd = _search_pictures(join, one, two, view, bands, seed, mirrored, target)
    else:
        crowd = None
        found = search_twins(one.side, two.side, Search(one.length, percent, bands, seed))
    of_first, of_second = (crowd if split is join.searched else None for split in join.pair)
    for split, table in (
        (first, twins_table(one, two, found.of_first, of_first)),
        (second, twins_table(two, one, found.of_second, of_second)),
    ):
        conserve(f"twins of {split.name}", split.rows, len(table))
        tables.write(table, target / f"{split.name}.parquet")
    shared = {"distinct_exact": len(np.intersect1d(distinct(one.side), distinct(two.side)))}
    facts: dict[str, Any] = {first.name: shared_fonts(one, two) | shared, second.name: shared_fonts(two, one) | shared}
    facts |= {"method": found.method, "stated": found.stated, "contradicted": found.contradicted}
    sides = [rows.short_sides for rows in (one, two) if rows.short_sides is not None and len(rows.side)]
    facts["short_side"] = int(np.median(np.concatenate(sides))) if sides else None
    facts["recall_from"] = None if view.recall_from is None else round(100 * view.recall_from)
    return facts | {"recall": found.recall and asdict(found.recall)}


def _search_pictures(
    join: Join,
    one: SplitFingerprints,
    two: SplitFingerprints,
    view: View,
    bands: Bands | None,
    seed: int,
    mirrored: bool,
    target: Place,
) -> tuple[Searched, Floats]:
    """Return the twins of photographs, sought for the rows of the split that may lose some, and their crowd."""
    turned = join.searched.name == join.pair[1].name
    rows, others = (two, one) if turned else (one, two)
    found = find_picture_twins(rows.pictures, others.pictures, mirrored, bands, seed)
    if found.mirrored is not None:
        tables.write(mirrored_table(rows, others, found.of_first, found.mirrored), target / MIRRORED)
    both = (found.of_second, found.of_first) if turned else (found.of_first, found.of_second)
    if found.recall is None or bands is None or view.recall_from is None:
        return Searched(*both, "all pairs", None, 1.0), found.crowd
    stated = bands.recall_at(view.recall_from)
    missed = contradicts(found.recall, round(100 * view.recall_from), stated)
    return Searched(*both, "minhash", found.recall, stated, missed), found.crowd
