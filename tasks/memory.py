"""Settings of glibc's memory allocator; other C libraries keep their defaults."""

import contextlib
import ctypes
import os  # noqa: TID251  # cores

M_ARENA_MAX = -8  # from malloc.h


def share_memory() -> None:
    """Limit glibc to one arena per core: by default it keeps up to eight, a quarter of all memory."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, os.cpu_count() or 1)
