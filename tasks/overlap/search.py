"""Search the twins of two splits: compare all pairs where that is affordable, and say what MinHash alone finds."""

from dataclasses import dataclass, replace
from typing import Literal

from tasks.overlap.complete import choose_bounds
from tasks.overlap.find import Search, Side, Twins, find_twins
from tasks.overlap.patterns import Patterns
from tasks.overlap.recall import RecallCounts, compare, contradicts, measure_on_sample

ALWAYS_UP_TO = 10**9  # pairs: at most half a minute
AFFORDABLE = 6e11  # nanoseconds: ten minutes of one core
AFFORDABLE_IN_NEED = 100 * AFFORDABLE  # where MinHash is known to miss what it should find


@dataclass(frozen=True)
class Searched:
    """Twins in both directions, and how they were found.

    Attributes
    ----------
    of_first, of_second : Twins
    method : {"all pairs", "minhash"}
    recall : RecallCounts or None
        Of MinHash alone: on all rows of both sides where all pairs were compared, otherwise on a sample of the second.
    stated : float
        Recall at the floor that independent hash positions would have; 1 where MinHash was not asked.
    contradicted : bool
        Whether the recall that was measured on a sample is lower than what is stated, beyond chance.
    """

    of_first: Twins
    of_second: Twins
    method: Literal["all pairs", "minhash"]
    recall: RecallCounts | None
    stated: float
    contradicted: bool = False


def search_twins(first: Side, second: Side, search: Search) -> Searched:
    """Find the twins of two splits in each other.

    Parameters
    ----------
    first, second : Side
    search : Search
        Without bands all pairs are compared, whatever the cost.
    """
    stated = search.bands.recall_at(search.percent / 100) if search.bands else 1.0
    everything = replace(search, bands=None)
    cost = cost_of(first, second, search) if search.bands else 0.0
    if search.bands is None or cost <= AFFORDABLE:
        truth = find_twins(first, second, everything)
        recall = None
        if search.bands:  # beside it, for what it alone would have missed
            found = find_twins(first, second, search)
            recall = compare(truth[0], found[0]) + compare(truth[1], found[1])
        return Searched(*truth, "all pairs", recall, stated)
    found = find_twins(first, second, search)
    recall = measure_on_sample(second, first, found[1], search)
    contradicted = contradicts(recall, search.percent, stated)
    if contradicted and cost <= AFFORDABLE_IN_NEED:
        return Searched(*find_twins(first, second, everything), "all pairs", recall, stated, contradicted)
    return Searched(*found, "minhash", recall, stated, contradicted)


def cost_of(first: Side, second: Side, search: Search) -> float:
    """Return the nanoseconds of one core that comparing all pairs is expected to take; 0 where that is never much."""
    if len(first) * len(second) <= ALWAYS_UP_TO:
        return 0.0
    one, two = (Patterns.of(side.bits, search.length) for side in (first, second))
    return choose_bounds(one, two, search.percent).cost
