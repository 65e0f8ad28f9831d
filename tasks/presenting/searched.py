"""How duplicates were searched, and from which similarity on images are duplicates, in sentences."""

from tasks.presenting.numbers import Numbers
from tasks.records.verdict import KindVerdict

KINDS: dict[str, str] = {
    "all": "these pictures",
    "alone": "pictures that stand alone",
    "crowd": "pictures in a crowd",
}


def how_searched(numbers: Numbers) -> str:
    """Return how duplicates were searched, and what was measured of it."""
    search, on_pixels = numbers.report.near_duplicates, numbers.report.view.on_pixels
    alone, measured = search.method == "minhash", search.recall_measured
    found = "is found with probability {recall_at_floor}, where hash positions are independent of the data."
    if on_pixels:
        said = "Each row was aligned with its ten most similar candidates, and with more where most of these are "
        said += "duplicates. "
        bits = f"A candidate whose bits have a similarity of 0.60 {found}"
        said += bits if alone else "Candidates were chosen among all pairs."
    elif alone:
        said = f"A pair at the floor of {{floor}} {found}"
    else:
        said = "All pairs were compared: nothing at or above the floor is missed."
    said = numbers.say(search, said)
    if measured is None:
        return said
    if not alone:
        recall = (
            "MinHash alone names the best match of {found_at_floor} of the {true_at_floor} images that have a "
            "near-duplicate, and of {found_at_threshold} of {true_at_threshold} at the threshold."
        )
    else:
        what, end = "a near-duplicate", ", and at the threshold for {found_at_threshold} of {true_at_threshold}."
        if on_pixels:
            what, end = "such a candidate", "."
        recall = (
            f"Of {{true_at_floor}} images that have {what}, among {{rows}} sampled, the best one was found for "
            f"{{found_at_floor}} ({{low}} to {{high}}){end}"
        )
    return f"{said} {numbers.say(measured, recall)}"


def why_twins(numbers: Numbers) -> list[str]:
    """Return from which similarity on images are duplicates, why, and what it was measured on."""
    report, verdict = numbers.report, numbers.report.verdict
    said = [_why(numbers)] if verdict.told else [verdict.warning, _why(numbers)]
    if any(one.undecided for one in ((report.duplicates_in("train"),) if report.alone else report.overlap)):
        said.append(
            "Undecided rows stay, and unconfirmed.parquet names them: decide them with `cleansplit review`, or choose "
            "a --threshold."
        )
    if report.view.on_pixels:
        predicted = (
            "Predicted precision is the share of matches that are more than look-alikes, as the less similar matches "
            "predict; measured on {rows} images, compared with {baseline_rows} train images matched within train and "
            "{random_pairs} random pairs."
        )
        said.append(numbers.say(verdict, predicted))
    return said


def _why(numbers: Numbers) -> str:
    verdict = numbers.report.verdict
    if verdict.reason == "asked":
        return numbers.say(verdict, "The threshold of {threshold} was asked for.")
    if not numbers.report.view.on_pixels and verdict.why_not == "chance":
        return "More than one random pair in a hundred is as similar as near-duplicates are."
    if not numbers.report.view.on_pixels:
        by_definition = (
            "Glyphs are near-duplicates from a similarity of {threshold} on, by definition, be they copies or the same "
            "letter of a similar font."
        )
        return numbers.say(verdict, by_definition)
    said = [_of_kind(numbers, kind) for kind in verdict.kinds if kind.rows]
    if verdict.near_identical is None:
        said.append("More than one random pair in a hundred is nearly identical, so near-identity proves nothing.")
    else:
        nearly = numbers(verdict, "near_identical", "probability")
        said.append(
            f"Near-identical pictures, from an agreement of {nearly} on, are duplicates whatever the others are."
        )
    return " ".join(said)


def _of_kind(numbers: Numbers, kind: KindVerdict) -> str:
    enough = "those with an agreement of {threshold} or higher are duplicates, the lowest with "
    if kind.threshold is None:
        enough = "no similarity below near-identity is enough for "
    return numbers.say(kind, f"Of {{rows}} {KINDS[kind.kind]} {enough}a predicted precision of 0.95.")
