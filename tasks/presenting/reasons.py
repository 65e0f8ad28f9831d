"""Why images are duplicates from the similarity on from which they are, in sentences."""

from tasks.presenting.numbers import Numbers
from tasks.records.verdict import KindVerdict

KINDS = {"all": "of these pictures", "alone": "of pictures that stand alone", "crowd": "of pictures in a crowd"}


def why_twins(numbers: Numbers) -> list[str]:
    """Say from which similarity on images are duplicates, why, and what it was measured on."""
    verdict = numbers.report.verdict
    said = [_why(numbers)]
    if not verdict.told:
        said.insert(0, verdict.warning)
    report = numbers.report
    open_ = (report.duplicates_in("train"),) if report.alone else report.overlap
    if any(counts.undecided for counts in open_):
        said.append(
            "Undecided rows stay, and unconfirmed.parquet names them: decide them with `cleansplit review`, or choose "
            "a --threshold."
        )
    if not numbers.report.view.on_pixels:
        return said
    said.append(
        "Predicted precision is the share of matches that are more than look-alikes, as the less similar matches "
        f"predict; measured on {numbers(verdict, 'rows')} images, compared with {numbers(verdict, 'baseline_rows')} "
        f"train images matched within train and {numbers(verdict, 'random_pairs')} random pairs."
    )
    return said


def _why(numbers: Numbers) -> str:
    verdict = numbers.report.verdict
    if verdict.reason == "asked":
        return f"The threshold of {numbers(verdict, 'threshold')} was asked for."
    if not numbers.report.view.on_pixels:
        return _by_definition(numbers)
    said = [_of_kind(numbers, kind) for kind in verdict.kinds if kind.rows]
    if verdict.near_identical is None:
        said.append("More than one random pair in a hundred is nearly identical, so near-identity proves nothing.")
    else:
        nearly = numbers(verdict, "near_identical", "probability")
        said.append(
            f"Near-identical pictures, from an agreement of {nearly} on, are duplicates whatever the others are."
        )
    return " ".join(said)


def _by_definition(numbers: Numbers) -> str:
    verdict = numbers.report.verdict
    if verdict.why_not == "chance":
        return "More than one random pair in a hundred is as similar as near-duplicates are."
    return (
        f"Glyphs are near-duplicates from a similarity of {numbers(verdict, 'threshold')} on, by definition, be they "
        "copies or the same letter of a similar font."
    )


def _of_kind(numbers: Numbers, kind: KindVerdict) -> str:
    what = f"{numbers(kind, 'rows')} {KINDS[kind.kind].removeprefix('of ')}"
    if kind.threshold is None:
        return f"Of {what} no similarity below near-identity is enough for a predicted precision of 0.95."
    return (
        f"Of {what} those with an agreement of {numbers(kind, 'threshold')} or higher are duplicates, the lowest with "
        "a predicted precision of 0.95."
    )
