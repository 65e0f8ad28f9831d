"""Put together what tiles found: of each row the best twin of all slices of the other split, and counts.

As within a slice, the best is exact before near, then the more similar, then the one whose id comes first: the result
does not depend on where slices end.
"""

from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.tables import FOUND
from tasks.overlap.tiles import Compared, Join, StoredTile
from tasks.overlap.twins import NONE
from tasks.vocabulary.arrays import Mask

Found = Sequence[Compared | StoredTile]  # in the order of `Join.tiles`
TWIN = ["twin_id", "twin_class_name", "exact", "jaccard", "percent", "rank"]
OTHER = ["other_id", "other_class_name", "other_exact", "other_jaccard", "other_percent", "other_rank"]


def merged(join: Join, side: int, found: Found) -> Iterator[pa.Table]:
    """Yield the twins of the rows of one split, a slice at a time, schema `FOUND`."""
    for tiles in by_slice(join, side, found):
        yield reduce(better, (tile.table(side) for tile in tiles))


def by_slice(join: Join, side: int, found: Found) -> Iterator[Found]:
    """Yield the tiles of each slice of one split."""
    count = len(join.slices(1))
    rows = [found[start : start + count] for start in range(0, len(found), count)]
    yield from rows if side == 0 else zip(*rows, strict=True)


def better(one: pa.Table, two: pa.Table) -> pa.Table:
    """Return the better twins of the same rows in two slices of the other split, and what they count together."""
    columns = {name: one[name] for name in FOUND.names}
    for prefix, names in (("", TWIN), ("other_", OTHER)):
        takes = pa.array(_is_better(two, one, prefix))
        columns |= {name: pc.if_else(takes, two[name], one[name]) for name in names}
    columns["twins"] = pc.add(one["twins"], two["twins"])
    columns["crowd"] = pc.max_element_wise(one["crowd"], two["crowd"])
    return pa.table(columns, schema=FOUND)


def _is_better(two: pa.Table, one: pa.Table, prefix: str) -> Mask:
    (exact_one, like_one, rank_one), (exact_two, like_two, rank_two) = (
        (
            table[f"{prefix}exact"].fill_null(False).to_numpy(),
            table[f"{prefix}jaccard"].fill_null(-1.0).to_numpy(),
            table[f"{prefix}rank"].fill_null(NONE).to_numpy(),
        )
        for table in (one, two)
    )
    nearer = (like_two > like_one) | ((like_two == like_one) & (rank_two < rank_one))
    best: Mask = np.where(exact_one == exact_two, nearer, exact_two)
    return best
