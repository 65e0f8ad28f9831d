"""What is said of splits that were drawn in groups."""

from tasks.presenting.numbers import Numbers
from tasks.records.effects import Claim, Drawing

WAYS = {"random": "random", "random_sanitized": "random, sanitized", "grouped": "grouped"}


def headline_of_groups(numbers: Numbers, drawing: Drawing) -> str:
    """Return the answer for splits that were drawn in groups."""
    leaks = [pair for pair in numbers.report.overlap if pair.either]
    held = (
        "None of the splits has a twin in another"
        if not leaks
        else "; ".join(f"{numbers(p, 'either')} {p.rows_of} rows have a twin in {p.found_in}" for p in leaks)
    )
    names = ("groups", "random_test", "random_twins", "random_shared")
    groups, test, twins, shared = (numbers(drawing, name) for name in names)
    return (
        f"{held}: {groups} groups of images are on one side each. Of {test} test rows drawn at random, {twins} have a "
        f"twin in train, and {shared} share a group with train or validation."
    )


def claims_in_short(numbers: Numbers, drawing: Drawing) -> list[str]:
    """Say what accuracy each way of drawing claims, a sentence for each model."""
    found = {(claim.model, claim.drawn): claim for claim in drawing.claims}
    said = []
    for (model, way), claim in found.items():
        grouped = found.get((model, "grouped"))
        if way == "random" and grouped is not None and claim.n and grouped.n:
            at_random, here = numbers(claim, "accuracy"), numbers(grouped, "accuracy")
            said.append(f"{model} gets {at_random} % of random test rows right, and {here} % of these.")
    return said


def drawn(numbers: Numbers) -> list[str]:
    """Say how splits were drawn, one sentence each."""
    drawing = numbers.report.drawing
    if drawing is None:
        return []
    largest = f"The largest group has {numbers(drawing, 'largest')} images."
    alone = "Each image is a group of its own."
    said = [f"{alone if drawing.largest == 1 else largest} groups.parquet names the group of every image."]
    if drawing.unmatched:
        said.append(
            f"{numbers(drawing, 'unmatched')} images have no group that --group-by names; twins apart, each is alone."
        )
    if drawing.purity is not None:
        purity, completeness = numbers(drawing, "purity"), numbers(drawing, "completeness")
        said.append(
            f"By themselves, groups of what shows the same agree with those of --group-by in {purity} of the images "
            f"(purity), and hold {completeness} of theirs together (completeness)."
        )
    return said


def claim_rows(numbers: Numbers) -> list[dict[str, str]]:
    """Return the accuracy that each way of drawing claims, in percent with 95 % intervals, one row per model."""
    rows: dict[str, dict[str, str]] = {}
    for claim in numbers.report.drawing.claims if numbers.report.drawing else ():
        row = rows.setdefault(claim.model, {"model": claim.model, **dict.fromkeys(WAYS.values(), "-")})
        row[WAYS[claim.drawn]] = _interval(numbers, claim)
    return list(rows.values())


def _interval(numbers: Numbers, claim: Claim) -> str:
    accuracy, low, high = (numbers(claim, name) for name in ("accuracy", "low", "high"))
    return f"{accuracy} ({low} to {high}), {numbers(claim, 'train_rows')} rows" if claim.n else "-"
