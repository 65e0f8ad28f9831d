"""What known leaks do to the accuracy of the models at hand, as `cleansplit run` measures it."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.leaks.sets import DATA

MODELS = ("softmax", "1nn", "mlp")
CIFAR_SHARE = 2.86  # percent of CIFAR-10's test images that ciFAIR lists with an image of train
RUNS = {
    "CIFAR-10, sample": ("cifar_train.tar.gz", "cifar_test.tar.gz"),
    "brain scans": ("mri_train.tar", "mri_test.tar"),
}
HEAD = ("set", "model", "test rows", "with a duplicate", "effect in points", "per row with a duplicate", "at 2.86 %")


def command(name: str, workspace: Path) -> list[str]:
    """Return the command of a run: all of one source against all of the other."""
    large, small = (str(DATA / archive) for archive in RUNS[name])
    sources = ["--large", large, "--small", small, "--validation", "0", "--recipe", "cleansplit"]
    how = ["--models", *MODELS, "--sizes", "all", "--max-quarantine", "1", "--workspace", str(workspace)]
    return [sys.executable, "-m", "flows.command.cli", "run", *sources, *how]


def rows_of(name: str, run: Path) -> list[tuple[str, ...]]:
    """Return a line per model of a run."""
    report = json.loads((run / "report.json").read_text())
    pair = next(one for one in report["overlap"] if (one["rows_of"], one["found_in"]) == ("test", "train"))
    share = 100 * pair["either"] / pair["rows"]
    return [_row(name, report, pair["rows"], share, found) for found in report["conclusions"]]


def _row(name: str, report: dict[str, Any], rows: int, share: float, found: dict[str, Any]) -> tuple[str, ...]:
    about = (name, found["model"], f"{rows:,}", f"{share:.1f} %")
    if found["reason"]:
        return (*about, found["reason"].replace("_", " "), "", "")
    points, low, high = found["points"], found["low"], found["high"]
    each = points / share * 100
    at_share = f"{CIFAR_SHARE * points / share:+.2f}"
    return (*about, f"{points:+.1f} ({low:+.1f} to {high:+.1f})", f"{each:+.0f}", at_share)


def table(rows: list[tuple[str, ...]]) -> str:
    """Return the table."""
    lines = [HEAD, ("---", "---", *["--:"] * (len(HEAD) - 2)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
