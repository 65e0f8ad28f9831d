"""Frozen records that pass between stages.

They hold logical names below the workspace, digests and counts, never arrays or places, so a workspace can be moved.
"""

from tasks.records.effects import Claim, Conclusion, Confusion, Drawing, Effect, Mistake, Score
from tasks.records.inputs import (
    REASONS,
    Archive,
    ClassCounts,
    Corrected,
    Doubts,
    Fingerprints,
    Part,
    Piece,
    Reading,
    Shard,
    Source,
)
from tasks.records.overlaps import (
    Baseline,
    Decided,
    Direction,
    Joined,
    Overlap,
    Prints,
    Ruling,
    SplitDuplicates,
    SplitPair,
    Tile,
    Within,
    between,
)
from tasks.records.report import Report
from tasks.records.results import Batch, Compared, Evaluation, Findings, LoadedSources, RandomDraw, Trained, Training
from tasks.records.rows import MeasuredRecall, VariantCount
from tasks.records.splits import Drawn, InGroups, Sanitized, Split, Splits

__all__ = [
    "REASONS",
    "Archive",
    "Baseline",
    "Batch",
    "Claim",
    "ClassCounts",
    "Compared",
    "Conclusion",
    "Confusion",
    "Corrected",
    "Decided",
    "Direction",
    "Doubts",
    "Drawing",
    "Drawn",
    "Effect",
    "Evaluation",
    "Findings",
    "Fingerprints",
    "InGroups",
    "Joined",
    "LoadedSources",
    "MeasuredRecall",
    "Mistake",
    "Overlap",
    "Part",
    "Piece",
    "Prints",
    "RandomDraw",
    "Reading",
    "Report",
    "Ruling",
    "Sanitized",
    "Score",
    "Shard",
    "Source",
    "Split",
    "SplitDuplicates",
    "SplitPair",
    "Splits",
    "Tile",
    "Trained",
    "Training",
    "VariantCount",
    "Within",
    "between",
]
