"""Raw splits -> overlap of every pair of splits -> sanitized splits."""

from typing import NamedTuple

from prefect import flow

from flows.progress import collect
from tasks.overlap.minhash import bands_for
from tasks.overlap.tasks import count_within, find_overlap
from tasks.records import PAIRS, SPLITS, Fingerprints, Overlap, Sanitized, Splits, Within
from tasks.sanitizing.tasks import sanitize_splits
from tasks.spec import Spec


class Cleaned(NamedTuple):
    """What the overlap is, and the splits without it."""

    overlaps: tuple[Overlap, ...]
    within: tuple[Within, ...]
    sanitized: Sanitized

    @property
    def train_and_test(self) -> Overlap:
        """The overlap that the controls of the evaluation take out of train."""
        return next(overlap for overlap in self.overlaps if (overlap.first, overlap.second) == ("train", "test"))


@flow(name="sanitize splits", flow_run_name="sanitize splits", validate_parameters=False)
def sanitize(spec: Spec, splits: Splits, prints: tuple[Fingerprints, ...]) -> Cleaned:
    """Measure the overlap and write the splits without it."""
    bands = bands_for(spec, splits)
    joins = [find_overlap.submit(spec, splits[a], splits[b], prints, bands, spec.workspace) for a, b in PAIRS]
    counts = [count_within.submit(splits[name], prints, spec.workspace) for name in SPLITS]
    overlaps, within = collect("find overlap", joins), collect("count distinct", counts)
    (sanitized,) = collect("sanitize splits", [sanitize_splits.submit(spec, splits, overlaps, spec.workspace)])
    return Cleaned(tuple(overlaps), tuple(within), sanitized)
