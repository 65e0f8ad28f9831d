"""Annotate the problems of a run, or of benchmarks, on GitHub: ``python -m flows.command.annotations FOLDER``."""

import sys

from tasks.presenting.changes import annotations, problems_of
from tasks.reporting.read import read_report
from tasks.storage import Place
from tasks.storage.stages import MANIFEST, read_manifest

if __name__ == "__main__":
    folder = Place.of(sys.argv[1])
    names = (read_manifest(folder / MANIFEST) or {}).get("runs", ())
    runs = [folder.parent.parent / "runs" / name for name in names] or [folder]
    problems = dict.fromkeys(each for run in runs for each in problems_of(run, read_report(run)))
    for line in annotations(list(problems)):
        print(line)
