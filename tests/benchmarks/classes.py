"""What many classes of few images cost: ``python -m tests.benchmarks.classes [--classes 10 100 1000 10000]``.

Four images a class in train and one in test, audited by the command as a user would, from files to report. Printed are
seconds, the tasks that load, and the seconds of the stages that depend on the number of classes.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.build import saved, scene

STAGES = ("load classes", "find overlap", "publish report")
LINE = re.compile(r"^(\w+ \w+) +(\d+) tasks?, ([\d.]+) s$", re.MULTILINE)


def write(folder: Path, classes: int) -> None:
    """Write pictures that are all different."""
    number = 0
    for split, count in (("train", 4), ("test", 1)):
        for name in range(classes):
            place = folder / split / f"class{name:05d}"
            place.mkdir(parents=True)
            for image in range(count):
                (place / f"{image}.jpg").write_bytes(saved(scene(48, 36, seed=number), "JPEG"))
                number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 100, 1000, 10_000])
    print(f"{'classes':>8}{'seconds':>9}{'tasks':>7}{'load':>9}{'overlap':>9}{'report':>9}")
    for classes in parser.parse_args().classes:
        with tempfile.TemporaryDirectory() as scratch:
            write(Path(scratch) / "data", classes)
            command = [sys.executable, "-m", "flows.command.cli", "audit", f"{scratch}/data"]
            command += ["--workspace", f"{scratch}/w"]
            start = time.monotonic()
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds = time.monotonic() - start
        found = {name: (int(tasks), float(took)) for name, tasks, took in LINE.findall(ended.stderr)}
        tasks = found["load classes"][0]
        took = "".join(f"{found[name][1]:>9.1f}" for name in STAGES)
        print(f"{classes:>8}{seconds:>9.1f}{tasks:>7}{took}", flush=True)


if __name__ == "__main__":
    main()
