"""The answer of the page: its outcome, its sentence, and at most three qualifications in a fixed order."""

from dataclasses import replace

import pytest

from tasks.presenting.words import Numbers, answer, sentences
from tasks.records import Report
from tasks.records.rows import LabelConflicts, SharedRows, SplitGroups, VariantCount
from tasks.records.spec import AuditSpec, DedupeSpec
from tasks.records.states import SplitStates
from tasks.vocabulary import SplitName

Found = dict[SplitName, tuple[int, int, int]]  # rows with a duplicate in train, others with one, undecided rows


def with_counts(run: Report, found: Found) -> Report:
    """Return a report with these duplicates and undecided images, and no others."""

    def counted(of: SplitStates) -> SplitStates:
        in_train, more, undecided = found.get(of.split, (0, 0, 0))
        left = of.rows - in_train - more - undecided
        return replace(of, duplicates=in_train + more, in_train=in_train, exact=0, undecided=undecided, left=left)

    return replace(run, states=tuple(map(counted, run.states)))


@pytest.mark.parametrize(
    ("found", "outcome", "said"),
    [
        ({"test": (6, 0, 0)}, "duplicates", "6 of the 120 test images (5.0 %) have a duplicate in train."),
        ({"test": (1, 0, 0)}, "duplicates", "1 of the 120 test images (0.8 %) has a duplicate in train."),
        (
            {"test": (2, 9, 0)},
            "duplicates",
            "2 of the 120 test images (1.7 %) have a duplicate in train; 9 more in validation.",
        ),
        (
            {"test": (0, 2, 9)},
            "duplicates",
            "2 of the 120 test images (1.7 %) have a duplicate in validation.",
        ),
        (
            {"validation": (3, 0, 0)},
            "duplicates",
            "3 of the 20 validation images (15.0 %) have a duplicate in train.",
        ),
        (
            {"test": (0, 0, 9), "validation": (3, 0, 0)},
            "duplicates",
            "9 of the 120 test images may have a duplicate in train or validation; none is certain.",
        ),
        (
            {"test": (0, 0, 9)},
            "undecided",
            "9 of the 120 test images may have a duplicate in train or validation; none is certain.",
        ),
        ({}, "clean", "No duplicates of the 120 test images were found in train or validation."),
    ],
)
def test_the_answer_counts_images_and_train_comes_first(run: Report, found: Found, outcome: str, said: str) -> None:
    numbers = Numbers(with_counts(run, found))
    assert (sentences(numbers, "outcome"), sentences(numbers, "in_short")) == ([outcome], [said])


def test_duplicates_of_validation_are_counted_beside_those_of_test(run: Report) -> None:
    numbers = Numbers(with_counts(run, {"test": (6, 0, 0), "validation": (3, 0, 0)}))
    said = "3 of the 20 validation images (15.0 %) have a duplicate in train."
    assert said in answer(numbers)
    assert sentences(numbers, "qualifications")[0] == said
    alone = Numbers(with_counts(run, {"validation": (3, 0, 0)}))
    assert said not in sentences(alone, "qualifications"), "it is the answer"


def test_undecided_images_of_each_split_are_told(run: Report) -> None:
    said = sentences(Numbers(with_counts(run, {"test": (0, 0, 2), "validation": (3, 0, 1)})), "qualifications")
    assert said[0] == "3 of the 20 validation images (15.0 %) have a duplicate in train."
    assert "2 test images are undecided: each may be a duplicate or a look-alike." in said
    assert "1 more validation image is undecided: it may be a duplicate or a look-alike." in said


def test_a_split_with_nothing_left_is_told_with_what_keeps_it(run: Report) -> None:
    all_gone = replace(run.sanitized, near=replace(run.rows, test=0))
    leaking = Numbers(replace(with_counts(run, {"test": (120, 0, 0)}), sanitized=all_gone))
    said = "Nothing is left of test: all of its 120 images have a duplicate in another split."
    assert said in sentences(leaking, "qualifications")
    assert sentences(leaking, "next_steps")[-1].endswith(f"`cleansplit sanitize {run.run.name} --protect test`")
    assert "apply" not in " ".join(sentences(leaking, "next_steps"))


def test_label_conflicts_come_before_undecided_images_and_the_effect_is_last(run: Report) -> None:
    doubtful = with_counts(run, {"test": (6, 0, 2)})
    conflicts = replace(doubtful.label_conflicts, images=4, open=4)
    first, second, *_, last = sentences(Numbers(replace(doubtful, label_conflicts=conflicts)), "qualifications")
    assert first.startswith("4 images have a duplicate with another label")
    assert second.startswith("2 more test images are undecided")
    assert last == sentences(Numbers(run), "effect")[-1]


def test_one_image_is_written_in_the_singular(run: Report) -> None:
    doubtful = with_counts(run, {"test": (6, 0, 1)})
    assert "1 more test image is undecided: it may be a duplicate or a look-alike." in answer(Numbers(doubtful))
    none = with_counts(run, {})
    states = tuple(replace(of, rows=1) for of in none.states)
    single = Numbers(replace(none, states=states, rows=replace(none.rows, train=1)))
    assert sentences(single, "counts")[0] == "duplicates  0 of 1 test image, 0 of 1 validation image"
    assert sentences(single, "in_short") == ["No duplicates of the 1 test image were found in train or validation."]


def test_chains_and_labels_inside_a_split_are_not_said_to_have_been_reduced(run: Report) -> None:
    alike = SplitGroups("train", 120, "all pairs", groups=2, grouped=5, largest=3, chains=1, conflicts=1)
    said = " ".join(sentences(Numbers(replace(run, duplicates=(alike,))), "findings"))
    assert "the largest has 3. 1 is a chain. 1 contains several labels. Duplicates inside a split stay;" in said


def test_label_conflicts_inside_a_split_are_said_to_be_there(run: Report) -> None:
    conflicts, alike = LabelConflicts(2, 2), SplitGroups("train", 120, "all pairs", conflicts=1)
    apart = tuple(replace(pair, cross_class=0) for pair in with_counts(run, {}).overlap)
    found = replace(run, overlap=apart, duplicates=(alike,), label_conflicts=conflicts)
    assert "2 images have a duplicate with another label inside train: at most one of the " in answer(Numbers(found))
    across = replace(found, overlap=(replace(apart[0], cross_class=1), *apart[1:]))
    assert "2 images have a duplicate with another label: at most one" in answer(Numbers(across))


@pytest.mark.parametrize(
    ("near", "held", "outcome", "said"),
    [
        (6, 0, "duplicates", "6 of the 120 images are duplicates."),
        (
            6,
            2,
            "duplicates",
            "6 of the 120 images are duplicates; 2 more are duplicates of images with other labels, and stay.",
        ),
        (0, 40, "duplicates", "40 of the 120 images are duplicates of images with other labels, and stay."),
        (0, 1, "duplicates", "1 of the 120 images is a duplicate of an image with another label, and stays."),
        (0, 0, "clean", "No duplicates were found among the 120 images."),
    ],
)
def test_the_answer_about_one_set_counts_duplicates_that_stay_for_their_label(
    run: Report, near: int, held: int, outcome: str, said: str
) -> None:
    own = SplitGroups("train", 120, "all pairs", near=near, held=held)
    states = SplitStates("train", 120, near + held, 0, 0, 0, 0, 120 - near - held, 0)
    numbers = Numbers(replace(run, spec=DedupeSpec(source="x", view="ink"), duplicates=(own,), states=(states,)))
    assert (sentences(numbers, "outcome"), sentences(numbers, "in_short")) == (
        [outcome],
        [said],
    )


def test_an_audit_with_mirrored_duplicates_only_is_not_clean(run: Report) -> None:
    mirrored = VariantCount("test", "train", "mirrored", 7)
    numbers = Numbers(replace(with_counts(run, {}), variants=(mirrored,)))
    assert sentences(numbers, "outcome") == ["mirrored"]
    assert "7 more test images have a duplicate in train only if mirrored, and stay." in sentences(
        numbers, "qualifications"
    )


def test_an_audit_whose_splits_share_groups_is_not_clean(run: Report) -> None:
    shared = SharedRows("test", "train", rows=120, shared=7, duplicates=0, undecided=0)
    numbers = Numbers(replace(with_counts(run, {}), spec=AuditSpec(root="x", view="ink"), shared_groups=(shared,)))
    assert sentences(numbers, "outcome") == ["shared groups"]


def test_copies_that_train_repeats_are_not_called_usual(run: Report) -> None:
    leaking = with_counts(run, {"test": (6, 0, 0)})
    said = sentences(Numbers(replace(leaking, verdict=replace(run.verdict, expected=0.4))), "qualifications")
    assert any("40.0 % of train images have a near-duplicate" in sentence for sentence in said)
    assert not any("without a leak" in sentence for sentence in said)
