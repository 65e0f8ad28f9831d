"""Charts of the overlap against similarity: rows with a duplicate, and the predicted precision."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tasks.presenting.charts import BLUE, GREEN, ORANGE, THOUSANDS, figure_of
from tasks.records import Report
from tasks.records.verdict import PRECISION
from tasks.vocabulary import SplitName

COLOURS: dict[tuple[SplitName, SplitName], str] = {
    ("train", "test"): BLUE,
    ("train", "validation"): ORANGE,
    ("validation", "test"): GREEN,
}


def thresholds(report: Report) -> Figure:
    """Draw the share of rows with a duplicate against the similarity threshold."""
    figure = figure_of(7, 3.4)
    axes = figure.subplots()
    for (found_in, rows_of), colour in COLOURS.items():
        total = report.rows[rows_of]
        if total and report.rows[found_in]:
            entries = report.curve(rows_of, found_in)
            shares = [100 * entry.rows / total for entry in entries]
            axes.plot([entry.jaccard for entry in entries], shares, color=colour, label=f"{rows_of} in {found_in}")
    if report.near_duplicates.threshold is not None:
        axes.axvline(report.near_duplicates.threshold, color="black", linewidth=0.8, linestyle=":")
    axes.set(xlabel="similarity threshold (dotted: threshold of this run)", ylabel="rows with a duplicate, %")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def precision(report: Report) -> Figure:
    """Draw the predicted precision of matches and the number of rows with a match against similarity."""
    figure = figure_of(7, 3.4)
    axes = figure.subplots()
    curve = report.verdict.curve
    known = [(point.similarity, point.precision) for point in curve if point.precision is not None]
    axes.plot(*zip(*known or [(curve[0].similarity, 0.0)], strict=True), color=BLUE, label="predicted precision")
    if report.view.on_pixels:
        axes.axhline(PRECISION, color="black", linewidth=0.8, linestyle="--", label="required")
    axes.set(ylim=(-0.02, 1.02), xlabel="similarity of the best match", ylabel="predicted precision")
    rows = axes.twinx()
    rows.plot([p.similarity for p in curve], [p.rows for p in curve], color=ORANGE, label="rows with a match")
    rows.set(ylabel="rows with a match, not identical", ylim=(0, None))
    rows.yaxis.set_major_locator(MaxNLocator(integer=True))
    rows.yaxis.set_major_formatter(THOUSANDS)
    if report.verdict.threshold is not None:
        axes.axvline(report.verdict.threshold, color="black", linewidth=0.8, linestyle=":", label="lowest threshold")
    axes.grid(alpha=0.25)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure
