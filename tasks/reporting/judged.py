"""What people decided, beside what was predicted of such pairs."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Findings
from tasks.records.verdict import Judged, JudgedBand, Verdict
from tasks.storage import tables
from tasks.storage.decisions import read_decisions
from tasks.storage.place import Place


def judged_pairs(found: Findings, workspace: Place) -> Judged | None:
    """Count the decisions about pairs of the run's images; None where none were given."""
    if found.decided is None:
        return None
    table = read_decisions(workspace / found.decided.table).table
    given, parts = len(table), [tables.read(workspace / each.table, ["md5"]) for each in found.fingerprints]
    digests = pa.concat_tables(parts)["md5"].combine_chunks()
    for name in ("first", "second"):
        table = table.filter(pc.is_in(table[name], value_set=digests.cast(table[name].type)))
    same = int(pc.sum(table["same"]).as_py() or 0)
    shown = table.filter(pc.and_kleene(pc.equal(table["view"], found.reading.view), pc.is_valid(table["similarity"])))
    return Judged(found.decided.sha256, given, same, len(table) - same, _bands(shown, found.verdict))


def _bands(table: pa.Table, verdict: Verdict) -> tuple[JudgedBand, ...]:
    bands = []
    for band in verdict.bands:
        last = pc.less_equal if band.high >= 1 else pc.less
        inside = pc.and_(pc.greater_equal(table["similarity"], band.low), last(table["similarity"], band.high))
        some = table.filter(inside)
        if len(some):
            same = int(pc.sum(some["same"]).as_py())
            bands.append(JudgedBand(band.low, band.high, len(some), same, band.precision))
    return tuple(bands)
