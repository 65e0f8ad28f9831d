"""Two runs at once in one workspace."""

import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from tests.faults import plain
from tests.faults.oracle import Golden, Tally, compare, judge, leftovers, torn


def two_at_once(golden: Golden, scratch: Path, count: int = 20) -> Tally:
    """Start two runs a moment apart; both must end well, with one result."""
    tally, rng = Tally("two runs at once"), np.random.default_rng(0)
    for number in range(count):
        workspace = plain.fresh(scratch / "w")
        children = []
        for _ in range(2):
            children.append(plain.start(partial(golden.run, workspace), scratch))
            time.sleep(rng.uniform(0, 0.2))
        ended = [plain.finish(child, scratch) for child in children]
        problems = Counter(unexplained=sum(end.code != 0 for end in ended), torn=torn(workspace))
        problems["torn"] += len(leftovers(workspace))
        tally.count(f"pair {number}", +(problems + compare(golden, workspace)))
    return tally


def holder_killed(golden: Golden, scratch: Path, count: int = 20) -> Tally:
    """Kill the first of two runs, which holds a lock that the second may be waiting for."""
    tally, rng = Tally("one of two runs killed"), np.random.default_rng(1)
    for number in range(count):
        workspace = plain.fresh(scratch / "w")
        first = plain.start(partial(golden.run, workspace), scratch)
        time.sleep(rng.uniform(0, 0.3))
        second = plain.start(partial(golden.run, workspace), scratch)
        time.sleep(rng.uniform(0, 0.1))
        os.killpg(first, signal.SIGKILL)
        plain.finish(first, scratch)
        tally.count(f"pair {number}", judge(golden, workspace, plain.finish(second, scratch), [0], scratch))
    return tally
