"""Load every tar and PNG of the shared corpora, each in a process with limits, and print what became of it.

python -m tests.faults.corpora
"""

import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tasks.classes import glyphs
from tasks.classes.png import UnreadableError, filtered_rows
from tasks.errors import DataError
from tests.build import GLYPHS, SHARED
from tests.faults.limits import answer, limited, report
from tests.faults.loading import load

CORPORA = SHARED / "corpora"


def files() -> list[Path]:
    """Return the hostile files: tars of every kind, and PngSuite."""
    tars = [p for p in (CORPORA / "tar").rglob("*") if p.is_file() and p.suffix != ".txt"]
    return sorted(tars) + sorted((CORPORA / "png" / "pngsuite").glob("*.png"))


def outcome(path: Path, side: int) -> str:
    """Return what becomes of one file, in a word and a detail."""
    if path.suffix == ".png":
        try:
            glyphs.decode([filtered_rows(path.read_bytes(), side)], side)
        except UnreadableError as error:
            return f"quarantined {error.reason}"
        return "accepted"
    with tempfile.TemporaryDirectory() as folder:
        try:
            account = load(path, Path(folder), replace(GLYPHS, side=side))
        except DataError as error:
            return f"refused {str(error).removeprefix(str(path)).replace(folder, '')}"
    reasons = Counter(account.refused.values())
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"read: {len(account.accepted)} accepted, {listed or 'nothing refused'}"


def names() -> list[str]:
    """Return the cases: a file below the corpora, and the side of the images that it is read for."""
    sides = {".png": (28, 32)}
    return [f"{path.relative_to(CORPORA)}@{side}" for path in files() for side in sides.get(path.suffix, (28,))]


def judge(name: str) -> str:
    path, _, side = name.rpartition("@")
    with limited():
        return outcome(CORPORA / path, int(side))


def main() -> None:
    if "--child" in sys.argv:
        answer(judge, sys.argv[sys.argv.index("--child") + 1 :])
    elif not CORPORA.is_dir():
        print(f"skipped: {CORPORA} is not here")
    else:
        report("tests.faults.corpora", names(), ("accepted", "quarantined", "refused", "read"))


if __name__ == "__main__":
    main()
