"""The time of the kernel and of numpy for each function: ``python -m tests.benchmarks.kernel [--peers PYTHON]``.

An interpreter that has faiss also searches the same patterns by it; see `by_faiss.py`.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tasks import kernel
from tasks.arrays import Bits
from tasks.overlap.complete import complete_pairs
from tasks.overlap.nearest import nearest
from tasks.overlap.patterns import Patterns
from tasks.registration.agreement import agreement, overlay, textured
from tasks.registration.align import register_coarsely, register_finely
from tasks.registration.sharpness import equally_sharp
from tasks.registration.warp import IDENTITY, quartered
from tasks.threads import blas_threads
from tests.build import ROOT, scene

PAIRS, AT_ONCE, REPEATED = 400, 16, 3
GLYPHS, PHOTOGRAPHS = 3000, 1000


def patterns() -> Bits:
    """Return packed bit patterns, a fifth of the bits set."""
    return np.packbits(np.random.default_rng(0).random((GLYPHS, 784)) < 0.2, axis=1)


def cases() -> dict[str, tuple[Callable[[], object], int]]:
    """Return calls of functions, and of how many pairs each is."""
    scenes = [scene(360, 360, seed).convert("L") for seed in range(20)]
    gray = [
        np.stack([np.asarray(each.crop((left, 20, left + 320, 340)).resize((64, 64))) for each in scenes])[
            np.arange(PAIRS) % len(scenes)
        ]
        for left in (20, 28)
    ]
    small, (first, second) = [quartered(side) for side in gray], [side.astype(np.float32) for side in gray]
    maps = np.tile(IDENTITY, (PAIRS, 1, 1))
    glyphs, rows = Patterns.of(patterns(), 784), np.arange(PHOTOGRAPHS)

    def batched(function: Callable[..., Any], *arrays: Any) -> Callable[[], object]:
        parts = [slice(start, start + AT_ONCE) for start in range(0, PAIRS, AT_ONCE)]
        return lambda: [function(*(array[part] for array in arrays)) for part in parts]

    return {
        "register coarsely": (lambda: register_coarsely(*small), PAIRS),
        "register finely": (batched(register_finely, first, second, maps), PAIRS),
        "make equally sharp": (batched(equally_sharp, first, second), PAIRS),
        "agreement": (batched(lambda *given: agreement(overlay(*given)), first, second, maps), PAIRS),
        "texture": (batched(textured, first), PAIRS),
        "all pairs of glyphs": (lambda: list(complete_pairs(glyphs, glyphs[:], 90)), GLYPHS**2),
        "nearest patterns": (
            lambda: nearest([glyphs[:PHOTOGRAPHS]], glyphs, 10, 0.5, (rows, np.arange(GLYPHS))),
            PHOTOGRAPHS * GLYPHS,
        ),
    }


def nanoseconds(call: Callable[[], object], pairs: int) -> float:
    """Return the least time of a pair, of some repetitions."""
    found = []
    for _ in range(REPEATED):
        begin = time.process_time()
        call()
        found.append(time.process_time() - begin)
    return min(found) / pairs * 1e9


def by_faiss(python: str | None) -> dict[str, float]:
    """Return the nanoseconds of faiss for a pair of patterns, if an interpreter has it."""
    if not python:
        return {}
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, patterns())
        program = ROOT / "tests" / "benchmarks" / "by_faiss.py"
        found: dict[str, float] = json.loads(subprocess.check_output([python, program, file.name], text=True))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="interpreter that has faiss")
    faiss = by_faiss(parser.parse_args(arguments).peers)
    compiled = kernel.functions
    if compiled is None:
        raise SystemExit("The kernel is not compiled: install a C compiler, and cleansplit again.")
    print(f"{'nanoseconds of a core for a pair':<34} {'numpy':>10} {'kernel':>10} {'ratio':>7} {'faiss':>7}")
    with blas_threads(1):
        for name, (call, pairs) in cases().items():
            kernel.functions = None
            by_numpy = nanoseconds(call, pairs)
            kernel.functions = compiled
            by_kernel = nanoseconds(call, pairs)
            other = f"{faiss[name]:>7.1f}" if name in faiss else ""
            print(f"{name:<34} {by_numpy:>10,.1f} {by_kernel:>10,.1f} {by_numpy / by_kernel:>7.1f} {other}", flush=True)


if __name__ == "__main__":
    main()
