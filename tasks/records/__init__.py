"""Frozen records that pass between stages.

Records hold paths, digests and counts, never arrays. Paths are found by `tasks.store` and are
not part of what a stage stores, so a workspace can be moved.
"""

from tasks.records.inputs import REASONS, Archive, Fingerprints, LetterIndex, LetterShard, Reading, Source
from tasks.records.places import of_json, to_json
from tasks.records.results import (
    CONTROLS,
    Confusion,
    Effect,
    Evaluation,
    Findings,
    Mistake,
    Report,
    Score,
    Trained,
    Training,
)
from tasks.records.splits import (
    NUM_PERM,
    PAIRS,
    PHOTO_PERM,
    SPLITS,
    VARIANTS,
    Direction,
    Overlap,
    Recall,
    Sanitized,
    Split,
    Splits,
    VariantCount,
    Within,
)

__all__ = [
    "CONTROLS",
    "NUM_PERM",
    "PAIRS",
    "PHOTO_PERM",
    "REASONS",
    "SPLITS",
    "VARIANTS",
    "Archive",
    "Confusion",
    "Direction",
    "Effect",
    "Evaluation",
    "Findings",
    "Fingerprints",
    "LetterIndex",
    "LetterShard",
    "Mistake",
    "Overlap",
    "Reading",
    "Recall",
    "Report",
    "Sanitized",
    "Score",
    "Source",
    "Split",
    "Splits",
    "Trained",
    "Training",
    "VariantCount",
    "Within",
    "of_json",
    "to_json",
]
