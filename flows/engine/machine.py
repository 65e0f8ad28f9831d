"""What a machine has, or a container or a limit of it leaves, and how many tasks that suffices for."""

import os
import resource
from pathlib import Path

from tasks.records.spec import WorkSpec

GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of version 2 and 1
PER_TASK, MEMORY_SHARE = 1.0, 0.75  # GB that the largest tasks take; see tests/benchmarks/cluster.py


def memory_of_machine() -> float:
    """Return the memory that this process may use, in gigabytes."""
    bytes_there = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        bytes_there.append(limit)
    for name in GROUPS:
        text = Path(name).read_text().strip() if Path(name).exists() else ""
        if text.isdigit():  # "max" is none
            bytes_there.append(int(text))
    return min(bytes_there) / 1e9


def at_once(spec: WorkSpec, per_task: float = PER_TASK) -> int:
    """Return how many tasks run at the same time: what was asked for, or one per core if memory has room for them.

    `per_task` are the gigabytes that each takes.
    """
    if spec.workers and not spec.memory:
        return spec.workers
    room = int((spec.memory or MEMORY_SHARE * memory_of_machine()) / per_task)
    return max(1, min(spec.workers or os.cpu_count() or 1, room))
