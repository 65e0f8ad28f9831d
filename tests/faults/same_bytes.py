"""The same run in different surroundings: one digest."""

import itertools
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.faults import plain
from tests.faults.oracle import Tally

SURROUNDINGS: list[dict[str, str]] = [
    {"workers": "1", "runner": "threads", "PYTHONHASHSEED": "0"},
    {"workers": "2", "runner": "threads", "PYTHONHASHSEED": "1"},
    {"workers": "4", "runner": "threads", "PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati"},
    {"workers": "1", "runner": "processes", "PYTHONHASHSEED": "1", "LC_ALL": "C"},
    {"workers": "2", "runner": "processes", "PYTHONHASHSEED": "2"},
    {"workers": "4", "runner": "processes", "PYTHONHASHSEED": "0", "TZ": "America/St_Johns", "LC_ALL": "C"},
    {"workers": "2", "runner": "threads", "order": "1"},
    {"workers": "2", "runner": "processes", "order": "2", "LC_ALL": "tr_TR.UTF-8"},
]


def shuffled(path: Path, seed: int, folder: Path) -> Path:
    """Write an archive with the same members in another order."""
    target = folder / f"{seed}-{path.name}"
    with tarfile.open(path) as source, tarfile.open(target, "w:gz") as out:
        members = source.getmembers()
        for number in np.random.default_rng(seed).permutation(len(members)):
            out.addfile(members[number], source.extractfile(members[number]))
    return target


def surroundings(
    sources: Mapping[str, str],
    environment: Mapping[str, str],
    scratch: Path,
    cases: Sequence[dict[str, str]] = SURROUNDINGS,
) -> Tally:
    """Run the real command in each of the surroundings, from nothing, and compare all that it wrote."""
    tally, digests = Tally("the same bytes in other surroundings"), []
    for number, case in enumerate(cases):
        workspace = plain.fresh(scratch / f"same-{number}")
        given = {
            role: str(shuffled(Path(path), int(case["order"]), scratch)) if "order" in case else path
            for role, path in sources.items()
        }
        command = [sys.executable, "-m", "flows.command.cli", "run", "--workspace", str(workspace)]
        command += ["--max-quarantine", "0.5", "--classes", "2"]
        options = {"workers": case["workers"], "runner": case["runner"], **given, "sizes": "50"}
        flags = itertools.chain.from_iterable((f"--{name}", value) for name, value in options.items())
        variables = {name: value for name, value in case.items() if name.isupper()}
        done = subprocess.run(
            [*command, *flags, "--models", "softmax", "1nn"], env={**os.environ, **environment, **variables},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        digests.append(plain.digest(workspace))
        problems = Counter(unexplained=int(done.returncode != 0), wrong=int(digests[-1] != digests[0]))
        tally.count(f"{case}: {done.stderr[-300:] if done.returncode else ''}", +problems)
    return tally
