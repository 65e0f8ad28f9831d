"""Build the report of a run from the records of its stages."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import groupby

import numpy as np

from tasks.records import ClassCounts, Findings, MeasuredRecall, Report, Split
from tasks.records.rows import (
    ClassMembers,
    ClassRows,
    Groups,
    Input,
    NearDuplicates,
    PairFonts,
    PairOverlap,
    RowsLeft,
    SplitRows,
    ThresholdRows,
    WithinSplit,
)
from tasks.reporting.conflicts import conflicts_of, count_pairs
from tasks.reporting.drawing import drawing_of
from tasks.reporting.gates import measure_gates
from tasks.reporting.judged import judged_pairs
from tasks.reporting.refused import ignored_kinds
from tasks.storage import disk
from tasks.storage.image_files import read_labels
from tasks.storage.images import mean_and_deviation
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS, Role, SplitName


def assemble(found: Findings, workspace: Place) -> Report:
    """Return the report, which depends only on inputs, parameters and seed. Its folder is not named yet."""
    directions = [direction for overlap in found.overlaps for direction in overlap.directions]
    trained, left = found.trained, found.sanitized
    report = Report(
        run=disk.named(workspace),
        spec=replace(found.spec, threshold=found.verdict.threshold),
        kind=found.reading.kind,
        inputs=tuple(Input(a.role, a.name, a.sha256, a.bytes) for a in found.archives),
        classes=found.splits.classes,
        rows=_split_rows(found, {}),
        balance=_balance(found, workspace),
        conservation=_conservation(found),
        ignored=ignored_kinds(found, workspace),
        overlap=tuple(
            PairOverlap(**{field.name: getattr(d, field.name) for field in fields(PairOverlap)}) for d in directions
        ),
        overlap_by_threshold=tuple(
            ThresholdRows(d.rows_of, d.found_in, percent / 100, rows)
            for d in directions
            for percent, rows in sorted(d.by_percent.items())
        ),
        within=tuple(WithinSplit(w.split, w.rows, w.distinct, w.one_colour, w.blank) for w in found.within),
        duplicates=tuple(found_in.counts for found_in in found.duplicates),
        label_conflicts=count_pairs(conflicts_of(found, workspace)),
        font_leakage=tuple(PairFonts(d.rows_of, d.found_in, d.same_font, d.unknown_font) for d in directions),
        groups=Groups(**left.groups),
        near_duplicates=_near_duplicates(found),
        verdict=found.verdict,
        sanitized=RowsLeft(_split_rows(found, left.exact_left), _split_rows(found, left.near_left)),
        scores=tuple(trained.scores),
        effects=trained.effects,
        conclusions=trained.conclusions,
        drawing=drawing_of(found),
        confusion=trained.confusions,
        mistakes=trained.mistakes,
        variants=tuple(count for overlap in found.overlaps for count in overlap.variants),
        judged=judged_pairs(found, workspace),
    )
    return replace(report, gates=measure_gates(report))


def _split_rows(found: Findings, left: Mapping[SplitName, int]) -> SplitRows:
    """Return the rows of each split; `left` has those of splits that lost some."""
    return SplitRows(**{name: left.get(name, found.splits[name].rows) for name in SPLITS})


def _balance(found: Findings, workspace: Place) -> tuple[ClassRows, ...]:
    """Count the rows of every class of every split that has rows, raw and sanitized."""
    kept = {split.name: split for split in found.sanitized.splits}
    classes = found.splits.classes
    counted: list[ClassRows] = []
    for name in (name for name in SPLITS if found.splits[name].rows):
        raw = _rows_per_class(found.splits[name], len(classes), workspace)
        left = _rows_per_class(kept[name], len(classes), workspace) if name in kept else [None] * len(classes)
        counted += [ClassRows(name, *rows) for rows in zip(classes, raw, left, strict=True)]
    return tuple(counted)


def _rows_per_class(split: Split, classes: int, workspace: Place) -> list[int]:
    counts: list[int] = np.bincount(read_labels(split.places(workspace)), minlength=classes).tolist()
    return counts


def _conservation(found: Findings) -> tuple[ClassMembers, ...]:
    rows: list[ClassMembers] = []
    for archive in found.archives:
        counts = (one for shard in found.shards if shard.role == archive.role for one in shard.classes)
        rows += [_members(archive.role, name, list(of)) for name, of in groupby(counts, lambda one: one.class_name)]
        if members := sum(archive.outside.values()):
            outside = archive.outside
            rows.append(
                ClassMembers(
                    archive.role, None, members, 0, outside["quarantined"], outside["ignored"], 0, 0, None, None
                )
            )
    return tuple(rows)


def _members(role: Role, class_name: str, counts: Sequence[ClassCounts]) -> ClassMembers:
    """Return what became of the members of a class, whatever shards hold its images."""
    names = ("members", "rows", "quarantined", "ignored", "mislabelled", "remarked", "pixels", "total", "squares")
    *of_members, pixels, total, squares = (sum(getattr(one, name) for one in counts) for name in names)
    moments = mean_and_deviation(pixels, total, squares) if pixels else (None, None)
    return ClassMembers(role, class_name, *of_members, *moments)


def _near_duplicates(found: Findings) -> NearDuplicates:
    joins = found.overlaps
    alone = [join for join in joins if join.method == "minhash"]
    # They are the same wherever it was asked, which it is not between splits of which one is empty.
    bands, rows_per_band = next((join.bands for join in joins if join.bands), (None, None))
    return NearDuplicates(
        threshold=found.verdict.threshold,
        floor=found.spec.floor_percent / 100,
        method="minhash" if alone else "all pairs",
        num_perm=bands and rows_per_band and bands * rows_per_band,
        bands=bands,
        rows_per_band=rows_per_band,
        recall_at_floor=min((join.recall_at_floor for join in alone), default=1.0),
        recall_measured=_recall(found),
        contradicted=any(join.contradicted for join in joins),
    )


def _recall(found: Findings) -> MeasuredRecall | None:
    """Return the recall of MinHash: on all rows of all splits, or, where it searched alone, on a sample of one pair.

    That pair is one in which it is lower than stated, or test in train.
    """
    sampled = [overlap for overlap in found.overlaps if overlap.recall and overlap.recall.high is not None]
    if sampled:
        return min(sampled, key=lambda one: (not one.contradicted, (one.first, one.second) != ("train", "test"))).recall
    measured = [overlap.recall for overlap in found.overlaps if overlap.recall]
    if not measured:
        return None
    counts = ("rows", "true_at_floor", "found_at_floor", "true_at_threshold", "found_at_threshold")
    sums = {name: sum(getattr(recall, name) for recall in measured) for name in counts}
    return MeasuredRecall(**sums, low=None, high=None)
