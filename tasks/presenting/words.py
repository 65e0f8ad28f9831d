"""What a run found, in sentences."""

from collections import defaultdict
from collections.abc import Sequence

from tasks.presenting.drawn import claims_in_short, drawn, headline_of_groups
from tasks.presenting.inside import headline_of_set, inside
from tasks.presenting.numbers import Numbers
from tasks.presenting.reasons import why_twins
from tasks.presenting.searched import how_searched
from tasks.records import Conclusion, Effect
from tasks.vocabulary import UNLABELLED, Unmeasured

IGNORED_IN_SILENCE, KINDS_NAMED = 0.01, 5
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


def answer(numbers: Numbers) -> str:
    """Return what was found and what it did to accuracy, in a few sentences."""
    return f"{headline(numbers)} {effect_in_short(numbers)}".strip()


def headline(numbers: Numbers) -> str:
    """Return the answer in a few sentences; wrong labels and what makes it doubtful come first."""
    report, first = numbers.report, _conflicts(numbers) + _warnings(numbers)
    if report.alone:
        return first + headline_of_set(numbers)
    if report.drawing is not None:
        return first + headline_of_groups(numbers, report.drawing)
    others = "train or validation" if report.scored == "test" else "train"
    left = f"After removing rows shared with {others}, {numbers(report.sanitized.near, report.scored)} rows are left."
    return f"{first}{_leak(numbers)} {left}" if report.rows[report.scored] else first + _leak(numbers)


def _conflicts(numbers: Numbers) -> str:
    """Say how many pairs of duplicates have different labels, and where to decide which one is wrong."""
    found = numbers.report.label_conflicts
    if not found.open:
        return ""
    pairs = "pair of duplicates has" if found.open == 1 else "pairs of duplicates have"
    return (
        f"{numbers(found, 'open')} {pairs} different labels, and one of the two is most likely wrong: "
        f"`cleansplit review {numbers.report.run.name}` shows both. "
    )


def _leak(numbers: Numbers) -> str:
    """Say how many evaluated rows have a duplicate in train, and how many are undecided."""
    report = numbers.report
    name, told = report.scored, report.verdict.threshold is not None
    leak = report.pair(name, "train")
    if not leak.rows:
        return "Neither test nor validation has any rows, so nothing is known of their overlap with train."
    rows, near = f"the {numbers(leak, 'rows')} {name} rows", numbers.share(leak, "near")
    similar = _similar(numbers) if told else ""
    if leak.exact:
        more = f", and a further {near} have a near-duplicate {similar}" if leak.near else ""
        said = f"{numbers.share(leak, 'exact')} of {rows} have an identical image in train{more}."
    elif leak.near:
        said = f"{near} of {rows} have a near-duplicate in train {similar}, and none has an identical image there."
    else:
        said = f"None of {rows} has an identical image in train{f' or a near-duplicate {similar}' if told else ''}."
    if name == "test" and report.pair("test", "validation").either:
        said += f" {numbers(report.pair('test', 'validation'), 'either')} have a duplicate in validation."
    if leak.undecided:
        said += (
            f" {numbers(leak, 'undecided')} more ({numbers.share(leak, 'undecided')}) are undecided: each is "
            "similar to a train row, and may be a duplicate or a look-alike."
        )
    return said


def _similar(numbers: Numbers) -> str:
    """Return from which similarity on images are near-duplicates, and what to expect of glyphs without a leak."""
    verdict = numbers.report.verdict
    least = f"similarity {numbers(numbers.report.near_duplicates, 'threshold')} or higher"
    if numbers.report.view.on_pixels:
        return f"({least})"
    expected = "" if verdict.expected is None else f"; {numbers(verdict, 'expected')} are expected without a leak"
    return f"(near by definition: {least}{expected})"


def _warnings(numbers: Numbers) -> str:
    chance = f"{numbers.report.verdict.warning} " if numbers.report.verdict.why_not == "chance" else ""
    return f"{_ignored(numbers)}{chance}{_missed(numbers)}"


def _ignored(numbers: Numbers) -> str:
    """Say what was ignored for its kind, where it is much: perhaps these are images, too."""
    report = numbers.report
    if report.ignored_share <= IGNORED_IN_SILENCE:
        return ""
    kinds = [f"{numbers(kind, 'count')} {kind.ending}" for kind in report.ignored[:KINDS_NAMED]]
    more = " and others" if len(report.ignored) > KINDS_NAMED else ""
    return (
        f"{numbers.total('ignored', 'count')} of {numbers.total('conservation', 'members')} members are ignored for "
        f"the ending of their names ({', '.join(kinds)}{more}). "
    )


def _missed(numbers: Numbers) -> str:
    search = numbers.report.near_duplicates
    if not search.contradicted:
        return ""
    if search.method == "all pairs":
        return "MinHash missed more twins than it should have, so all pairs were compared. "
    return "Twins were missed: MinHash finds fewer than it should, and the counts below are too low. "


def effect_in_short(numbers: Numbers) -> str:
    """Say what models get right or what the twins did to that, and what they see; empty without training."""
    drawing = numbers.report.drawing
    said = _gains(numbers) if drawing is None else claims_in_short(numbers, drawing)
    if said and numbers.report.view.on_pixels:
        side = numbers(numbers.report.spec, "side", "count")
        said.append(f"These models see gray copies of {side} x {side} pixels.")
    return " ".join(said)


def _gains(numbers: Numbers) -> list[str]:
    """Say what the twins did to accuracy, at the largest compared size of each model."""
    told = [conclusion for conclusion in numbers.report.conclusions if conclusion.reason is None]
    found = [conclusion for conclusion in told if conclusion.significant]
    said = []
    if found:
        first, *more = found
        points = [f"{_points(numbers, first)} points to the accuracy of {first.model}"]
        points += [f"{_points(numbers, one)} to that of {one.model}" for one in more]
        said.append(f"The twins add {_listed(points)}.")
    if none := [f"{one.model} ({_range(numbers, one)} points)" for one in told if one not in found]:
        said.append(f"No effect of the twins can be told from chance for {_listed(none)}.")
    return said + _unmeasured(numbers)


def facts(numbers: Numbers) -> list[str]:
    """Return all else that was found, one sentence each."""
    return why_twins(numbers) + findings(numbers) + verdicts(numbers)


def findings(numbers: Numbers) -> list[str]:
    """Return what was found of the input and the overlap, one sentence each."""
    return [
        _members(numbers),
        *([] if numbers.report.alone else [how_searched(numbers)]),
        *_comparison(numbers),
        *_judged(numbers),
        *_variants(numbers),
        *_redundancy(numbers),
        *drawn(numbers),
        *inside(numbers),
    ]


def verdicts(numbers: Numbers) -> list[str]:
    """Say of each model, at its largest compared size, what the twins of test rows in training did to its accuracy."""
    told = [conclusion for conclusion in numbers.report.conclusions if conclusion.reason is None]
    said = [_verdict(numbers, conclusion) for conclusion in told] + _unmeasured(numbers)
    if len(told) > 1:
        said.append(
            "The intervals of the models' effects hold for all of them together; every other interval is a single look."
        )
    if numbers.report.scores:
        said.append("On its own, the gap between raw and sanitized rows proves nothing: removed rows are also easier.")
    return said


def _unmeasured(numbers: Numbers) -> list[str]:
    """Say why an effect can't be told, with the models of each reason."""
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
        f"What the twins did to the accuracy of {_listed(names)} can't be measured: {why}."
        for why, names in models.items()
    ]


def _members(numbers: Numbers) -> str:
    members, quarantined, ignored = (
        numbers.total("conservation", name) for name in ("members", "quarantined", "ignored")
    )
    said = f"Of {members} members, {quarantined} are quarantined and {ignored} ignored; quarantine.parquet names each."
    if any(row.mislabelled for row in numbers.report.conservation):
        said += (
            f" {numbers.total('conservation', 'mislabelled')} have another format than their names say; they are read."
        )
    if any(row.remarked for row in numbers.report.conservation):
        said += (
            f" {numbers.total('conservation', 'remarked')} are accepted although their decoder complained; "
            "remarks.parquet says of what."
        )
    return said


def _comparison(numbers: Numbers) -> list[str]:
    sentence = numbers.report.view.sentence
    return [sentence.format(side=numbers(numbers.report.spec, "side", "count"))] if sentence else []


def _judged(numbers: Numbers) -> list[str]:
    judged = numbers.report.judged
    if judged is None:
        return []
    return [
        f"{numbers(judged, 'applied')} decisions of people apply to these images: {numbers(judged, 'same')} pairs are "
        f"the same picture and count as duplicates, {numbers(judged, 'different')} are different and do not."
    ]


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
    name = report.scored
    fonts = report.fonts(name, "train")
    said += _labels(numbers)
    if report.rows[name] > fonts.unknown:
        known = numbers.difference(report.rows, name, fonts, "unknown")
        said.append(f"Of {known} {name} rows whose name gives a font, {numbers(fonts, 'rows')} share it with train.")
    if report.groups.count and not report.alone:
        count, rows, largest = (numbers(report.groups, name) for name in ("count", "rows", "largest"))
        said.append(f"Removed rows and their twins form {count} groups of {rows} rows; the largest has {largest}.")
    return said


def _labels(numbers: Numbers) -> list[str]:
    """Say which rows have no label, and how many pairs of duplicates have different ones."""
    report, found = numbers.report, numbers.report.label_conflicts
    if report.classes == (UNLABELLED,):
        return ["The images have no classes."]
    said = [
        f"{numbers(of, 'raw')} {of.split} rows have no label, so their label conflicts are not known."
        for of in report.balance
        if of.class_name == UNLABELLED and of.raw
    ]
    leak = report.pair(report.scored, "train")
    if not report.alone and report.labelled(report.scored) and report.labelled("train"):
        said.append(f"{numbers(leak, 'cross_class')} {report.scored} rows have a twin in train of another class.")
    if found.pairs:
        pairs, decided = numbers(found, "pairs"), numbers.difference(found, "pairs", found, "open")
        said.append(f"{decided} of {pairs} pairs with different labels are decided; label_conflicts.parquet names all.")
    return said


def _verdict(numbers: Numbers, conclusion: Conclusion) -> str:
    report, about = numbers.report, (conclusion.model, conclusion.train_rows)
    own = {effect.comparison: effect for effect in report.effects if (effect.model, effect.train_rows) == about}
    with_twin, others = own["on_rows_with_twin"], own["on_other_rows"]
    said = (
        f"{conclusion.model}, trained {numbers(conclusion, 'trainings')} times on {numbers(conclusion, 'train_rows')} "
        "rows: leaving out the twins of test rows, instead of as many random rows, costs "
        f"{_points(numbers, with_twin)} points on test rows with a twin and {_points(numbers, others)} on the others. "
        f"Only the difference is the effect of the twins: {_points(numbers, conclusion)} points of all test rows"
    )
    if not conclusion.significant:
        said += ", which can't be told from chance"
    if others.low is not None and others.low > 0:
        said += ". What the others lose is what else the left-out rows taught"
    elif others.high is not None and others.high < 0:
        said += ". What the others gain is what the rows taught that were kept in place of the twins"
    return f"{said}."


def _points(numbers: Numbers, row: Effect | Conclusion) -> str:
    return f"{numbers(row, 'points')} ({_range(numbers, row)})"


def _range(numbers: Numbers, row: Effect | Conclusion) -> str:
    return f"{numbers(row, 'low')} to {numbers(row, 'high')}"


def _listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    >>> _listed(["softmax"]), _listed(["softmax", "sgd", "1nn"])
    ('softmax', 'softmax, sgd and 1nn')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
