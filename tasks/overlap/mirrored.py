"""Twins of photographs as they look in a mirror: counted separately, and never removed."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.find import Twins
from tasks.overlap.tables import SplitFingerprints
from tasks.records import VariantCount
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import SplitName

MIRRORED = "variants.parquet"
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "class_name": pa.string(),
        "variant": pa.string(),
        "twin_id": pa.string(),
        "twin_class_name": pa.string(),
        "agreement": pa.float64(),
        "percent": pa.int64(),
        "plain_percent": pa.int64(),  # of the row as it is, 100 for an exact twin; 0 where it has no match
    }
)


def mirrored_table(rows: SplitFingerprints, others: SplitFingerprints, plain: Twins, mirrored: Twins) -> pa.Table:
    """Return one row per image whose mirrored best match is more similar than its plain one.

    What is symmetric matches its own mirror image: that says nothing.
    """
    before = np.where(plain.exact, 1.0, plain.jaccard)
    at = np.flatnonzero((mirrored.row >= 0) & ~mirrored.exact & (mirrored.jaccard > before))
    columns = [rows.ids.take(pa.array(at)), rows.class_names.take(pa.array(at)), pa.array(["mirrored"] * len(at))]
    twin = pa.array(mirrored.row[at])
    columns += [others.ids.take(twin), others.class_names.take(twin), pa.array(mirrored.jaccard[at])]
    percents = [pa.array(mirrored.percent[at]), pa.array(np.where(plain.exact, 100, plain.percent)[at])]
    return pa.table([*columns, *percents], schema=SCHEMA)


def best_mirrored(found: Sequence[pa.Table], plain: pa.Table) -> pa.Table:
    """Return the best of what several slices of a split show of the same rows in a mirror.

    Parameters
    ----------
    found : sequence of Table
        Of each slice, what `mirrored_table` returns.
    plain : Table
        The twins of all these rows as they are, in the whole split: schema `tasks.overlap.tables.TWINS`.
    """
    if len(found) == 1:
        return found[0]
    best = pa.concat_tables(found).sort_by([("agreement", "descending"), ("twin_id", "ascending")])
    rows, first = np.unique(pc.index_in(best["id"], value_set=plain["id"].combine_chunks()), return_index=True)
    best, plain = best.take(pa.array(first)), plain.take(pa.array(rows))
    before = pc.if_else(plain["exact"], 1.0, pc.fill_null(plain["jaccard"], 0.0))
    percent = pc.if_else(plain["exact"], 100, plain["percent"])
    best = best.set_column(best.column_names.index("plain_percent"), "plain_percent", percent)
    return best.filter(pc.greater(best["agreement"], before))


def count_mirrored(table: Place, rows_of: SplitName, found_in: SplitName, threshold: int) -> VariantCount:
    """Count the rows that have no twin at the threshold as they are, and have one in a mirror."""
    found = tables.read(table)
    anew = pc.and_(pc.greater_equal(found["percent"], threshold), pc.less(found["plain_percent"], threshold))
    return VariantCount(rows_of, found_in, "mirrored", len(found.filter(anew)))
