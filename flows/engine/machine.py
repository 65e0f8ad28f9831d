"""What a machine has, or a container or a limit of it leaves."""

import os
import resource
from pathlib import Path

GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of version 2 and 1


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
