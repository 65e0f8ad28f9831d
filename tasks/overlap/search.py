"""How two sets are searched: all pairs are compared where that is affordable, and MinHash proposes where it is not."""

from typing import Literal

from tasks.overlap.complete import AFFORDABLE, choose_bounds
from tasks.overlap.find import Search
from tasks.overlap.tables import Rows

ALWAYS_UP_TO = 10**9  # pairs: at most half a minute
AFFORDABLE_IN_NEED = 100 * AFFORDABLE  # where MinHash is known to miss what it should find

Method = Literal["all pairs", "minhash"]


def method_of(first: Rows, second: Rows, search: Search) -> Method:
    """Return how two sets of glyphs are searched; without bands all pairs are compared, whatever the cost."""
    if search.bands is None or cost_of(first, second, search.percent) <= AFFORDABLE:
        return "all pairs"
    return "minhash"


def cost_of(first: Rows, second: Rows, percent: int) -> float:
    """Return the nanoseconds of one core that comparing all pairs is expected to take; 0 where that is never much."""
    pairs = len(first) * len(second)
    return 0.0 if pairs <= ALWAYS_UP_TO else pairs * choose_bounds(first.sample, second.sample, percent).cost
