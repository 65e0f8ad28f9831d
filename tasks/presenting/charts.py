"""Charts of a report's numbers, in the colours of Okabe and Ito, Color Universal Design (2008)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from tasks.presenting.summary import COMPARISONS
from tasks.records import Report
from tasks.records.verdict import PRECISION
from tasks.vocabulary import SPLITS, ModelName, SplitName

BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#767676"
LINES = {  # label, colour and style of each arm and set of rows
    ("with_twins", "test_raw"): ("raw", "black", "-"),
    ("with_twins", "test_near"): ("sanitized", BLUE, "-"),
    ("with_twins", "test_removed"): ("removed rows", ORANGE, "-"),
    ("with_twins", "test_random"): ("random rows removed", GRAY, "-"),
    ("without_twins", "test_raw"): ("trained without duplicates", GREEN, "--"),
}
COLOURS: dict[tuple[SplitName, SplitName], str] = {  # of a split, and of the other whose rows are counted
    ("train", "test"): BLUE,
    ("train", "validation"): ORANGE,
    ("validation", "test"): GREEN,
}
STYLES = ((GRAY, "s"), (ORANGE, "D"), (GREEN, "^"), (BLUE, "o"))  # of the comparisons
LINEAR_TO = 1  # points; larger have a logarithmic scale, or small sizes would dwarf all others
TICKS = (-30, -10, -3, -1, 0, 1, 3, 10, 30)
NUMBERED_UP_TO = 12  # classes in a confusion matrix with readable counts
LEAST_WIDTH = 5.7  # inches, for the legend
THOUSANDS = "{x:,.0f}"
NAMED_UP_TO = 60  # classes with readable names along an axis
LONGEST, CLASS_NAME = 16, 24  # letters of a word to show, and of the name of a class along an axis


def learning_curves(report: Report) -> Figure:
    """Draw accuracy against training rows, a panel per model; the mean over trainings."""
    figure, panels = _panels(report, "accuracy on test rows, %")
    for model, axes in panels.items():
        for (arm, where), (label, colour, style) in LINES.items():
            found = defaultdict(list)
            for one in report.scores:
                if (one.model, one.arm, one.evaluated_on) == (model, arm, where) and one.accuracy is not None:
                    found[one.train_rows].append(np.array([one.accuracy, one.low, one.high], float))
            sizes = sorted(found)
            mean, low, high = 100 * np.array([np.mean(found[size], axis=0) for size in sizes]).reshape(-1, 3).T
            axes.plot(sizes, mean, style, color=colour, label=label, marker=".", linewidth=1.5)
            if arm == "with_twins" and where in ("test_raw", "test_near"):
                axes.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def effects(report: Report) -> Figure:
    """Draw the differences with their 95 % intervals, a panel per model."""
    figure, panels = _panels(report, "difference of accuracy, points")
    for model, axes in panels.items():
        axes.set_yscale("symlog", linthresh=LINEAR_TO)
        axes.set_yticks(TICKS, [f"{tick:+d}" if tick else "0" for tick in TICKS])
        axes.yaxis.set_minor_locator(NullLocator())
        axes.axhline(0, color="black", linewidth=0.8)
        for number, (comparison, (colour, marker)) in enumerate(zip(COMPARISONS, STYLES, strict=True)):
            found = [one for one in report.effects if (one.model, one.comparison) == (model, comparison)]
            found = [one for one in found if one.points is not None]
            sizes = [one.train_rows * 1.12 ** (number - 1.5) for one in found]  # next to each other
            points, low, high = np.array([(one.points, one.low, one.high) for one in found], float).reshape(-1, 3).T
            how: dict[str, Any] = {"color": colour, "capsize": 2, "markersize": 4, "linewidth": 1.2}
            errors = [points - low, high - points]
            axes.errorbar(sizes, points, errors, fmt=marker, label=COMPARISONS[comparison], **how)
    spread = [abs(value) for one in report.effects for value in (one.low, one.high) if value is not None]
    top = 1.2 * max([*spread, LINEAR_TO])
    axes.set_ylim(-top, top)  # of all panels
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def confusion(report: Report) -> Figure:
    """Draw the answers of each model to raw test rows as shares of the true class, with mistakes coloured."""
    figure = figure_of(max(4.5, 4.3 * len(report.confusion)), 4.8)
    for axes, entry in zip(figure.subplots(1, len(report.confusion), squeeze=False)[0], report.confusion, strict=True):
        counts = np.array(entry.counts)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        np.fill_diagonal(shares, np.nan)
        axes.imshow(shares, cmap="Blues", vmin=0)
        axes.set(facecolor="#EEEEEE", xlabel="answer", ylabel="class")
        axes.set_title(f"{entry.model} on {entry.train_rows:,} rows", fontsize=10)
        ticks = range(len(report.classes))
        if len(ticks) <= NAMED_UP_TO:
            names = [shortened(name, CLASS_NAME) for name in report.classes]
            axes.set_xticks(ticks, names, rotation=_rotation(names), parse_math=False)
            axes.set_yticks(ticks, names, parse_math=False)
        if len(ticks) <= NUMBERED_UP_TO:
            dark = np.nanmax(shares) / 2
            for (row, column), count in np.ndenumerate(counts):
                colour = "white" if row != column and shares[row, column] > dark else "black"
                axes.text(column, row, f"{count}" if count else "", ha="center", va="center", fontsize=7, color=colour)
    return figure


def balance(report: Report) -> Figure:
    """Draw the rows of every class, per split, before and after sanitizing."""
    splits = sorted({entry.split for entry in report.balance}, key=SPLITS.index)
    figure = figure_of(3.2 * len(splits), 3.2)
    for axes, split in zip(figure.subplots(1, len(splits), squeeze=False)[0], splits, strict=True):
        entries = [entry for entry in report.balance if entry.split == split]
        counts = {"raw": [entry.raw for entry in entries]}
        if any(entry.sanitized is not None for entry in report.balance):  # a split without them kept all its rows
            counts["sanitized"] = [entry.raw if entry.sanitized is None else entry.sanitized for entry in entries]
        places, names = np.arange(len(entries)), [shortened(entry.class_name, CLASS_NAME) for entry in entries]
        for (label, rows), colour, width in zip(counts.items(), ("#B0B0B0", BLUE), (0.8, 0.5), strict=False):
            axes.bar(places, rows, width=width, color=colour, label=label)
        if len(names) <= NAMED_UP_TO:
            axes.set_xticks(places, names, rotation=_rotation(names), parse_math=False)
        axes.set_title(split, fontsize=10)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(THOUSANDS)
    figure.supylabel("rows", fontsize=10)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure


def thresholds(report: Report) -> Figure:
    """Draw the share of rows with a duplicate against the similarity threshold."""
    figure = figure_of(7, 3.4)
    axes = figure.subplots()
    for (found_in, rows_of), colour in COLOURS.items():
        total = report.rows[rows_of]
        if total and report.rows[found_in]:
            entries = [e for e in report.overlap_by_threshold if (e.rows_of, e.found_in) == (rows_of, found_in)]
            shares = [100 * entry.rows / total for entry in entries]
            axes.plot([entry.jaccard for entry in entries], shares, color=colour, label=f"{rows_of} in {found_in}")
    if report.near_duplicates.threshold is not None:
        axes.axvline(report.near_duplicates.threshold, color="black", linewidth=0.8, linestyle=":")
    axes.set(xlabel="similarity threshold (dotted: of this run)", ylabel="rows with a duplicate, %", ylim=(0, None))
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


def _panels(report: Report, label: str) -> tuple[Figure, dict[ModelName, Axes]]:
    """Return a figure with one panel per model over a logarithmic axis of training rows."""
    models = list(dict.fromkeys(score.model for score in report.scores))
    figure = figure_of(max(LEAST_WIDTH, 3.4 * len(models)), 4.0)
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    sizes = sorted({score.train_rows for score in report.scores})
    for model, axes in zip(models, panels, strict=True):
        axes.set(xscale="log", xticks=sizes, xlim=(0.7 * sizes[0], sizes[-1] / 0.7))  # also around a single size
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(THOUSANDS)
        axes.tick_params(axis="x", rotation=45)
        axes.set_title(model, fontsize=10)
        axes.grid(alpha=0.25)
    panels[0].set_ylabel(label)
    figure.supxlabel("training rows", fontsize=10)
    return figure, dict(zip(models, panels, strict=True))


def _rotation(names: Sequence[str]) -> int:
    return 90 if len(names) > NUMBERED_UP_TO or max(map(len, names), default=1) > 2 else 0


def figure_of(width: float, height: float) -> Figure:
    """Return an empty figure; the size is in inches."""
    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def shortened(word: str, longest: int = LONGEST) -> str:
    """Return a word, cut to a length that can be shown.

    >>> shortened("Helvetica Neue Condensed", 12)
    'Helvetica N…'
    """
    return word if len(word) <= longest else f"{word[: longest - 1]}…"
