"""How twins were searched, and what the search may have missed, in sentences."""

from tasks.presenting.numbers import Numbers
from tasks.records.rows import MeasuredRecall


def how_searched(numbers: Numbers) -> str:
    """Say how twins were searched, and what was measured of it."""
    measured = numbers.report.near_duplicates.recall_measured
    said = _method(numbers)
    return f"{said} {_measured(numbers, measured)}" if measured else said


def _method(numbers: Numbers) -> str:
    search, on_pixels = numbers.report.near_duplicates, numbers.report.view.on_pixels
    laid = (
        "Each row was aligned with its ten most similar candidates, and with more where most of these are duplicates."
    )
    if search.method == "all pairs":
        return (
            f"{laid} Candidates were chosen among all pairs."
            if on_pixels
            else "All pairs were compared: nothing at or above the floor is missed."
        )
    found = f"is found with probability {numbers(search, 'recall_at_floor')}"
    independent = "where hash positions are independent of the data."
    if on_pixels:
        return f"{laid} A candidate whose bits have a similarity of 0.60 {found}, {independent}"
    return f"A pair at the floor of {numbers(search, 'floor')} {found}, {independent}"


def _measured(numbers: Numbers, measured: MeasuredRecall) -> str:
    rows, true, found, similar, named, low, high = (
        numbers(measured, name)
        for name in (
            "rows", "true_at_floor", "found_at_floor", "true_at_threshold", "found_at_threshold", "low", "high"
        )
    )  # fmt: skip
    if numbers.report.near_duplicates.method == "all pairs":
        return (
            f"MinHash alone names the best match of {found} of the {true} images that have a near-duplicate, and of "
            f"{named} of {similar} at the threshold."
        )
    if numbers.report.view.on_pixels:
        return (
            f"Of {true} images that have such a candidate, among {rows} sampled, the best one was found for {found} "
            f"({low} to {high})."
        )
    return (
        f"Of {true} images that have a near-duplicate, among {rows} sampled, the best one was found for "
        f"{found} ({low} to {high}), and at the threshold for {named} of {similar}."
    )
