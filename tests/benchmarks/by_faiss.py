"""Nanoseconds of faiss for a pair of bit patterns: ``PYTHON by_faiss.py PATTERNS.npy``, by an interpreter that has it.

The file has packed bits, uint8 (n, bytes). Printed is JSON: all pairs that differ in at most 40 bits, and the ten
nearest of each pattern, by `IndexBinaryFlat` in one thread. This file needs nothing of cleansplit.
"""

import json
import sys
import time
from collections.abc import Callable

import faiss
import numpy as np

DIFFER, NEAREST, REPEATED = 40, 10, 3


def seconds(call: Callable[[], object]) -> float:
    """Return the least processor time of some repetitions."""
    found = []
    for _ in range(REPEATED):
        begin = time.process_time()
        call()
        found.append(time.process_time() - begin)
    return min(found)


bits = np.load(sys.argv[1])
faiss.omp_set_num_threads(1)
index = faiss.IndexBinaryFlat(8 * bits.shape[1])
index.add(bits)
searches = {
    "all pairs of glyphs": lambda: index.range_search(bits, DIFFER),
    "nearest patterns": lambda: index.search(bits, NEAREST),
}
print(json.dumps({name: seconds(search) / len(bits) ** 2 * 1e9 for name, search in searches.items()}))
