"""Decode every file of some folders, and pictures of all formats that were damaged, and print what became of them.

Each is decoded in full, and reduced as in a run, by a guard.

[FOLDER ...] [--damaged N]: by default the shared corpora, and 2,000 damaged pictures.
"""

import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cyclopts

from tasks.classes.guard import guarded
from tasks.classes.png import UnreadableError
from tests.build import SHARED, saved, scene
from tests.faults.fuzz import FORMS, jpegs, mutated


def files(folders: tuple[Path, ...], damaged: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of files."""
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        yield str(path), path.read_bytes()
    rng = random.Random(0)  # noqa: S311  # to repeat it
    whole = [saved(scene(200, 150, seed), form) for form in FORMS for seed in range(3)] + jpegs()
    for number in range(damaged):
        yield f"damaged {number}", mutated(whole[number % len(whole)], rng)


def main(*folders: Path, damaged: int = 2000) -> None:
    """Print counts, the slowest file, and the largest memory of this process and of the guard's."""
    outcomes, slowest, crashed = Counter[str](), (0.0, ""), []
    with guarded() as guard:
        whole = product(files(folders or (SHARED / "corpora",), damaged), (False, True))
        for (name, data), reduced in whole:
            begin = time.monotonic()
            try:
                guard.read(data, 28, reduced)
                outcomes["accepted"] += 1
            except UnreadableError as error:
                outcomes[f"quarantined {error.reason}"] += 1
                if "a crash" in error.detail:
                    crashed.append(f"{name}: {error.detail}")
            except Exception as error:  # any other error would have ended a run
                crashed.append(f"{name}: {type(error).__name__}: {error}")
            slowest = max(slowest, (time.monotonic() - begin, name))
    for outcome, count in outcomes.most_common():
        print(f"{outcome:<36} {count:>7,}")
    peaks = [resource.getrusage(who).ru_maxrss / 1e3 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"files {outcomes.total() + len(crashed):,}, what would have ended a run: {len(crashed)}")
    print(f"slowest {slowest[0]:.1f} s: {slowest[1]}; peak {peaks[0]:.0f} MB, in the guard's process {peaks[1]:.0f} MB")
    for line in crashed:
        print(line)
    sys.exit(bool(crashed))


if __name__ == "__main__":
    cyclopts.run(main)
