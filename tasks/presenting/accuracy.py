"""What duplicates did to the accuracy of models, in sentences."""

from collections import defaultdict
from collections.abc import Sequence

from tasks.presenting.groups import claims_in_short
from tasks.presenting.numbers import Numbers
from tasks.records import Conclusion
from tasks.vocabulary import Unmeasured

POINTS = "{points} ({low} to {high})"
WHY_NOT: dict[Unmeasured, str] = {
    "undecided": "{undecided} test rows are undecided, more than have a twin in train",
    "missed": "the search may have missed more than 5 % of the near-duplicates",
    "no_twins": "no test row has a twin in train",
    "little_left": "{twins} of {train} rows of train are twins of test rows, and a model of fewer than half of them is "
    "another model",
    "few_rows": "fewer than ten different test pictures have a twin in train, or have none",
    "chance": "it is not above that of one constant answer",
    "few_trainings": "{trainings} trainings are too few; five or more tell an effect from chance",
}


def effect_in_short(numbers: Numbers) -> str:
    """Return what models get right or what duplicates did to that, and what models see; empty without training."""
    drawing = numbers.report.drawing
    said = _gains(numbers) if drawing is None else claims_in_short(numbers, drawing)
    if said and numbers.report.view.on_pixels:
        side = numbers(numbers.report.spec, "side", "count")
        said.append(f"These models see gray copies of {side} x {side} pixels.")
    return " ".join(said)


def _gains(numbers: Numbers) -> list[str]:
    told = [one for one in numbers.report.conclusions if one.reason is None]
    said = []
    if found := [one for one in told if one.significant]:
        what = ["points to the accuracy of", *["to that of"] * (len(found) - 1)]
        points = [numbers.say(one, f"{POINTS} {to} {{model}}") for one, to in zip(found, what, strict=True)]
        said.append(f"The twins add {_listed(points)}.")
    if none := [numbers.say(one, "{model} ({low} to {high} points)") for one in told if not one.significant]:
        said.append(f"No effect of the twins can be told from chance for {_listed(none)}.")
    return said + _unmeasured(numbers)


def verdicts(numbers: Numbers) -> list[str]:
    """Return for each model, at its largest compared size, what duplicates in training did to its accuracy."""
    told = [one for one in numbers.report.conclusions if one.reason is None]
    said = [_verdict(numbers, one) for one in told] + _unmeasured(numbers)
    if len(told) > 1:
        said.append(
            "The intervals of the models' effects hold for all of them together; every other interval is a single look."
        )
    if numbers.report.scores:
        said.append("On its own, the gap between raw and sanitized rows proves nothing: removed rows are also easier.")
    return said


def _verdict(numbers: Numbers, conclusion: Conclusion) -> str:
    about = conclusion.model, conclusion.train_rows
    own = {one.comparison: one for one in numbers.report.effects if (one.model, one.train_rows) == about}
    others = own["on_other_rows"]
    said = (
        numbers.say(conclusion, "{model}, trained {trainings} times on {train_rows} rows: ")
        + "leaving out the twins of test rows, instead of as many random rows, costs "
        + numbers.say(own["on_rows_with_twin"], f"{POINTS} points on test rows with a twin and ")
        + numbers.say(others, f"{POINTS} on the others. Only the difference is the effect of the twins: ")
        + numbers.say(conclusion, f"{POINTS} points of all test rows")
    )
    if not conclusion.significant:
        said += ", which can't be told from chance"
    if others.low is not None and others.low > 0:
        said += ". What the others lose is what else the left-out rows taught"
    elif others.high is not None and others.high < 0:
        said += ". What the others gain is what the rows taught that were kept in place of the twins"
    return f"{said}."


def _unmeasured(numbers: Numbers) -> list[str]:
    report, models = numbers.report, defaultdict[str, list[str]](list)
    for one in report.conclusions:
        if one.reason is not None:
            why = WHY_NOT[one.reason].format(
                undecided=numbers(report.pair("test", "train"), "undecided"),
                twins=numbers(report.pair("train", "test"), "either"),
                train=numbers(report.rows, "train"),
                trainings=numbers(one, "trainings"),
            )
            models[why].append(one.model)
    return [
        f"What the twins did to the accuracy of {_listed(of)} can't be measured: {why}." for why, of in models.items()
    ]


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
