"""Frozen records that pass between stages.

They hold logical names below the workspace, digests and counts, never arrays or places, so a workspace can be moved.
"""

from tasks.records.inputs import REASONS, Archive, ClassCounts, Fingerprints, Part, Piece, Reading, Shard, Source
from tasks.records.report import Report
from tasks.records.results import Batch, Compared, Evaluation, Findings, LoadedSources, RandomDraw, Trained, Training
from tasks.records.rows import (
    Claim,
    Conclusion,
    Confusion,
    Drawing,
    Effect,
    MeasuredRecall,
    Mistake,
    Score,
    VariantCount,
)
from tasks.records.splits import (
    Baseline,
    Decided,
    Direction,
    InGroups,
    Joined,
    Linked,
    Overlap,
    Sanitized,
    Split,
    SplitDuplicates,
    Splits,
    Within,
    between,
)

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
    "Decided",
    "Direction",
    "Drawing",
    "Effect",
    "Evaluation",
    "Findings",
    "Fingerprints",
    "InGroups",
    "Joined",
    "Linked",
    "LoadedSources",
    "MeasuredRecall",
    "Mistake",
    "Overlap",
    "Part",
    "Piece",
    "RandomDraw",
    "Reading",
    "Report",
    "Sanitized",
    "Score",
    "Shard",
    "Source",
    "Split",
    "SplitDuplicates",
    "Splits",
    "Trained",
    "Training",
    "VariantCount",
    "Within",
    "between",
]
