"""How glibc deals with the memory of this process; another C library is left to itself."""

import contextlib
import ctypes
import os  # noqa: TID251  # cores

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h
KEPT, LARGEST = 128 << 20, 32 << 20  # bytes


def keep_memory() -> None:
    """Keep the memory of one picture for the next: giving it back and taking it again costs a tenth."""
    _set({M_MMAP_THRESHOLD: LARGEST, M_TRIM_THRESHOLD: KEPT})


def share_memory() -> None:
    """Let threads take memory from as many arenas as there are cores.

    Of the usual eight times as many each keeps what it was given, with Prefect's threads a quarter of all.
    """
    _set({M_ARENA_MAX: os.cpu_count() or 1})


def _set(options: dict[int, int]) -> None:
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        for option, value in options.items():
            libc.mallopt(option, value)
