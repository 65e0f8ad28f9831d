"""Measure the recall of a join on a sample of rows, by comparing them with everything."""

import numpy as np

from tasks.overlap.find import Side, Twins, View, find_twins
from tasks.records import Recall

SAMPLE_ROWS = 500


def measure_recall(of: Side, found_in: Side, found: Twins, view: View, percent: int, seed: int = 0) -> Recall:
    """Compare what a join found for sampled rows with what the exact join finds for them."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(of))[:SAMPLE_ROWS])
    sample = Side(of.digests[rows], of.bits[rows], of.letters[rows], np.argsort(np.argsort(of.ranks[rows])))
    truth, _ = find_twins(sample, found_in, view, percent, bands=None)
    true_rows = truth.row >= 0
    return Recall(
        sample_rows=len(rows),
        true_rows=int(true_rows.sum()),
        found_rows=int((true_rows & (found.row[rows] >= 0)).sum()),
    )
