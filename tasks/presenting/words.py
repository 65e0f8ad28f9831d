"""What a run found, in sentences."""

from collections import Counter
from collections.abc import Sequence

from tasks.presenting.numbers import Numbers
from tasks.presenting.reasons import why_twins
from tasks.presenting.searched import how_searched
from tasks.records import Effect, Report

CAUSAL = "without_random_minus_without_twins"
ROWS_THAT_COUNT = 30  # the course's rule: a change of fewer rows is noise


def headline(numbers: Numbers) -> str:
    """Return the answer in a few sentences; what makes it doubtful comes first."""
    report = numbers.report
    leak = report.pair("test", "train")
    near = "."
    if report.verdict.threshold is not None:
        near = (
            f", and a further {numbers.share(leak, 'near')} have a near-duplicate (similarity "
            f"{numbers(report.near_duplicates, 'threshold')} or higher)."
        )
    return (
        f"{_warnings(numbers)}"
        f"{numbers.share(leak, 'exact')} of the {numbers(leak, 'rows')} test rows have an identical image in train"
        f"{near} After removing rows shared with train or validation, "
        f"{numbers(report.sanitized.near, 'test')} rows are left."
    )


def _warnings(numbers: Numbers) -> str:
    doubt = numbers.report.verdict.warning
    return f"{doubt} {_missed(numbers)}" if doubt else _missed(numbers)


def _missed(numbers: Numbers) -> str:
    search = numbers.report.near_duplicates
    if not search.contradicted:
        return ""
    if search.method == "all pairs":
        return "MinHash missed more twins than it should have, so all pairs were compared. "
    return "Twins were missed: MinHash finds fewer than it should, and the counts below are too low. "


def effect_in_short(numbers: Numbers) -> str:
    """Say in one sentence what the twins did to accuracy, at the largest size of each model; empty without training."""
    found, none = [], []
    for effect in largest_effects(numbers.report):
        if significant(effect):
            found.append(f"{numbers(effect, 'points')} points for {effect.model}")
        else:
            none.append(effect.model)
    if not found and not none:
        return ""
    if not found:
        return f"The twins have no statistically significant effect on the accuracy of {_listed(none)}."
    rest = f"; it is not statistically significant for {_listed(none)}" if none else ""
    return f"The effect of the twins on accuracy is {', '.join(found)}{rest}."


def facts(numbers: Numbers) -> list[str]:
    """Return all else that was found, one sentence each."""
    return why_twins(numbers) + findings(numbers) + verdicts(numbers)


def findings(numbers: Numbers) -> list[str]:
    """Return what was found of the input and the overlap, one sentence each."""
    return [_members(numbers), how_searched(numbers), *_comparison(numbers), *_variants(numbers), *_redundancy(numbers)]


def verdicts(numbers: Numbers) -> list[str]:
    """Say of each model, at its largest training size, what the twins of test rows in training did to its accuracy."""
    report = numbers.report
    largest = largest_effects(report)
    said = [_verdict(numbers, effect) for effect in largest]
    trained = Counter((score.model, score.train_rows) for score in report.raw_scores())
    if any(trained[effect.model, effect.train_rows] == 1 for effect in largest):
        said.append(
            "Where an arm was trained once, its interval covers only the variation due to the test rows: another pair "
            "of trainings may differ by more, so an interval that barely excludes zero proves nothing."
        )
    if said:
        said.append("On its own, the gap between raw and sanitized rows proves nothing: removed rows are also easier.")
    return said


def largest_effects(report: Report) -> list[Effect]:
    """Return, per model, the effect of the twins at its largest training size."""
    found = {
        effect.model: effect for effect in report.effects if effect.comparison == CAUSAL and effect.points is not None
    }
    return list(found.values())


def significant(effect: Effect) -> bool:
    """Say whether the 95 % interval of an effect leaves out 0."""
    return effect.low is not None and effect.high is not None and not effect.low <= 0 <= effect.high


def _members(numbers: Numbers) -> str:
    members, quarantined, ignored = (
        numbers.total("conservation", name) for name in ("members", "quarantined", "ignored")
    )
    return f"Of {members} members, {quarantined} are quarantined and {ignored} ignored; quarantine.parquet names each."


def _comparison(numbers: Numbers) -> list[str]:
    sentence = numbers.report.view.sentence
    return [sentence.format(side=numbers(numbers.report.spec, "side", "count"))] if sentence else []


def _variants(numbers: Numbers) -> list[str]:
    return [
        f"{numbers(count, 'rows')} more {count.rows_of} rows have a twin in {count.found_in} when they are "
        f"{count.variant}; they stay, and variants.parquet names them."
        for count in numbers.report.variants
    ]


def _redundancy(numbers: Numbers) -> list[str]:
    report, said = numbers.report, []
    if constant := [within for within in report.within if within.one_colour]:
        counts = ", ".join(f"{numbers(within, 'one_colour')} in {within.split}" for within in constant)
        said.append(f"Images of one colour: {counts}.")
    if blank := [within for within in report.within if within.blank]:
        counts = ", ".join(f"{numbers(within, 'blank')} in {within.split}" for within in blank)
        said.append(f"Images whose bits say nothing, since none is set or all are: {counts}.")
    conflicts, fonts = report.conflicts("test", "train"), report.fonts("test", "train")
    said.append(
        f"{numbers.sum(conflicts, 'exact', 'near')} test rows have a twin in train of another class; "
        "label_conflicts.parquet names them."
    )
    if report.rows.test > fonts.unknown:
        known = numbers.difference(report.rows, "test", fonts, "unknown")
        said.append(f"Of {known} test rows whose name gives a font, {numbers(fonts, 'rows')} share it with train.")
    if report.groups.count:
        count, rows, largest = (numbers(report.groups, name) for name in ("count", "rows", "largest"))
        said.append(f"Removed rows and their twins form {count} groups of {rows} rows; the largest has {largest}.")
    return said


def _verdict(numbers: Numbers, effect: Effect) -> str:
    report = numbers.report
    points, low, high = (numbers(effect, name, "size") for name in ("points", "low", "high"))
    said = (
        f"{effect.model} on {numbers(effect, 'train_rows')} rows: training without the twins of test rows, instead of "
        f"without as many random rows, costs {points} points ({low} to {high}) on the unchanged test set"
    )
    if not significant(effect):
        said += ", which is not statistically significant"
    if abs(effect.points or 0) * report.rows.test / 100 < ROWS_THAT_COUNT - 0.5:
        said += (
            f"; a change of fewer than {ROWS_THAT_COUNT} of {numbers(report.rows, 'test')} rows is too small to count"
        )
    return f"{said}."


def _listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    >>> _listed(["softmax"]), _listed(["softmax", "sgd", "1nn"])
    ('softmax', 'softmax, sgd and 1nn')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
