"""Load every tar and PNG of the shared corpora, each in a process with limits, and print what became of it.

python -m tests.faults.corpora
"""

import json
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tasks.classes import glyphs
from tasks.classes.png import UnreadableError, filtered_rows
from tasks.errors import DataError
from tests.build import GLYPHS, SHARED
from tests.faults.limits import Ended, limit_memory, run_child, watch
from tests.faults.loading import load


def files() -> list[Path]:
    """Return the hostile files: tars of every kind, and PngSuite."""
    tars = [p for p in (SHARED / "corpora" / "tar").rglob("*") if p.is_file() and p.suffix != ".txt"]
    return sorted(tars) + sorted((SHARED / "corpora" / "png" / "pngsuite").glob("*.png"))


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


def child(path: Path, side: int) -> Ended:
    return run_child("tests.faults.corpora", "--child", str(path), str(side))


def main() -> None:
    if "--child" in sys.argv:
        limit_memory()
        watch()
        print(json.dumps(outcome(Path(sys.argv[-2]), int(sys.argv[-1]))))
        return
    cases = [(path, side) for path in files() for side in ((28, 32) if path.suffix == ".png" else (28,))]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda case: child(*case), cases))
    for (path, side), ended in zip(cases, results, strict=True):
        what = ended.answer or ("CRASH" if ended.crashed else "HANG")
        print(f"{path.relative_to(SHARED / 'corpora')!s:<55} {side} {what}")
    crashes, hangs = sum(e.crashed for e in results), sum(e.hung for e in results)
    print(f"{len(results)} files: crashes {crashes}, hangs {hangs}")
    if crashes or hangs:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
