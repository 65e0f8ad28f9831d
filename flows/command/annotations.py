"""Print the problems of a run as annotations of GitHub Actions: ``python -m flows.command.annotations RUN``."""

import sys

from tasks.presenting.changes import annotations, problems_of
from tasks.reporting.read import read_report
from tasks.storage import Place

if __name__ == "__main__":
    run = Place.of(sys.argv[1])
    for line in annotations(problems_of(run, read_report(run))):
        print(line)
