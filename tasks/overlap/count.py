"""Count the twins that a join found, at the threshold of the verdict."""

from collections.abc import Sequence

from tasks.overlap.mirrored import MIRRORED, count_mirrored
from tasks.overlap.recall import RecallCounts, interval
from tasks.records import Direction, Joined, MeasuredRecall, Overlap
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import SplitName, Variant


def count_overlap(join: Joined, percent: int, floor: int, also: Sequence[Variant], workspace: Place) -> Overlap:
    """Return what two splits share.

    Parameters
    ----------
    join : Joined
    percent, floor : int
        Similarity in whole percent from which rows are twins, and from which they are counted at all.
    also : sequence of str
        Forms that were searched for as well.
    workspace : Place
    """
    first, second = join.first, join.second
    mirrored = workspace / join.folder / MIRRORED
    return Overlap(
        first=first,
        second=second,
        folder=join.folder,
        sha256=join.sha256,
        percent=percent,
        directions=tuple(
            _direction(workspace / join.table(of), of, found_in, percent, floor, join.facts[of])
            for of, found_in in ((first, second), (second, first))
        ),
        method=join.facts["method"],
        bands=join.bands,
        recall_at_floor=join.facts["stated"],
        recall=_recall(join, percent, floor),
        contradicted=join.facts["contradicted"],
        variants=(count_mirrored(mirrored, second, first, percent),) if also else (),
    )


def _direction(
    table: Place, rows_of: SplitName, found_in: SplitName, threshold: int, floor: int, fixed: dict[str, int]
) -> Direction:
    """Count a table of twins at a threshold and at every whole percent from the floor to 100."""
    columns = ("exact", "percent", "other_exact", "other_percent")
    twins = tables.read(table, list(columns))
    exact, percent, other_exact, other_percent = (twins[name].to_numpy() for name in columns)
    near, other_near = percent >= threshold, other_percent >= threshold
    return Direction(
        rows_of=rows_of,
        found_in=found_in,
        rows=len(twins),
        exact=int(exact.sum()),
        near=int((near & ~exact).sum()),
        either=int((near | exact).sum()),
        cross_class=int((other_near | other_exact).sum()),
        conflicts_exact=int(other_exact.sum()),
        conflicts_near=int((other_near & ~other_exact).sum()),
        by_percent={p: int(((percent >= p) | exact).sum()) for p in range(floor, 101)},
        **fixed,
    )


def _recall(join: Joined, threshold: int, floor: int) -> MeasuredRecall | None:
    """Return the recall of MinHash at the floor and at the threshold, which no join depends on."""
    facts = join.facts["recall"]
    if facts is None:
        return None
    counts = RecallCounts.from_json(facts)
    at_floor, at_threshold = (counts.at(join.facts["recall_from"] or percent) for percent in (floor, threshold))
    low, high = interval(*at_floor) if join.facts["method"] == "minhash" else (None, None)
    return MeasuredRecall(counts.rows, *at_floor, *at_threshold, low, high)
