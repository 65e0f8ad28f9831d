"""How glibc deals with the memory of a process; another C library is left to itself."""

import contextlib
import ctypes
import os  # noqa: TID251  # cores

M_ARENA_MAX = -8  # of malloc.h
KEPT = {  # environment of processes that keep the memory of one picture for the next, which saves them a tenth
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}


def share_memory() -> None:
    """Let threads take memory from one arena per core, for which glibc keeps up to eight, a quarter of all memory."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, os.cpu_count() or 1)
