"""Search for twins of mirrored and shifted forms of rows: counted separately, and never removed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.find import Search, Twins, find_twins
from tasks.overlap.tables import SplitFingerprints, bytes_of
from tasks.records import VariantCount
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import SplitName, Variant

VARIANTS_TABLE = pa.schema(
    {
        "id": pa.string(),
        "class_name": pa.string(),
        "variant": pa.string(),
        "twin_id": pa.string(),
        "twin_class_name": pa.string(),
        "jaccard": pa.float64(),
        "percent": pa.int64(),
        "plain_percent": pa.int64(),  # of the row as it is, 100 for an exact twin; 0 where it has no twin
    }
)


def find_variants(
    rows: SplitFingerprints, others: SplitFingerprints, also: Sequence[Variant], search: Search
) -> dict[Variant, list[Twins]]:
    """Return, for each variant, the twins of every form of it in the other split."""
    found: dict[Variant, list[Twins]] = {}
    for variant in also:
        packed, width = bytes_of(rows.variants[variant]), rows.side.bits.shape[1]
        forms = [np.ascontiguousarray(packed[:, start : start + width]) for start in range(0, packed.shape[1], width)]
        sides = [replace(rows.side, bits=bits) for bits in forms]
        found[variant] = [find_twins(others.side, side, search)[1] for side in sides]
    return found


def variants_table(
    rows: SplitFingerprints, others: SplitFingerprints, plain: Twins, found: dict[Variant, list[Twins]]
) -> pa.Table:
    """Return one row per image and variant that has a near twin, with the most similar of its forms."""
    before = np.where(plain.exact, 100, plain.percent)
    parts = []
    for variant, forms in found.items():
        # An exact twin is one of the row itself, whatever its form.
        near = np.stack([np.where(twins.exact, -1, twins.row) for twins in forms])
        jaccard = np.where(near >= 0, np.stack([twins.jaccard for twins in forms]), -1.0)
        percent = np.stack([twins.percent for twins in forms])
        best = jaccard.argmax(axis=0)
        at = np.flatnonzero(jaccard.max(axis=0) >= 0)
        pick, twin = (best[at], at), pa.array(near[best[at], at])
        columns = [rows.ids.take(pa.array(at)), rows.class_names.take(pa.array(at)), pa.array([variant] * len(at))]
        columns += [others.ids.take(twin), others.class_names.take(twin), pa.array(jaccard[pick])]
        parts.append(pa.table([*columns, pa.array(percent[pick]), pa.array(before[at])], schema=VARIANTS_TABLE))
    return pa.concat_tables(parts)


def count_variants(
    table: Place, rows_of: SplitName, found_in: SplitName, also: Sequence[Variant], threshold: int
) -> tuple[VariantCount, ...]:
    """Count the rows that have no twin at the threshold as they are, and have one in another form."""
    found = tables.read(table)
    anew = pc.and_(pc.greater_equal(found["percent"], threshold), pc.less(found["plain_percent"], threshold))
    return tuple(
        VariantCount(rows_of, found_in, variant, len(found.filter(pc.and_(anew, pc.equal(found["variant"], variant)))))
        for variant in also
    )
