"""The links inside one split as people see them: those judged different are none, those judged the same link.

Only what hangs together with a decided pair is searched again: no pair at or above the floor leads out of it.
"""

import numpy as np

from tasks.joined import groups_of
from tasks.overlap.exact import among
from tasks.overlap.tables import Rows
from tasks.overlap.within.distinct import Distinct
from tasks.overlap.within.forest import Forest, maximum_forest
from tasks.overlap.within.search import search_within, self_join
from tasks.storage.decisions import Decisions
from tasks.views import View
from tasks.vocabulary.arrays import Bits, RowNumbers

JUDGED = 1.01  # similarity that stands for a pair that a person judged to be the same: above every threshold


def settled_links(
    rows: Rows, distinct: Distinct, forest: Forest, view: View, floor: int, decisions: Decisions
) -> tuple[Distinct, Forest]:
    """Return the images of a set and their forest as they were decided; see `tasks.overlap.within.search`."""
    count, alike, digests = len(distinct), distinct.of_row, rows.digests
    touched = among(digests, [digest for pair, same in decisions.by_pair.items() if not same for digest in pair])
    links = forest.reaching(floor)
    hangs = groups_of(count, [(links.first, links.second)])
    again = np.isin(hangs[alike], np.unique(hangs[alike[touched]]))
    part = np.flatnonzero(again)
    if len(part):
        join = self_join(rows.take(part), view, floor, None, 0, decisions)
        numbers = alike.copy()
        numbers[part] = count + join.distinct.of_row
        found_again = np.unique(alike[part])
        kept = ~(np.isin(forest.first, found_again) | np.isin(forest.second, found_again))
        new = search_within(join).forest
        first = np.append(forest.first[kept], count + new.first)
        second = np.append(forest.second[kept], count + new.second)
        used, alike = np.unique(numbers, return_inverse=True)
        similarity = np.append(forest.similarity[kept], new.similarity)
        forest = Forest(np.searchsorted(used, first), np.searchsorted(used, second), similarity)
    return Distinct.of(alike), _with_judged(digests, alike, forest, decisions)


def _with_judged(digests: Bits, alike: RowNumbers, forest: Forest, decisions: Decisions) -> Forest:
    same = decisions.same_pairs()
    there = np.flatnonzero(among(digests, [digest for pair in same for digest in pair])).tolist()
    first = {digests[row].tobytes(): row for row in there}
    pairs = [(alike[first[a]], alike[first[b]]) for a, b in same if a in first and b in first]
    if not pairs:
        return forest
    one, two = np.array(pairs, np.int64).T
    judged = Forest(one, two, np.full(len(one), JUDGED))
    return maximum_forest(int(alike.max()) + 1, [forest, judged])
