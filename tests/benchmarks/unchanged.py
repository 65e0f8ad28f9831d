"""Whether another version of cleansplit gives the same: ``python -m tests.benchmarks.unchanged CHECKOUT``.

Both versions do the default run, a run on open fonts, and audits of CIFAR-10 and of brain scans. Compared are the rows
of every table and report.json. Each line says what differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.build import ROOT, SHARED

DATA = SHARED / "data"
COMMANDS: dict[str, tuple[str, ...]] = {
    "default": ("run",),
    "open fonts": (
        "run",
        "--large",
        "openfonts_large.tar.gz",
        "--small",
        "openfonts_small.tar.gz",
        "--validation",
        "0",
    ),
    "CIFAR-10": ("audit", "--train", "cifar_train.tar.gz", "--test", "cifar_test.tar.gz"),
    "brain scans": ("audit", "--train", "mri_train.tar", "--test", "mri_test.tar"),
}


def done_by(checkout: Path, command: tuple[str, ...], workspace: Path) -> Path:
    """Run a command of a checkout; return the folder of the run."""
    given = [str(DATA / word) if (DATA / word).is_file() else word for word in command]
    program = [sys.executable, "-m", "flows.command.cli", *given, "--workspace", str(workspace)]
    done = subprocess.run(program, cwd=checkout, env=os.environ | {"PYTHONPATH": str(checkout)}, check=False)
    if done.returncode not in (0, 4):  # 4: a gate did not hold
        raise SystemExit(f"{' '.join(program)} ended with {done.returncode}")
    return (workspace / "latest").resolve()


def differing(one: Any, other: Any, name: str = "") -> Iterator[str]:
    """Yield the names of values that differ between two reports."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differing(one.get(key), other.get(key), f"{name}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from differing(mine, theirs, f"{name}[{number}]")
    elif one != other:
        yield f"report.json{name}: {str(one)[:60]} and {str(other)[:60]}"


def changes(before: Path, after: Path) -> Iterator[str]:
    """Yield what two runs do not have in common."""
    yield from differing(*(json.loads((run / "report.json").read_text()) for run in (before, after)))
    tables = [{path.relative_to(run) for path in run.rglob("*.parquet")} for run in (before, after)]
    yield from (f"{name} is in one of both" for name in sorted(tables[0] ^ tables[1]))
    for name in sorted(tables[0] & tables[1]):
        if not pq.read_table(before / name).equals(pq.read_table(after / name)):
            yield f"{name} has other rows"


def main() -> None:
    """Compare the version in another checkout with this one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    checkout = parser.parse_args().checkout.resolve()
    if not DATA.is_dir():
        raise SystemExit(f"needs the shared data folder {DATA}, which is not there")
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, command) in enumerate(COMMANDS.items()):
            runs = [
                done_by(place, command, Path(scratch) / f"{number}-{side}")
                for side, place in enumerate((checkout, ROOT))
            ]
            found = list(changes(*runs))
            print(
                f"{name}: {'the same' if not found else f'{len(found)} differences'}",
                *found[:20],
                sep="\n  ",
                flush=True,
            )


if __name__ == "__main__":
    main()
