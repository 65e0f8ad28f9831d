"""Build the report of a run from the records of its stages."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Literal

import numpy as np

from tasks.records import Claim, Drawing, Findings, MeasuredRecall, Report, Split, Trained, between
from tasks.records import rows as row
from tasks.records.inputs import Input
from tasks.records.splits import ClassRows, RowsLeft
from tasks.records.verdict import NearDuplicates
from tasks.reporting.counted import conflicts_of, conservation, count_conflicts, ignored_kinds, judged_pairs
from tasks.reporting.gates import measure_gates
from tasks.reporting.searched import searched_kinds
from tasks.reporting.states import states_of
from tasks.storage import Place, disk
from tasks.storage.image_files import read_labels
from tasks.vocabulary import SPLITS, SplitName


def assemble(found: Findings, workspace: Place) -> Report:
    """Return the report, which depends only on inputs, parameters and seed; its folder is set later."""
    directions = [direction for overlap in found.overlaps for direction in overlap.directions]
    of_pair = [field.name for field in fields(row.PairOverlap)]
    trained, left = found.trained, found.sanitized
    near_left = {split.name: split.rows for split in left.splits}
    members = tuple(conservation(found))
    report = Report(
        run=disk.named(workspace),
        spec=replace(found.spec, threshold=found.verdict.threshold),
        kind=found.reading.kind,
        inputs=tuple(Input(a.role, a.name, a.sha256, a.bytes) for a in found.archives),
        classes=found.splits.classes,
        rows=_split_rows(found, {}),
        states=states_of(found, members, workspace),
        balance=tuple(_balance(found, workspace)),
        conservation=members,
        ignored=ignored_kinds(found, workspace),
        overlap=tuple(row.PairOverlap(**{name: getattr(d, name) for name in of_pair}) for d in directions),
        overlap_by_threshold=tuple(
            row.ThresholdRows(d.rows_of, d.found_in, percent / 100, rows)
            for d in directions
            for percent, rows in sorted(d.by_percent.items())
        ),
        within=found.within,
        duplicates=tuple(found_in.counts for found_in in found.duplicates),
        label_conflicts=count_conflicts(conflicts_of(found, workspace)),
        font_leakage=tuple(row.PairFonts(d.rows_of, d.found_in, d.same_font, d.unknown_font) for d in directions),
        groups=row.DuplicateGroups(**left.groups),
        near_duplicates=_near_duplicates(found),
        verdict=found.verdict,
        sanitized=RowsLeft(_split_rows(found, left.exact_left), _split_rows(found, near_left)),
        scores=tuple(trained.scores),
        effects=trained.effects,
        conclusions=trained.conclusions,
        drawing=_drawing(found),
        confusion=trained.confusions,
        mistakes=trained.mistakes,
        variants=tuple(count for overlap in found.overlaps for count in overlap.variants),
        judged=judged_pairs(found, workspace),
        shared_groups=found.shared.pairs if found.shared else (),
        same_subject=tuple(overlap.subjects for overlap in found.overlaps if overlap.subjects),
        searched=searched_kinds(found.spec.compared_by.name, found.verdict.short_side, found.spec.also),
    )
    return replace(report, gates=measure_gates(report))


def _split_rows(found: Findings, left: Mapping[SplitName, int]) -> row.RowCounts:
    """Return the rows of each split; `left` has the splits that lost rows."""
    return row.RowCounts(**{name: left.get(name, found.splits[name].rows) for name in SPLITS})


def _balance(found: Findings, workspace: Place) -> Iterator[ClassRows]:
    kept = {split.name: split for split in found.sanitized.splits}
    classes = found.splits.classes
    for name in (name for name in SPLITS if found.splits[name].rows):
        raw = _rows_per_class(found.splits[name], len(classes), workspace)
        left = _rows_per_class(kept[name], len(classes), workspace) if name in kept else [None] * len(classes)
        yield from (ClassRows(name, *rows) for rows in zip(classes, raw, left, strict=True))


def _rows_per_class(split: Split, classes: int, workspace: Place) -> list[int]:
    return np.bincount(read_labels(split.places(workspace)), minlength=classes).tolist()


def _near_duplicates(found: Findings) -> NearDuplicates:
    joins = found.overlaps
    alone = [join for join in joins if join.method == "minhash"]
    # Equal wherever MinHash was used; it is not used with an empty split.
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
    """Return the recall of MinHash: on all rows of all splits, or, if only MinHash searched, on a sample of one pair.

    That pair is one with a lower recall than stated, otherwise test in train.
    """
    measured = [overlap.recall for overlap in found.overlaps if overlap.recall]
    sampled = [overlap for overlap in found.overlaps if overlap.recall and overlap.recall.high is not None]
    if sampled:
        return min(sampled, key=lambda one: (not one.contradicted, (one.first, one.second) != ("train", "test"))).recall
    if not measured:
        return None
    counts = ("rows", "true_at_floor", "found_at_floor", "true_at_threshold", "found_at_threshold")
    return MeasuredRecall(**{name: sum(getattr(one, name) for one in measured) for name in counts}, low=None, high=None)


def _drawing(found: Findings) -> Drawing | None:
    """Return how grouped splits were drawn, and the results of random ones; None for other splits."""
    groups, random = found.splits.in_groups, found.random
    if groups is None or random is None or random.splits.in_groups is None:
        return None
    leak = next(of for of in between(random.overlaps, "train", "test").directions if of.rows_of == "test")
    once = {(one.train_rows, one.seed, one.arm) for one in random.trained.scores}  # one training of each model
    ways: dict[Literal["random", "random_sanitized", "grouped"], tuple[Trained, str]] = {
        "random": (random.trained, "test_raw"),
        "random_sanitized": (random.trained, "test_near"),
        "grouped": (found.trained, "test_raw"),
    }
    claims = [
        Claim(one.model, one.train_rows, drawn, one.n, one.accuracy, one.low, one.high)
        for drawn, (trained, where) in ways.items()
        for one in trained.scores
        if one.evaluated_on == where and (one.train_rows, one.seed, one.arm) in once
    ]
    return Drawing(
        **{name: getattr(groups, name) for name in ("groups", "largest", "unmatched", "purity", "completeness")},
        random_test=random.splits.test.rows,
        random_twins=leak.either,
        random_shared=random.splits.in_groups.shared,
        claims=tuple(sorted(claims, key=lambda claim: claim.model)),
    )
