"""Stored data that rot: every artifact of a workspace damaged in every way."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tasks.reporting.verify import verify_run
from tasks.storage.place import Place
from tests.faults import plain
from tests.faults.oracle import Golden, Tally, judge

WAYS = ("flip", "cut", "zero", "empty", "delete", "swap")


def damage(path: Path, way: str, other: Path, rng: np.random.Generator) -> None:
    """Damage a file in place, so that it is damaged under all its names."""
    data = bytearray(path.read_bytes())
    if way == "flip":
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    elif way == "cut":
        data = data[: len(data) // 2]
    elif way == "zero":
        start = int(rng.integers(len(data)))
        data[start : start + 64] = bytes(len(data[start : start + 64]))
    elif way == "empty":
        data = bytearray()
    elif way == "delete":
        path.unlink()
        return
    else:
        data, mine = bytearray(other.read_bytes()), data
        other.write_bytes(mine)
    path.write_bytes(data)


def rotten(golden: Golden, scratch: Path, ways: Sequence[str] = WAYS, step: int = 1) -> Tally:
    """Damage each file; it must be found by verify where it is part of a run, and rebuilt by the next run."""
    tally, rng = Tally("stored data rot"), np.random.default_rng(0)
    artifacts = sorted(p.relative_to(golden.workspace) for p in golden.workspace.glob("*/*/**/*") if _is_artifact(p))
    for number in range(0, len(artifacts) * len(ways), step):
        name, way = artifacts[number // len(ways)], ways[number % len(ways)]
        workspace = plain.fresh(scratch / "w")
        subprocess.run(["cp", "-a", str(golden.workspace), str(workspace)], check=True)
        path = workspace / name
        others = [workspace / other for other in artifacts if other.name == name.name and other != name]
        other = others[int(rng.integers(len(others)))] if others else workspace / artifacts[0]
        before = _contents(workspace)
        damage(path, way, other, rng)
        if _contents(workspace) == before:
            continue  # zeros over zeros, or two equal files swapped
        run = (workspace / "latest").resolve()
        hurt = _contents(run) != _contents((golden.workspace / "latest").resolve())
        problems = Counter(wrong=int(hurt and not verify_run(Place.of(run))))
        child = plain.in_child(partial(golden.run, workspace), scratch)
        problems += judge(golden, workspace, child, [0], scratch)
        tally.count(f"{way} {name}", +problems)
    shutil.rmtree(scratch / "w", ignore_errors=True)
    return tally


def _is_artifact(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in path.parts[-3:])


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
