"""The answer of the page: its outcome, its sentence, and at most three qualifications in a fixed order."""

from dataclasses import replace

import pytest

from tasks.presenting.words import Numbers, sentences
from tasks.records import Report
from tasks.records.rows import PairOverlap
from tasks.vocabulary import SplitName

Found = dict[tuple[SplitName, SplitName], tuple[int, int]]  # duplicates and undecided images of two splits


def with_counts(run: Report, found: Found) -> Report:
    """Return a report with these duplicates and undecided images, and no others."""

    def counted(pair: PairOverlap) -> PairOverlap:
        near, undecided = found.get((pair.rows_of, pair.found_in), (0, 0))
        return replace(pair, exact=0, near=near, either=near, undecided=undecided)

    return replace(run, overlap=tuple(map(counted, run.overlap)))


@pytest.mark.parametrize(
    ("found", "outcome", "said"),
    [
        ({("test", "train"): (6, 0)}, "duplicates", "6 of the 120 test images (5.0 %) have a duplicate in train."),
        ({("test", "train"): (1, 0)}, "duplicates", "1 of the 120 test images (0.8 %) has a duplicate in train."),
        (
            {("test", "validation"): (2, 0), ("test", "train"): (0, 9)},
            "duplicates",
            "2 of the 120 test images (1.7 %) have a duplicate in validation.",
        ),
        (
            {("validation", "train"): (3, 0)},
            "duplicates",
            "3 of the 20 validation images (15.0 %) have a duplicate in train.",
        ),
        (
            {("test", "train"): (0, 9)},
            "undecided",
            "9 of the 120 test images may have a duplicate in train; none is certain.",
        ),
        ({}, "clean", "No duplicates of the 120 test images were found in train or validation."),
    ],
)
def test_the_answer_is_about_the_first_two_splits_with_duplicates(
    run: Report, found: Found, outcome: str, said: str
) -> None:
    numbers = Numbers(with_counts(run, found))
    assert (sentences(numbers, "outcome"), sentences(numbers, "in_short")) == ([outcome], [said])


def test_label_conflicts_come_before_undecided_images_and_the_effect_is_last(run: Report) -> None:
    doubtful = with_counts(run, {("test", "train"): (6, 2)})
    conflicts = replace(doubtful.label_conflicts, pairs=4, open=4)
    first, second, *_, last = sentences(Numbers(replace(doubtful, label_conflicts=conflicts)), "qualifications")
    assert first.startswith("4 pairs of duplicates have different labels")
    assert second.startswith("2 more images are undecided")
    assert last == sentences(Numbers(run), "effect")[-1]
