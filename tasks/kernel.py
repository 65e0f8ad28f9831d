"""The functions of kernel.c, which is compiled at installation if there is a compiler.

Each function has a slower reference in numpy, which is used without the library. Their last bits differ, so the keys of
stages include the engine.
"""

import ctypes
import platform
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

import numpy as np

VERSION = 11  # of the functions and their results; libraries of other versions are ignored
SMALL, SIDE = 16, 64  # of the images to align: pixels of the first, small copies, and of all others
NUMPY = "numpy"


KINDS = np.float32, np.uint8, np.float64, np.int64, np.uint64, np.uint32, np.int32
ARRAYS: list[Any] = [np.ctypeslib.ndpointer(kind, flags="C_CONTIGUOUS") for kind in KINDS]
(FLOATS, BYTES, DOUBLES, LONGS, WORDS, HASHES, SHORTS), NUMBER = ARRAYS, ctypes.c_int64
ARGUMENTS = {
    "quarter": (BYTES, NUMBER, FLOATS),
    "register_coarsely": (FLOATS, FLOATS, NUMBER, SHORTS, FLOATS, NUMBER, NUMBER, FLOATS),
    "register_finely": (FLOATS, FLOATS, NUMBER, FLOATS),
    "overlay": (FLOATS, FLOATS, FLOATS, NUMBER, NUMBER, FLOATS, NUMBER, FLOATS, FLOATS, BYTES),
    "agreement": (FLOATS, FLOATS, BYTES, NUMBER, NUMBER, FLOATS),
    "textured": (FLOATS, NUMBER, FLOATS, NUMBER, FLOATS, NUMBER, FLOATS),
    "sharpness": (FLOATS, NUMBER, FLOATS, NUMBER, SHORTS, FLOATS),
    "soften": (FLOATS, FLOATS, NUMBER, FLOATS, NUMBER, SHORTS, NUMBER, FLOATS),
    "seen": (FLOATS, NUMBER, FLOATS, FLOATS, NUMBER, BYTES),
    "close_pairs": (*(WORDS, LONGS, BYTES, NUMBER) * 2, NUMBER, *[LONGS] * 4),
    "nearest": (*(WORDS, LONGS, BYTES, LONGS, NUMBER, NUMBER) * 2, NUMBER, LONGS, DOUBLES),
    "signatures": (BYTES, NUMBER, NUMBER, SHORTS, HASHES, NUMBER, NUMBER, HASHES),
    "meet": (*(WORDS, NUMBER, WORDS) * 2, NUMBER, LONGS, NUMBER, NUMBER, LONGS, DOUBLES, DOUBLES, WORDS),
}


def load(file: PurePath) -> SimpleNamespace | None:
    """Return the fastest functions of a library for this processor, or None if it cannot be loaded."""
    try:
        library = ctypes.CDLL(str(file))
    except OSError:
        return None
    if library.kernel_version() != VERSION:
        return None
    kind = "_avx2" if hasattr(library, "has_avx2") and library.has_avx2() else ""
    found = {name: getattr(library, name + kind) for name in ARGUMENTS}
    for name, function in found.items():
        function.argtypes, function.restype = ARGUMENTS[name], NUMBER
    return SimpleNamespace(**found)


functions = load(PurePath(__file__).with_name("libkernel.so"))  # None without the library


def engine() -> str:
    """Return the engine of image comparison in this process: the version of the kernel, or numpy."""
    return f"kernel {VERSION}" if functions else NUMPY


def computed_by() -> tuple[str, str]:
    """Return the engine of image comparison in this process, and the name of the machine."""
    return engine(), platform.node()
