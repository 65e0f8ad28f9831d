"""What is said of splits that were drawn in groups."""

from tasks.presenting.numbers import Numbers
from tasks.records.effects import Drawing


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
        f"twin in train, and {shared} share a group with another split."
    )


def claims_in_short(numbers: Numbers, drawing: Drawing) -> list[str]:
    """Say what accuracy each way of drawing claims, a sentence for each model."""
    grouped = {claim.model: claim for claim in drawing.claims if claim.drawn == "grouped"}
    return [
        f"Trained on {numbers(one, 'train_rows')} rows, {one.model} gets {numbers(one, 'accuracy')} % of random test "
        f"rows right, and {numbers(grouped[one.model], 'accuracy')} % of these."
        for one in drawing.claims
        if one.drawn == "random" and one.model in grouped
    ]


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
