"""Measure the recall of a join on a sample of rows, by comparing them with everything."""

from dataclasses import replace

import numpy as np

from tasks.overlap.find import Search, Side, Twins, find_twins
from tasks.records import MeasuredRecall

SAMPLE_ROWS = 500


def measure_recall(of: Side, found_in: Side, found: Twins, search: Search, seed: int = 0) -> MeasuredRecall:
    """Compare what a join found for sampled rows with what comparing all pairs finds for them."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(of))[:SAMPLE_ROWS])
    sample = Side(of.digests[rows], of.bits[rows], of.labels[rows], np.argsort(np.argsort(of.ranks[rows])))
    truth, _ = find_twins(sample, found_in, replace(search, bands=None))
    true_rows = truth.row >= 0
    return MeasuredRecall(
        sample_rows=len(rows),
        true_rows=int(true_rows.sum()),
        found_rows=int((true_rows & (found.row[rows] >= 0)).sum()),
    )
