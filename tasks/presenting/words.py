"""What a run found, in sentences."""

from tasks.presenting.accuracy import effect_in_short, verdicts
from tasks.presenting.groups import drawn, headline_of_groups, headline_of_set, inside
from tasks.presenting.numbers import Numbers
from tasks.presenting.searched import how_searched, why_twins
from tasks.vocabulary import UNLABELLED

IGNORED_IN_SILENCE, KINDS_NAMED = 0.01, 5
REDUNDANT = {
    "one_colour": "Images of one colour",
    "blank": "Images whose bits say nothing, since none is set or all are",
}
DECIDED = (
    "{applied} decisions of people apply to these images: {same} pairs are the same picture and count as duplicates, "
    "{different} are different and do not."
)
IN_ANOTHER_FORM = (
    "{rows} more {rows_of} rows have a twin in {found_in} when they are {variant}; they stay, and variants.parquet "
    "names them."
)


def answer(numbers: Numbers) -> str:
    """Return what was found and what it did to accuracy, in a few sentences."""
    return f"{headline(numbers)} {effect_in_short(numbers)}".strip()


def facts(numbers: Numbers) -> list[str]:
    """Return all else that was found, one sentence each."""
    return why_twins(numbers) + findings(numbers) + verdicts(numbers)


def headline(numbers: Numbers) -> str:
    """Return the answer in a few sentences; wrong labels and what makes it doubtful come first."""
    report = numbers.report
    first = _conflicts(numbers) + _ignored(numbers)
    if report.verdict.why_not == "chance":
        first += f"{report.verdict.warning} "
    search = report.near_duplicates
    if search.contradicted and search.method == "all pairs":
        first += "MinHash missed more twins than it should have, so all pairs were compared. "
    elif search.contradicted:
        first += "Twins were missed: MinHash finds fewer than it should, and the counts below are too low. "
    if report.alone:
        return first + headline_of_set(numbers)
    if report.drawing is not None:
        return first + headline_of_groups(numbers, report.drawing)
    if not report.rows[report.scored]:
        return f"{first}Neither test nor validation has any rows, so nothing is known of their overlap with train."
    others = "train or validation" if report.scored == "test" else "train"
    left = numbers(report.sanitized.near, report.scored)
    return f"{first}{_leak(numbers)} After removing rows shared with {others}, {left} rows are left."


def _conflicts(numbers: Numbers) -> str:
    found = numbers.report.label_conflicts
    if not found.open:
        return ""
    pairs = "pair of duplicates has" if found.open == 1 else "pairs of duplicates have"
    return (
        f"{numbers(found, 'open')} {pairs} different labels, and one of the two is most likely wrong: "
        f"`cleansplit review {numbers.report.run.name}` shows both. "
    )


def _ignored(numbers: Numbers) -> str:
    """Return what was ignored for its kind, where it is much: perhaps these are images, too."""
    report = numbers.report
    if report.ignored_share <= IGNORED_IN_SILENCE:
        return ""
    kinds = ", ".join(numbers.say(kind, "{count} {ending}") for kind in report.ignored[:KINDS_NAMED])
    more = " and others" if len(report.ignored) > KINDS_NAMED else ""
    return (
        f"{numbers.total('ignored', 'count')} of {numbers.total('conservation', 'members')} members are ignored for "
        f"the ending of their names ({kinds}{more}). "
    )


def _leak(numbers: Numbers) -> str:
    report = numbers.report
    leak, told = report.pair(report.scored, "train"), report.verdict.threshold is not None
    similar = _similar(numbers) if told else ""
    if leak.exact:
        said = "{exact%} of the {rows} {rows_of} rows have an identical image in train"
        said += f", and a further {{near%}} have a near-duplicate {similar}." if leak.near else "."
    elif leak.near:
        said = f"{{near%}} of the {{rows}} {{rows_of}} rows have a near-duplicate in train {similar}, and none has an "
        said += "identical image there."
    else:
        said = "None of the {rows} {rows_of} rows has an identical image in train"
        said += f" or a near-duplicate {similar}." if told else "."
    if report.scored == "test" and (other := report.pair("test", "validation")).either:
        said += f" {numbers(other, 'either')} have a duplicate in validation."
    if leak.undecided:
        said += (
            " {undecided} more ({undecided%}) are undecided: each is similar to a train row, and may be a duplicate or "
            "a look-alike."
        )
    return numbers.say(leak, said)


def _similar(numbers: Numbers) -> str:
    """Return from which similarity on images are near-duplicates, and what to expect of glyphs without a leak."""
    verdict = numbers.report.verdict
    least = f"similarity {numbers(numbers.report.near_duplicates, 'threshold')} or higher"
    if numbers.report.view.on_pixels:
        return f"({least})"
    expected = "" if verdict.expected is None else f"; {numbers(verdict, 'expected')} are expected without a leak"
    return f"(near by definition: {least}{expected})"


def findings(numbers: Numbers) -> list[str]:
    """Return what was found of the input and the overlap, one sentence each."""
    report, said = numbers.report, [_members(numbers)]
    if not report.alone:
        said.append(how_searched(numbers))
    if report.view.sentence:
        said.append(report.view.sentence.format(side=numbers(report.spec, "side", "count")))
    if report.judged is not None:
        said.append(numbers.say(report.judged, DECIDED))
    said += [numbers.say(count, IN_ANOTHER_FORM) for count in report.variants]
    return [*said, *_redundancy(numbers), *_labels(numbers), *_shared(numbers), *drawn(numbers), *inside(numbers)]


def _members(numbers: Numbers) -> str:
    said = "Of {members} members, {quarantined} are quarantined and {ignored} ignored; quarantine.parquet names each."
    rows = numbers.report.conservation
    if any(row.mislabelled for row in rows):
        said += " {mislabelled} have another format than their names say; they are read."
    if any(row.remarked for row in rows):
        said += " {remarked} are accepted although their decoder complained; remarks.parquet says of what."
    return numbers.say("conservation", said)


def _redundancy(numbers: Numbers) -> list[str]:
    said = []
    for name, what in REDUNDANT.items():
        if some := [within for within in numbers.report.within if getattr(within, name)]:
            said.append(f"{what}: {', '.join(numbers.say(one, f'{{{name}}} in {{split}}') for one in some)}.")
    return said


def _labels(numbers: Numbers) -> list[str]:
    report, found = numbers.report, numbers.report.label_conflicts
    if report.classes == (UNLABELLED,):
        return ["The images have no classes."]
    unknown = "{raw} {split} rows have no label, so their label conflicts are not known."
    said = [numbers.say(of, unknown) for of in report.balance if of.class_name == UNLABELLED and of.raw]
    leak = report.pair(report.scored, "train")
    if not report.alone and report.labelled(report.scored) and report.labelled("train"):
        said.append(numbers.say(leak, "{cross_class} {rows_of} rows have a twin in train of another class."))
    if found.pairs:
        decided = f"{numbers.joined(found, 'pairs', '-', found, 'open')} of {{pairs}} pairs with different labels "
        said.append(numbers.say(found, f"{decided}are decided; label_conflicts.parquet names all."))
    return said


def _shared(numbers: Numbers) -> list[str]:
    report, name, said = numbers.report, numbers.report.scored, []
    fonts = report.fonts(name, "train")
    if report.rows[name] > fonts.unknown:
        known = numbers.joined(report.rows, name, "-", fonts, "unknown")
        said.append(f"Of {known} {name} rows whose name gives a font, {numbers(fonts, 'rows')} share it with train.")
    if report.groups.count and not report.alone:
        groups = "Removed rows and their twins form {count} groups of {rows} rows; the largest has {largest}."
        said.append(numbers.say(report.groups, groups))
    return said
