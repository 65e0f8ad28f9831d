"""Say from which similarity two images are twins, and whether that can be told from what happens without a leak."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.threshold import (
    HIGHEST,
    LOWEST,
    Best,
    is_common,
    least_percent,
    own_percent,
    predicted_precision,
    stands_out,
)
from tasks.records.verdict import Band, Predicted, Verdict, Why, WhyNot
from tasks.views import View
from tasks.vocabulary.arrays import Floats, Mask

EDGES = (LOWEST, 88, 90, 93, 95, 97, 98, 99, 100)  # percents between which rows are counted
MATCHED = ("class_name", "twin_class_name", "exact", "jaccard", "crowd")  # columns of twins that a verdict needs
ENOUGH = 30  # near-duplicates of glyphs below which nothing is said against them


@dataclass(frozen=True)
class Matches:
    """The best match of each searched row without an identical image, and whether its class is another."""

    best: Best
    other_class: Mask

    @property
    def similarity(self) -> Floats:
        """Similarity of each, float64 (n,)."""
        return self.best.similarity

    @classmethod
    def of(cls, tables_of_splits: Sequence[Sequence[pa.Table]]) -> "Matches":
        """Return the matches of some splits, each with its tables of twins in all splits that it may lose rows to."""
        columns = zip(*(_best(tables) for tables in tables_of_splits), strict=True)
        similarity, crowd, other_class = (np.concatenate(column) for column in columns)
        return cls(Best(similarity, crowd), other_class)


def judge(
    matches: Matches, baseline: pa.Table, view: View, floor: int, asked: int | None, short_side: int | None
) -> Verdict:
    """Return the verdict on a set of images.

    Parameters
    ----------
    matches : Matches
    baseline : Table
        See `tasks.overlap.baseline`.
    view : View
    floor : int
        Percent from which images are reported.
    asked : int or None
        Threshold that the user asks for.
    short_side : int or None
        Of photographs, in pixels.
    """
    of = {kind: _of_kind(baseline, kind) for kind in ("train", "random", "thinned")}
    rows = matches.best if view.on_pixels else of["thinned"]
    pool = Best(*map(np.append, rows, of["train"])) if view.on_pixels else rows
    percents = range(min(floor, LOWEST if view.on_pixels else HIGHEST), HIGHEST + 1)
    precision = predicted_precision(rows, pool, percents)
    own, least = own_percent(precision), least_percent(short_side) if view.on_pixels and short_side else None
    nothing_alike = view.on_pixels and not (matches.similarity >= LOWEST / 100).any()
    usual = least or LOWEST if nothing_alike else _usual(view, own, least)
    why_not = _why_not(usual, rows.similarity, of["random"].similarity, view)
    threshold = asked if asked is not None else None if why_not else usual
    similar, below = view.similar_percent / 100, 1.01 if threshold is None else threshold / 100
    unconfirmed = (matches.similarity >= similar) & (matches.similarity < below)
    return Verdict(
        threshold=_share(threshold),
        reason="asked" if asked is not None else why_not or _why(view, own, least),
        why_not=why_not,
        least=_share(least),
        own=_share(own) if view.on_pixels else None,
        short_side=short_side,
        rows=len(rows.similarity),
        baseline_rows=len(of["train"].similarity),
        random_pairs=len(of["random"].similarity),
        unconfirmed=int(unconfirmed.sum()),
        bands=_bands(matches, of, precision, percents[0]),
        curve=tuple(Predicted(p / 100, int((matches.similarity >= p / 100).sum()), precision[p]) for p in percents),
    )


def _usual(view: View, own: int | None, least: int | None) -> int | None:
    """Return the threshold in percent where the user asks for none; None where no similarity is enough."""
    if view.threshold is not None:
        return round(100 * view.threshold)
    return None if own is None else max(own, least or LOWEST)


def _why_not(usual: int | None, rows: Floats, random: Floats, view: View) -> WhyNot | None:
    """Say why matches from the usual threshold on may happen without a leak; None where they do not."""
    if usual is None:
        return "alike"
    if is_common(int((random >= usual / 100).sum()), len(random)):
        return "chance"
    few = int((rows >= usual / 100).sum()) < ENOUGH
    return None if view.on_pixels or few or stands_out(rows, range(usual, HIGHEST + 1)) else "alike"


def _why(view: View, own: int | None, least: int | None) -> Why:
    if not view.on_pixels:
        return "view"
    return "own" if own is not None and own >= (least or 0) else "size"


def _best(tables: Sequence[pa.Table]) -> tuple[Floats, Floats, Mask]:
    exact = np.any([table["exact"].to_numpy() for table in tables], axis=0)
    similarity = np.stack([table["jaccard"].fill_null(0.0).to_numpy() for table in tables])
    others = [pc.not_equal(table["class_name"], table["twin_class_name"]) for table in tables]
    differs = np.stack([pc.fill_null(other, False).to_numpy() for other in others])
    best = similarity.argmax(axis=0)
    at = np.arange(similarity.shape[1])
    crowd = np.max([table["crowd"].to_numpy() for table in tables], axis=0)
    return similarity[best, at][~exact], crowd[~exact], differs[best, at][~exact]


def _bands(matches: Matches, of: dict[str, Best], precision: dict[int, float | None], first: int) -> tuple[Band, ...]:
    edges = [first, *(edge for edge in EDGES if edge > first)]
    bands = []
    for low, high in pairwise(edges):
        inside = _between(matches.similarity, low, high)
        shares = [_mean(inside), *(_mean(_between(of[kind].similarity, low, high)) for kind in ("train", "random"))]
        rows, other_class = int(inside.sum()), int(matches.other_class[inside].sum())
        bands.append(Band(low / 100, high / 100, rows, other_class, precision[low], *shares))
    return tuple(bands)


def _between(similarity: Floats, low: int, high: int) -> Mask:
    """Return which similarities lie in a band; the last one holds those of 1, too."""
    return (similarity >= low / 100) & ((similarity < high / 100) | (high == EDGES[-1]))


def _of_kind(baseline: pa.Table, kind: str) -> Best:
    rows = baseline.filter(pc.equal(baseline["kind"], kind))
    return Best(rows["similarity"].to_numpy(), rows["crowd"].to_numpy())


def _mean(rows: Mask) -> float | None:
    return float(rows.mean()) if len(rows) else None


def _share(percent: int | None) -> float | None:
    return None if percent is None else percent / 100
