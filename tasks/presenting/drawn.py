"""Sentences on splits that were drawn in groups."""

from tasks.presenting.numbers import Numbers
from tasks.records.effects import Drawing


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
