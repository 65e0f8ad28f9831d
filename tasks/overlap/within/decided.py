"""The links inside one split as people see them: those judged different are none, those judged the same link.

Only what hangs together with a decided pair is searched again: no pair at or above the floor leads out of it.
"""

import numpy as np

from tasks.joined import groups_of
from tasks.overlap.exact import among
from tasks.overlap.tables import SplitFingerprints
from tasks.overlap.within.forest import Forest, maximum_forest
from tasks.overlap.within.search import search_within
from tasks.storage.decisions import Decisions
from tasks.views import View
from tasks.vocabulary.arrays import RowNumbers

JUDGED = 1.01  # similarity that stands for a pair that a person judged to be the same: above every threshold


def settled_links(
    rows: SplitFingerprints,
    alike: RowNumbers,
    forest: Forest,
    view: View,
    floor: int,
    decisions: Decisions,
) -> tuple[RowNumbers, Forest]:
    """Return the numbers of equal rows and the forest of `tasks.overlap.within.search.Links` as they were decided."""
    examples = np.unique(alike, return_index=True)[1]
    touched = among(
        rows.side.digests, [digest for pair, same in decisions.by_pair.items() if not same for digest in pair]
    )
    links = forest.reaching(floor)
    hangs = groups_of(len(examples), [(links.first, links.second)])
    again = np.isin(hangs[alike], np.unique(hangs[alike[touched]]))
    part = np.flatnonzero(again)
    if len(part):
        found = search_within(rows.take(part), view, floor, None, 0, decisions)
        numbers = alike.copy()
        numbers[part] = len(examples) + found.alike
        found_again = np.unique(alike[part])
        kept = ~(np.isin(forest.first, found_again) | np.isin(forest.second, found_again))
        new = found.forest
        first = np.append(forest.first[kept], len(examples) + new.first)
        second = np.append(forest.second[kept], len(examples) + new.second)
        used, alike = np.unique(numbers, return_inverse=True)
        similarity = np.append(forest.similarity[kept], new.similarity)
        forest = Forest(np.searchsorted(used, first), np.searchsorted(used, second), similarity)
    return alike, _with_judged(rows, alike, forest, decisions)


def _with_judged(rows: SplitFingerprints, alike: RowNumbers, forest: Forest, decisions: Decisions) -> Forest:
    same = decisions.same_pairs()
    there = np.flatnonzero(among(rows.side.digests, [digest for pair in same for digest in pair])).tolist()
    first = {rows.side.digests[row].tobytes(): row for row in there}
    pairs = [(alike[first[a]], alike[first[b]]) for a, b in same if a in first and b in first]
    if not pairs:
        return forest
    one, two = np.array(pairs, np.int64).T
    judged = Forest(one, two, np.full(len(one), JUDGED))
    return maximum_forest(int(alike.max()) + 1, [forest, judged])
