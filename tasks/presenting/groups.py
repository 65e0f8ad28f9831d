"""Sentences on groups: of duplicates inside a set, with their table, and of images that are drawn together."""

from tasks.presenting.numbers import Numbers
from tasks.records.effects import Drawing
from tasks.records.rows import SplitGroups
from tasks.vocabulary import Chains

CHAINS: dict[Chains, str] = {
    "keep": "of them are chains: several images stay, each image that goes is a duplicate of one of them",
    "cut": "chains were cut into groups: one image of each group stays, and the others are duplicates of it",
}
COLUMNS = ("rows", "groups", "exact", "near", "largest", "undecided", "chains", "conflicts")


def group_rows(numbers: Numbers) -> list[dict[str, str]]:
    """Return the groups of duplicates inside each split that has rows, one row each."""
    return [
        {"inside": "the set" if numbers.report.alone else of.split} | {name: numbers(of, name) for name in COLUMNS}
        for of in numbers.report.duplicates
        if of.method and of.rows
    ]


def headline_of_set(numbers: Numbers) -> str:
    """Return the answer for a set that was looked at alone."""
    (found,) = (of for of in numbers.report.duplicates if of.rows)
    repeated = numbers.joined(found, "exact", "+", found, "near")
    said = f"{repeated} of the {{rows}} images repeat one that stays: {{exact}} are identical to it"
    if numbers.report.verdict.threshold is not None:
        similar = numbers(numbers.report.verdict, "threshold")
        said += f", {{near}} are near-duplicates (similarity {similar} or higher)"
    if found.undecided:
        said += (
            ". {undecided} more are undecided: each is similar to another one, and may be a duplicate or a look-alike"
        )
    return numbers.say(found, f"{said}. keep.txt and remove.txt list them, and duplicates.parquet says why.")


def inside(numbers: Numbers) -> list[str]:
    """Return what lies inside the splits, one sentence each."""
    report = numbers.report
    said = [_of_split(numbers, of) for of in report.duplicates if of.rows]
    if any(of.groups for of in report.duplicates) and not report.alone:
        said.append("Duplicates inside a split stay; duplicates.parquet names them.")
    return [sentence for sentence in said if sentence]


def _of_split(numbers: Numbers, of: SplitGroups) -> str:
    alone = numbers.report.alone
    if of.method is None:
        return (
            f"{of.split} was not compared with itself, which takes more than a minute; run `cleansplit dedupe SOURCE`."
        )
    if not of.groups:
        return "No image has a duplicate." if alone else ""
    said = "" if alone else f"{of.split}: "
    said += "{grouped} images are in {groups} groups that show the same; the largest has {largest}."
    if of.chains:
        said += f" {{chains}} {CHAINS[numbers.report.spec.chains]}."
    if of.conflicts:
        said += " {conflicts} of them have different labels, and keep one image of each."
    if of.method == "minhash":
        said += " There are too many pairs to compare: MinHash proposed them, and may have missed some."
    return numbers.say(of, said)


def headline_of_groups(numbers: Numbers, drawing: Drawing) -> str:
    """Return the answer for splits that were drawn in groups."""
    leaks = [pair for pair in numbers.report.overlap if pair.either]
    held = "; ".join(numbers.say(pair, "{either} {rows_of} rows have a twin in {found_in}") for pair in leaks)
    return numbers.say(
        drawing,
        (held or "None of the splits has a twin in another")
        + ": {groups} groups of images are on one side each. Of {random_test} test rows drawn at random, "
        "{random_twins} have a twin in train, and {random_shared} share a group with another split.",
    )


def claims_in_short(numbers: Numbers, drawing: Drawing) -> list[str]:
    """Return what accuracy each way of drawing claims, a sentence for each model."""
    grouped = {claim.model: claim for claim in drawing.claims if claim.drawn == "grouped"}
    random = "Trained on {train_rows} rows, {model} gets {accuracy} % of random test rows right, and "
    return [
        f"{numbers.say(one, random)}{numbers(grouped[one.model], 'accuracy')} % of these."
        for one in drawing.claims
        if one.drawn == "random" and one.model in grouped
    ]


def drawn(numbers: Numbers) -> list[str]:
    """Return how splits were drawn, one sentence each."""
    drawing = numbers.report.drawing
    if drawing is None:
        return []
    largest = "Each image is a group of its own." if drawing.largest == 1 else "The largest group has {largest} images."
    said = [f"{largest} groups.parquet names the group of every image."]
    if drawing.unmatched:
        said.append("{unmatched} images have no group that --group-by names; twins apart, each is alone.")
    if drawing.purity is not None:
        said.append(
            "By themselves, groups of what shows the same agree with those of --group-by in {purity} of the images "
            "(purity), and hold {completeness} of theirs together (completeness)."
        )
    return [numbers.say(drawing, sentence) for sentence in said]
