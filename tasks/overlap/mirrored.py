"""Twins of photographs as they look in a mirror: counted separately, and never removed."""

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


def count_mirrored(table: Place, rows_of: SplitName, found_in: SplitName, threshold: int) -> VariantCount:
    """Count the rows that have no twin at the threshold as they are, and have one in a mirror."""
    found = tables.read(table)
    anew = pc.and_(pc.greater_equal(found["percent"], threshold), pc.less(found["plain_percent"], threshold))
    return VariantCount(rows_of, found_in, "mirrored", len(found.filter(anew)))
