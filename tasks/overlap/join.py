"""Join two splits: their twins in each other, as tables, and what no threshold changes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.overlap.bands import Bands
from tasks.overlap.find import Search, find_twins
from tasks.overlap.recall import measure_recall
from tasks.overlap.tables import distinct, read_split, shared_fonts, twins_table
from tasks.overlap.variants import find_variants, variants_table
from tasks.records import Fingerprints, Split
from tasks.records.conservation import conserve
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.views import View
from tasks.vocabulary import Variant


def write_twins(
    pair: tuple[Split, Split],
    prints: tuple[Sequence[Fingerprints], Sequence[Fingerprints]],
    view: View,
    percent: int,
    bands: Bands | None,
    also: Sequence[Variant],
    workspace: Place,
    target: Place,
) -> dict[str, Any]:
    """Write one table of twins per direction, and variants of the second split in the first.

    Returns
    -------
    dict
        Per split, counts that no threshold changes; for test in train, the measured recall of MinHash.
    """
    first, second = pair
    one, two = (
        read_split(split.places(workspace), [workspace / each.table for each in of])
        for split, of in zip(pair, prints, strict=True)
    )
    search = Search(one.length, percent, bands, view.blank_matches)
    of_one, of_two = find_twins(one.side, two.side, search)
    for split, table in ((first, twins_table(one, two, of_one)), (second, twins_table(two, one, of_two))):
        conserve(f"twins of {split.name}", split.rows, len(table))
        tables.write(table, target / f"{split.name}.parquet")
    shared = {"distinct_exact": len(np.intersect1d(distinct(one.side), distinct(two.side)))}
    facts: dict[str, Any] = {first.name: shared_fonts(one, two) | shared, second.name: shared_fonts(two, one) | shared}
    if bands and (first.name, second.name) == ("train", "test"):
        facts["recall"] = vars(measure_recall(two.side, one.side, of_two, search))
    if also:
        found = find_variants(two, one, also, search)
        tables.write(variants_table(two, one, of_two, found), target / "variants.parquet")
    return facts
