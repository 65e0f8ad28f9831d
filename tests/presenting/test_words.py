import re
from dataclasses import replace
from typing import Any, get_args

import pytest

from tasks.presenting.summary import to_markdown
from tasks.presenting.words import Numbers, answer, facts, sentences
from tasks.records import Report
from tasks.records.rows import Gate
from tasks.records.verdict import KindVerdict, Predicted
from tasks.vocabulary import Unmeasured


def test_the_answer_is_that_of_the_page_with_all_qualifications(run: Report) -> None:
    leak, said = run.pair("test", "train"), answer(Numbers(run))
    assert said.startswith(
        f"{leak.either} of the 120 test images ({100 * leak.either / 120:.1f} %) have a duplicate in"
    )
    effect, missed = (sentences(Numbers(run), macro)[-1] for macro in ("effect", "missed"))
    assert said.endswith(f"{effect} {missed}")


def test_what_else_was_found_is_said(run: Report) -> None:
    said = " ".join(facts(Numbers(run)))
    assert "Of 566 entries" not in said
    assert f"Of {sum(row.members for row in run.conservation):,} entries, 4 are quarantined and 1 ignored" in said
    assert "All pairs were compared: nothing at or above the floor is missed." in said
    assert "MinHash by itself finds the best duplicate of " in said
    assert "0 test images have a duplicate of another class in train" in said
    assert "Of 120 test images with a font in their names, 0 share it with train" in said


def test_a_measurement_without_images_is_not_said(run: Report) -> None:
    search = run.near_duplicates
    measured: Any = search.recall_measured
    for low, said in ((0, False), (1, True)):
        none = replace(measured, true_at_floor=low, found_at_floor=low, true_at_threshold=0, found_at_threshold=0)
        found = " ".join(facts(Numbers(replace(run, near_duplicates=replace(search, recall_measured=none)))))
        assert ("of the 1 image with a near-duplicate." in found) is said
        assert "of 0 " not in found.partition("MinHash")[2].partition(".")[0]
        assert ("MinHash by itself" in found) is said


def test_markdown_has_the_same_numbers(run: Report) -> None:
    numbers = Numbers(run)
    text = to_markdown(numbers)
    assert text.startswith(f"## {sentences(numbers, 'in_short')[0]}\n\n- {sentences(numbers, 'qualifications')[0]}\n")
    assert all(f"- {sentence}" in text for sentence in facts(numbers))
    assert text.count("\n| ") == 6 * 2 + 3 + 6 + 3 + 6 + 4 + 4


def test_a_gate_that_undecided_images_fail_says_what_they_may_add(run: Report) -> None:
    gate = Gate("max_overlap", 0.05, 0.0, passed=False, most=0.0714)
    text = "\n".join(sentences(Numbers(replace(run, gates=(gate,))), "gates"))
    said = "- max_overlap: **failed**, value 0.00 %, or 7.14 % with undecided images, limit 5.00 %"
    assert said in text


def test_an_effect_that_is_told_and_one_that_is_not_are_said_apart(run: Report) -> None:
    found, none = run.conclusions
    both = found, replace(none, points=0.02, low=-0.1, high=0.12)
    said = " ".join(sentences(Numbers(replace(run, conclusions=both)), "effect"))
    assert "The duplicates had no significant effect on 1nn (-0.10 to +0.12 points)." in said
    one = replace(found, points=3.0, low=1.0, high=5.0)
    said = " ".join(sentences(Numbers(replace(run, conclusions=(one, none))), "effect"))
    assert said.startswith("The duplicates add +3.00 (+1.00 to +5.00) points to the accuracy of sgd and ")
    assert "to that of 1nn." in said


@pytest.mark.parametrize("reason", get_args(Unmeasured))
def test_what_can_not_be_measured_is_said_with_its_reason(run: Report, reason: Unmeasured) -> None:
    untold = tuple(replace(one, reason=reason, points=None, low=None, high=None) for one in run.conclusions)
    numbers = Numbers(replace(run, conclusions=untold))
    said = " ".join(sentences(numbers, "effect"))
    assert said.startswith("The effect of the duplicates on sgd and 1nn can't be measured: ")
    assert said.count(".") == 1
    assert sentences(numbers, "verdicts")[:-1] == [said], "nothing is claimed of any model"


def test_without_training_nothing_is_said_of_accuracy(run: Report) -> None:
    nothing = Numbers(replace(run, conclusions=(), effects=(), scores=()))
    assert not sentences(nothing, "effect")
    assert sentences(nothing, "verdicts") == []


def test_an_effect_that_is_not_significant_has_its_interval_and_no_rule_of_thumb(run: Report) -> None:
    none = tuple(replace(one, points=0.02, low=-0.1, high=0.12) for one in run.conclusions)
    said = " ".join(sentences(Numbers(replace(run, conclusions=none)), "verdicts"))
    assert "+0.02 (-0.10 to +0.12) points over all test images, which is not significant." in said


def test_what_the_other_rows_lose_is_not_called_an_effect(run: Report) -> None:
    lost = tuple(
        replace(effect, points=9.0, low=7.0, high=11.0) if effect.comparison == "on_other_rows" else effect
        for effect in run.effects
    )
    said = " ".join(sentences(Numbers(replace(run, effects=lost)), "verdicts"))
    assert "+9.00 (+7.00 to +11.00) on the others" in said
    assert "The loss on the other images is due to what else the removed images contained." in said


def why(report: Report, **changes: Any) -> str:
    """Return why pairs are duplicates, for a verdict with these changes."""
    kinds = (KindVerdict("alone", 40, None, None, 0.99), KindVerdict("crowd", 50, 0.93, 0.88, 0.99))
    verdict = replace(report.verdict, reason="own", near_identical=0.99, kinds=kinds, threshold=0.93)
    return " ".join(sentences(Numbers(replace(report, verdict=replace(verdict, **changes))), "why"))


def test_an_audit_counts_searches_since_an_image_of_test_is_searched_in_every_other_split(audited: Report) -> None:
    assert re.search(r"measured on [\d,]+ searches, each of an image in another split, compared with", why(audited))
    assert "measured on 1 search, each" in why(audited, rows=1)


def test_near_identical_images_are_not_always_duplicates(audited: Report) -> None:
    said = "with an agreement of 0.9900 or higher, are duplicates, unless they form a chain. With little texture, or in"
    assert f"{said} different colours, no pair is certain." in why(audited)
    alone, crowd = KindVerdict("alone", 40, None, None, 0.99), KindVerdict("crowd", 50, None, 0.95)
    off = "unless they form a chain. Images with many look-alikes are undecided then, because look-alikes are predicted"
    assert off in why(audited, kinds=(alone, crowd))
    raised = why(audited, kinds=(alone, replace(crowd, near_identical=0.995)))
    assert "Images with many look-alikes need 0.9950." in raised
    none = why(audited, kinds=(crowd,), near_identical=None)
    assert "Different images are nearly identical, too, so near-identity proves nothing." in none


def test_thresholds_and_tables_say_whether_near_identical_pairs_count(audited: Report) -> None:
    others = "a predicted precision of 0.95 among the pairs that near-identity does not decide"
    assert f"For 40 searches with few look-alikes, no agreement has {others}. For 50" in why(audited)
    assert f"the lowest threshold with {others}; from 0.88 on, other pairs are undecided." in why(audited)
    assert "no agreement has a predicted precision of 0.95. For 50" in why(audited, near_identical=None)


def test_a_prediction_that_can_not_be_made_is_said(audited: Report) -> None:
    known, unknown = Predicted(0.95, 10, 0.9), Predicted(0.99, 4, None)
    assert "It counts near-identical pairs, too, and all pairs of a kind" in why(audited, curve=(known, unknown))
    assert "Here nothing can be predicted: too few pairs are less similar." in why(audited, curve=(unknown,))
