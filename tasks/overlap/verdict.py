"""Decide the lowest similarity of duplicates, and which rows are undecided.

Near-identical photographs are duplicates in any set. For other photographs every set has its own thresholds, one for
isolated images and one for images in a crowd of look-alikes; a kind without a threshold is undecided, but does not
affect the other kind.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Floats, Mask
from tasks.overlap.components import Matches
from tasks.overlap.images import SEVERAL
from tasks.overlap.threshold import (
    CROWDED,
    FEW,
    FEW_SHARE,
    FIRST,
    LAST,
    LIKELY,
    believable,
    is_common,
    look_alikes,
    lowest,
    near_identity,
)
from tasks.records.verdict import PRECISION, Band, Crowd, KindVerdict, Predicted, Verdict, Why, WhyNot
from tasks.registration.views import LOWEST, View

EDGES = (FIRST, 88, 90, 93, 95, 97, 98, 99, 100)  # bands of percents to count rows in
NEVER = np.inf
SIMILAR = 0.95  # lowest similarity of an undecided match


def judge(
    matches: Matches, baseline: pa.Table, view: View, floor: int, asked: float | None, short_side: int | None, size: int
) -> Verdict:
    """Return the verdict on a set of images.

    `matches` are from all joins of evaluated splits. `baseline` has the schema of `tasks.overlap.baseline`, `floor` is
    in percent, `asked` is the threshold of the user, `short_side` is in pixels, for photographs, and `size` is the
    number of images of the larger split.
    """
    train, random, drawn = (baseline.filter(pc.equal(baseline["kind"], kind)) for kind in ("train", "random", "drawn"))
    pairs, best, every = (part["similarity"].to_numpy() for part in (random, train, drawn))
    left = matches[~matches["identical"]]
    if view.on_pixels:
        near = near_identity(every, best, size, short_side)
        near = NEVER if is_common(int((pairs >= near).sum()), len(pairs)) else near
        kinds, precision = _judge_kinds(left, train, pairs, near, range(floor, LAST + 1))
    else:
        kinds, precision = (), dict.fromkeys(range(floor, LAST + 2))
    own, certain = (
        min((value for kind in kinds if (value := getattr(kind, name))), default=None)
        for name in ("threshold", "near_identical")
    )
    threshold, why = _threshold(own, certain, pairs, view)
    verdict = Verdict(
        threshold=asked or threshold,
        reason="asked" if asked else why,
        why_not=None,
        near_identical=certain,
        kinds=kinds,
        least=LOWEST if view.on_pixels else None,
        own=own,
        short_side=short_side,
        rows=len(left),
        baseline_rows=len(train),
        random_pairs=len(pairs),
        unconfirmed=0,
        expected=None if view.on_pixels else _expected(left, train, asked or view.threshold or 1),
        bands=_bands(left, best, pairs, precision),
        curve=tuple(
            Predicted(p / 100, int(left["rows"][left["best"] >= p / 100].sum()), value)
            for p, value in precision.items()
        ),
    )
    line, unsure = lines_of(matches, verdict, view)
    similar, either = np.minimum(line, unsure), np.maximum(matches["best"], matches["faint"])
    best = either if asked else matches["best"]
    undecided = (best < line) & (either >= similar) & ~matches["identical"]
    unclear: WhyNot | None = "alike" if (undecided & (best >= similar)).any() else "faint" if undecided.any() else None
    why_not = "chance" if why == "chance" else unclear
    return replace(verdict, unconfirmed=int(matches["rows"][undecided].sum()), why_not=why_not)


def lines_of(matches: Matches, verdict: Verdict, view: View) -> tuple[Floats, Floats]:
    """Return two lowest similarities of each image: of duplicates, and of undecided matches."""
    line, unsure = np.full(len(matches), NEVER), np.full(len(matches), NEVER)
    if verdict.reason == "asked" or not view.on_pixels:
        line[:] = NEVER if verdict.threshold is None else verdict.threshold
        return line, np.where(line == NEVER, SIMILAR, NEVER)
    for kind in verdict.kinds:
        own = _is_of(kind.kind, matches["beyond"])
        line[own], unsure[own] = (NEVER if at is None else at for at in (kind.threshold, kind.undecided))
        if kind.near_identical is not None:
            free = own & ~matches["chained"]
            line[free] = np.minimum(line[free], kind.near_identical)
    return line, unsure


def _judge_kinds(
    left: Matches, train: pa.Table, random: Floats, line: float, percents: range
) -> tuple[tuple[KindVerdict, ...], dict[int, float | None]]:
    """Return the verdict on each kind of image, and the predicted precision of all matches from each percent on."""
    best, beyond = train["similarity"].to_numpy(), train["beyond"].to_numpy()
    differ = not is_common(int((random >= CROWDED).sum()), len(random))  # so a crowd may be versions of one picture
    kinds, wrong, known = list[KindVerdict](), dict.fromkeys(percents, 0.0), dict.fromkeys(percents, False)
    crowd = np.append(left["beyond"], beyond) >= CROWDED
    rare = min(crowd.sum(), (~crowd).sum()) < max(FEW, FEW_SHARE * len(crowd))
    apart: tuple[Crowd, ...] = ("all",) if rare else ("alone", "crowd")  # a rare kind is judged with the other
    for kind in apart:
        own = _is_of(kind, left["beyond"])
        every, of_train = left["best"][own], best[_is_of(kind, beyond)]
        certain = None if line == NEVER else believable(line, every, np.append(every, of_train))
        # Near-identical matches are excluded from the rates of the others.
        rows = every[(every < (certain or NEVER)) | left["chained"][own]]
        pool = np.append(rows, of_train[of_train < (certain or NEVER)])
        threshold = _unless_common(lowest(rows, rows, pool, PRECISION), random)
        below = rows if threshold is None else rows[rows < threshold]
        unsure = _unless_common(lowest(below, rows, pool, LIKELY), random)
        if (threshold or NEVER) > SIMILAR:
            crowded = np.median(np.append(left["beyond"][own], 0.0)) >= CROWDED
            unsure = min(unsure or NEVER, LOWEST if crowded and differ else SIMILAR)
        kinds.append(KindVerdict(kind, int(left["rows"][own].sum()), threshold, unsure, certain))
        for p, (most, told) in _most_wrong(every, rows, pool, percents).items():
            wrong[p], known[p] = wrong[p] + most, known[p] or told
    precision: dict[int, float | None] = {}
    last: float | None = None
    for p in percents:  # precision must not decrease: a match is at least as certain as a less similar one
        count = int((left["best"] >= p / 100).sum())
        if known[p]:  # the matches of a kind without a prediction count as wrong
            last = max(last or 0.0, 1 - wrong[p] / count)
        precision[p] = last
    return tuple(kinds), precision


def _most_wrong(every: Floats, rows: Floats, pool: Floats, percents: range) -> dict[int, tuple[float, bool]]:
    """Return how many of all matches from each percent on are look-alikes at most, and whether that is a prediction.

    From one percent to the next, all may be look-alikes, but from there on no more than at the next percent.
    """
    found: dict[int, tuple[float, bool]] = {}
    above = most = 0.0
    for percent in reversed(percents):
        count, bound = float((every >= percent / 100).sum()), look_alikes(rows, pool, percent)
        most, above = most + count - above, count
        most = most if bound is None else min(most, bound)
        found[percent] = most, bound is not None and count > 0
    return found


def _unless_common(percent: int | None, random: Floats) -> float | None:
    """Return a percent as a similarity, unless more than 1 % of random pairs reach it."""
    similarity = (percent or 0) / 100
    return None if not percent or is_common(int((random >= similarity).sum()), len(random)) else similarity


def _is_of(kind: Crowd, beyond: Floats) -> Mask:
    return (kind == "all") | ((beyond >= CROWDED) == (kind == "crowd"))


def _threshold(own: float | None, certain: float | None, random: Floats, view: View) -> tuple[float | None, Why]:
    """Return the lowest threshold, unless the user sets one, and its reason."""
    if view.threshold is not None:
        common = is_common(int((random >= view.threshold).sum()), len(random))
        return (None, "chance") if common else (view.threshold, "view")
    if own:
        return min(own, certain or NEVER), "own"
    return (certain, "near_identical") if certain else (None, "alike")


def _expected(left: Matches, train: pa.Table, threshold: float) -> float | None:
    """Return the share of rows with a near-duplicate without a leak, from rows of train of the same classes."""
    labels, near = train["label"].to_numpy(), train["similarity"].to_numpy() >= threshold
    known = [label for label in np.unique(left["label"][left["label"] != SEVERAL]).tolist() if (labels == label).any()]
    weights = [int(left["rows"][left["label"] == label].sum()) for label in known]
    if not sum(weights):
        return None
    return float(np.average([near[labels == label].mean() for label in known], weights=weights))


def _bands(left: Matches, train: Floats, random: Floats, precision: dict[int, float | None]) -> tuple[Band, ...]:
    first = min(precision)
    edges = [first, *(edge for edge in EDGES if edge > first)]
    bands = []
    for low, high in pairwise(edges):
        inside = _between(left["best"], low, high)
        counts, other_class = left["rows"][inside], left["other_class"][inside]
        rows, of_other = int(counts.sum()), int(counts[other_class].sum())
        share = rows / int(left["rows"].sum()) if len(left) else None
        between = [_between(values, low, high) for values in (train, random)]
        shares = [float(one.mean()) if len(one) else None for one in between]
        bands.append(Band(low / 100, high / 100, rows, of_other, precision[low], share, *shares))
    return tuple(bands)


def _between(similarity: Floats, low: int, high: int) -> Mask:
    """Return which similarities are in a band; the last band includes 1."""
    return (similarity >= low / 100) & ((similarity < high / 100) | (high == EDGES[-1]))
