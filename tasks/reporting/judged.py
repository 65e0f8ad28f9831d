"""What people decided, beside what was predicted of such pairs."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Findings
from tasks.records.verdict import Judged, JudgedBand, Verdict
from tasks.storage.decisions import read_decisions
from tasks.storage.place import Place


def judged_pairs(found: Findings, workspace: Place) -> Judged | None:
    """Count the decisions about pairs of the run's images; None where none apply."""
    decided = found.decided
    if decided is None:
        return None
    table = read_decisions(workspace / decided.table).table
    shown = table.filter(pc.and_kleene(pc.equal(table["view"], found.reading.view), pc.is_valid(table["similarity"])))
    return Judged(decided.sha256, len(table), decided.same, decided.different, _bands(shown, found.verdict))


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
