"""The settings of glibc's allocator, as reported by glibc itself."""

import ctypes
import os
import subprocess
import sys

import pytest

THREADS = 8 + 2 * (os.cpu_count() or 1)
PROGRAM = f"""
import ctypes, threading
from tasks.threads import share_memory
if SHARED:
    share_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier({THREADS})
def take():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range({THREADS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_threads_take_memory_from_as_many_arenas_as_there_are_cores() -> None:
    arenas = {shared: _arenas(shared) for shared in (True, False)}
    assert arenas[True] <= (os.cpu_count() or 1) < arenas[False]


def test_arrow_takes_its_memory_from_the_system() -> None:
    named = "pyarrow.default_memory_pool().backend_name"
    program = f"import pyarrow; from tasks.threads import share_memory; share_memory(); print({named})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "system"


def _arenas(shared: bool) -> int:
    program = PROGRAM.replace("SHARED", str(shared))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.count("<heap nr=")
