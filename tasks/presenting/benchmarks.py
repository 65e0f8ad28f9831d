"""One train set and several test sets, its benchmarks: their table, and the answer."""

from tasks.presenting.numbers import Numbers
from tasks.presenting.summary import TableRows
from tasks.records import Benchmarks


def benchmark_rows(found: Benchmarks) -> TableRows:
    """Return the overlap of each benchmark with train; the last column counts the train images with a duplicate."""
    rows = []
    for report in found.reports:
        numbers, leak = Numbers(report), report.pair("test", "train")
        row = {"benchmark": str(report.spec.settings()["test"])}
        row |= {name: numbers(leak, name) for name in ("rows", "exact", "near")}
        row |= {"share": numbers.share(leak, "either"), "undecided": numbers(leak, "undecided")}
        rows.append(row | {"train": numbers(report.pair("train", "test"), "either")})
    return rows


def benchmark_answer(found: Benchmarks) -> str:
    """Return the answer in one sentence."""
    leaking = sum(report.pair("test", "train").either > 0 for report in found.reports)
    benchmarks = f"{leaking} of {len(found.reports)} benchmarks share images with train"
    return f"{benchmarks}; {found.removals:,} train images have a duplicate in a benchmark (train_removals.parquet)."
