"""Why twins begin at the similarity at which they do, in sentences."""

from tasks.presenting.numbers import Numbers


def why_twins(numbers: Numbers) -> list[str]:
    """Say why twins begin at the similarity at which they do, and what it was measured on."""
    verdict = numbers.report.verdict
    said = [_why(numbers)]
    if not verdict.told:
        said.insert(0, verdict.warning)
    if verdict.unconfirmed and numbers.report.drawing is None:  # of all sources as one set
        said.append(
            f"{numbers(verdict, 'unconfirmed')} further rows are alike, unconfirmed: they stay, and "
            "unconfirmed.parquet names them."
        )
    said.append(
        "Predicted precision is the share of matches that are more than look-alikes, as the decline of less similar "
        f"matches lets expect; measured on {numbers(verdict, 'rows')} rows, beside {numbers(verdict, 'baseline_rows')} "
        f"rows of train in the rest of it and {numbers(verdict, 'random_pairs')} random pairs, which are no leak."
    )
    return said


def _why(numbers: Numbers) -> str:
    verdict = numbers.report.verdict
    found = {name: numbers(verdict, name) for name in ("threshold", "least", "own", "short_side")}
    size = f"for pictures with a short side of {found['short_side']} pixels it is at least {found['least']}"
    enough = (
        f"and {found['own']} would be enough for these images" if verdict.own else "and no picture is alike another"
    )
    sentences = {
        "asked": f"The threshold of {found['threshold']} was asked for.",
        "view": f"Glyphs are near-duplicates from a similarity of {found['threshold']} on, by definition, be they "
        "copies or the same letter of a similar font.",
        "own": f"The threshold is {found['threshold']}, the lowest with a predicted precision of 0.95; {size}.",
        "size": f"The threshold is {found['threshold']}: {size}, {enough}.",
        "alike": "No similarity is enough for a predicted precision of 0.95.",
        "chance": "More than one random pair in a hundred is as similar as twins would be.",
    }
    if verdict.reason == "alike" and not numbers.report.view.on_pixels:
        return "There are no more very similar glyphs than the number of less similar ones lets expect."
    return sentences[verdict.reason]
