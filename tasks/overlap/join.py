"""Join two splits: their twins in each other, as tables, and what no threshold changes."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from tasks.overlap.bands import Bands
from tasks.overlap.find import Search
from tasks.overlap.search import search_twins
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
    seed: int,
    also: Sequence[Variant],
    workspace: Place,
    target: Place,
) -> dict[str, Any]:
    """Write one table of twins per direction, and variants of the second split in the first.

    Returns
    -------
    dict
        Per split, counts that no threshold changes; how the twins were found, and the measured recall of MinHash.
    """
    first, second = pair
    one, two = (
        read_split(split.places(workspace), [workspace / each.table for each in of])
        for split, of in zip(pair, prints, strict=True)
    )
    search = Search(one.length, percent, bands, seed, view.blank_matches)
    found = search_twins(one.side, two.side, search, beside=view.minhash_beside)
    of_two = found.of_second
    for split, table in ((first, twins_table(one, two, found.of_first)), (second, twins_table(two, one, of_two))):
        conserve(f"twins of {split.name}", split.rows, len(table))
        tables.write(table, target / f"{split.name}.parquet")
    shared = {"distinct_exact": len(np.intersect1d(distinct(one.side), distinct(two.side)))}
    facts: dict[str, Any] = {first.name: shared_fonts(one, two) | shared, second.name: shared_fonts(two, one) | shared}
    facts |= {"method": found.method, "stated": found.stated, "contradicted": found.contradicted}
    facts["recall"] = found.recall and asdict(found.recall)
    if also:
        variants = find_variants(two, one, also, replace(search, bands=None if found.method == "all pairs" else bands))
        tables.write(variants_table(two, one, of_two, variants), target / "variants.parquet")
    return facts
