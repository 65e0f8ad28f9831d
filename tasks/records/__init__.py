"""Frozen records that stages exchange.

They hold logical names below the workspace, digests and counts, but no arrays or places, so a workspace can be moved.
"""

from tasks.records.effects import Claim, Conclusion, Confusion, Drawing, Effect, Mistake, Score
from tasks.records.inputs import Archive, ClassCounts, Fingerprints, Part, Piece, Reading, Shard, Source
from tasks.records.overlaps import Decided, Joined, Overlap, Prints, Ruling, SplitDuplicates, SplitPair, Tile, between
from tasks.records.reasons import REASONS
from tasks.records.report import Benchmarks, Report
from tasks.records.results import Batch, Compared, Evaluation, Findings, LoadedSources, Measured, Trained, Training
from tasks.records.rows import MeasuredRecall
from tasks.records.splits import Drawn, InGroups, Sanitized, SharedGroups, Split, Splits
