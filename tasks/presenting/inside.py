"""What is said of duplicates inside a set."""

from tasks.presenting.numbers import Numbers
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
        {
            "inside": "the set" if numbers.report.alone else of.split,
            **{name: numbers(of, name) for name in COLUMNS},
        }
        for of in numbers.report.duplicates
        if of.method and of.rows
    ]


def headline_of_set(numbers: Numbers) -> str:
    """Return the answer for a set that was looked at alone."""
    (found,) = (of for of in numbers.report.duplicates if of.rows)
    kinds = f"{numbers(found, 'exact')} are identical to it"
    if numbers.report.verdict.threshold is not None:
        similar = numbers(numbers.report.verdict, "threshold")
        kinds += f", {numbers(found, 'near')} are near-duplicates (similarity {similar} or higher)"
    said = (
        f"{numbers.sum(found, 'exact', 'near')} of the {numbers(found, 'rows')} images repeat one that stays: {kinds}."
    )
    if found.undecided:
        said += (
            f" {numbers(found, 'undecided')} more are undecided: each is similar to another one, and may "
            "be a duplicate or a look-alike."
        )
    return f"{said} keep.txt and remove.txt list them, and duplicates.parquet says why."


def inside(numbers: Numbers) -> list[str]:
    """Say what lies inside the splits, one sentence each."""
    said = [sentence for of in numbers.report.duplicates if of.rows for sentence in _of_split(numbers, of)]
    if any(of.groups for of in numbers.report.duplicates) and not numbers.report.alone:
        said.append("Duplicates inside a split stay; duplicates.parquet names them.")
    return said


def _of_split(numbers: Numbers, of: SplitGroups) -> list[str]:
    where = "" if numbers.report.alone else f"{of.split}: "
    if of.method is None:
        return [
            f"{of.split} was not compared with itself, which takes more than a minute; run `cleansplit dedupe SOURCE`."
        ]
    if not of.groups:
        return [] if not numbers.report.alone else ["No image has a duplicate."]
    said = (
        f"{where}{numbers(of, 'grouped')} images are in {numbers(of, 'groups')} groups that show the same; the largest "
        f"has {numbers(of, 'largest')}."
    )
    if of.chains:
        said += f" {numbers(of, 'chains')} {CHAINS[numbers.report.spec.chains]}."
    if of.conflicts:
        said += f" {numbers(of, 'conflicts')} of them have different labels, and keep one image of each."
    if of.method == "minhash":
        said += " There are too many pairs to compare: MinHash proposed them, and may have missed some."
    return [said]
