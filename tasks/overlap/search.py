"""Find the similar pairs of a join, tile by tile: a slice of one split with a slice of the other.

All pairs of glyphs are found by bounds (`complete.py`), or by MinHash if they are too many (`candidates.py`).
Candidates of photographs are aligned (`pictures.py`). The results of tiles merge into the exact result of the join.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.arrays import Mask
from tasks.overlap.candidates import lsh_pairs
from tasks.overlap.complete import AFFORDABLE, complete_pairs
from tasks.overlap.embeddings import close_pairs
from tasks.overlap.images import Images, read_images
from tasks.overlap.join import Join
from tasks.overlap.minhash import SAMPLE_ROWS, RecallCounts, count_named, interval, sampled
from tasks.overlap.pairs import NO_PAIRS, Pairs, concatenated, gathered, in_order, read_pairs, that_matter
from tasks.overlap.patterns import similarity
from tasks.overlap.pictures import candidate_pairs, measured, with_more
from tasks.overlap.threshold import usual_near_identity
from tasks.records import Tile
from tasks.records.overlaps import CLOSE
from tasks.storage import Place, at, tables
from tasks.vocabulary import Method

AFFORDABLE_IN_NEED = 100 * AFFORDABLE  # if MinHash is known to miss pairs
PAIRS, MIRRORED = "pairs.parquet", "mirrored.parquet"


@dataclass(frozen=True)
class FoundPairs:
    """The result of a tile or a join: pairs, mirrored pairs, and the counts of MinHash, if it was used."""

    pairs: Pairs
    mirrored: Pairs = NO_PAIRS
    recall: RecallCounts | None = None

    def write(self, target: Place) -> dict[str, Any]:
        """Write the pairs into a folder; return the counts as JSON values."""
        for name, pairs in ((PAIRS, self.pairs), (MIRRORED, self.mirrored)):
            tables.write(pa.table(pairs._asdict()), target / name)
        return {"recall": self.recall and asdict(self.recall)}

    @classmethod
    def read(cls, folder: Place, facts: dict[str, Any]) -> "FoundPairs":
        """Read the result of `write`."""
        recall = facts["recall"] and RecallCounts(**facts["recall"])
        return cls(read_pairs(folder / PAIRS), read_pairs(folder / MIRRORED), recall)


def search_tile(join: Join, first: range, second: range) -> FoundPairs:
    """Search two slices for pairs, which have the image numbers of the splits."""
    one = read_images(join.first, join.workspace, first)
    two = one if join.within and first == second else read_images(join.second, join.workspace, second)
    if join.view.on_pixels:
        return _search_pictures(join, one, two)
    found = near_pairs(join, one, two, join.method)
    recall = None if join.within or join.bands is None else _recall(join, join.bands.seed, one, two, found)
    return FoundPairs(found, recall=recall)


def _search_pictures(join: Join, one: Images, two: Images) -> FoundPairs:
    sides = (two, one) if join.searched else (one, two)
    bands = join.bands if join.method == "minhash" else None
    sample = 0 if join.within else -(-SAMPLE_ROWS * len(one) * len(two) // join.pairs)  # for this tile
    pairs, recall = candidate_pairs(*sides, bands, join.within, sample)
    mirrored = NO_PAIRS
    if join.mirrored and not join.within:
        mirrored, _ = candidate_pairs(*sides, bands, within=False, mirrored=True)
    return FoundPairs(pairs.seen_from(join.searched), mirrored.seen_from(join.searched), recall)


def write_join(join: Join, tiles: Sequence[Tile], target: Place) -> dict[str, Any]:
    """Write the pairs of two splits, merged from their tiles, or searched here without tiles.

    Returns the method of the search, and the stated and the measured recall of MinHash.
    """
    method = join.method
    found = [FoundPairs.read(join.workspace / tile.folder, tile.result) for tile in tiles]
    found = found or [search_tile(join, *tile) for tile in join.tiles]
    recalls = [part.recall for part in found if part.recall]
    recall = reduce(add, recalls) if recalls else None
    stated, contradicted = _stated(join, method, recall)
    if contradicted and not join.view.on_pixels and join.cost <= AFFORDABLE_IN_NEED:
        method, exact = "all pairs", replace(join, bands=None)  # since the loss of MinHash is known
        found = [search_tile(exact, *tile) for tile in join.tiles]
    pairs = _kept(join, concatenated([part.pairs for part in found]))
    if join.view.on_pixels:  # further copies of images with many near-identical ones, independently of the threshold
        pairs = with_more(join, pairs, np.full(join.sides[join.searched].images, usual_near_identity(join.short_side)))
    mirrored = in_order(concatenated([part.mirrored for part in found]), within=False)
    facts = {"method": method, "stated": stated, "contradicted": contradicted, "recall": recall and asdict(recall)}
    if join.first.vectors and join.pairs:
        close, cosine = close_pairs(join)
        one, two = join.both[::-1] if join.searched else join.both
        new = measured(close.where(~close.are_in(pairs)).seen_from(join.searched), one, two, join.within)
        similar = new.where(np.abs(new.similarity) >= join.percent / 100).seen_from(join.searched)
        pairs = in_order(concatenated([pairs, similar]), join.within)
        tables.write(pa.table(close.where(close.similarity > cosine)._asdict()), target / CLOSE)
        facts |= {"close": {"cosine": cosine, "sha256": at(target / CLOSE).sha256()}}
    FoundPairs(pairs, mirrored).write(target)
    return facts


def _stated(join: Join, method: Method, recall: RecallCounts | None) -> tuple[float, bool]:
    """Return the stated recall of MinHash, and whether the measured one is significantly lower."""
    if join.bands is None or (join.view.on_pixels and method == "all pairs"):
        return 1.0, False
    percent = join.view.recall_from or join.percent
    stated = join.bands.recall_at(percent / 100)
    return stated, method == "minhash" and recall is not None and interval(*recall.at(percent))[1] < stated


def _kept(join: Join, pairs: Pairs) -> Pairs:
    """Return the pairs to keep; for photographs all, since each has few."""
    if join.view.on_pixels:
        return in_order(pairs, join.within)
    one, two = (tables.read(join.workspace / s.images_table, ["label"])["label"].to_numpy() for s in join.sides)
    return that_matter(pairs, (one, two), join.within)


def near_pairs(
    join: Join, one: Images, two: Images, method: Method, but: Callable[[Pairs], Mask] | None = None
) -> Pairs:
    """Return the near-duplicates of glyphs to keep; `but` returns which pairs to exclude.

    Glyphs without any set bit cannot be near-duplicates, only identical.
    """
    first = one.take(one.patterns.counts > 0)
    second = first if two is one else two.take(two.patterns.counts > 0)
    if method == "minhash" and join.bands:
        stream = lsh_pairs(first.patterns, second.patterns, join.percent, join.bands)
    else:
        stream = complete_pairs(first.patterns, second.patterns, join.percent)

    def near() -> Iterator[Pairs]:
        for i, j, shared in stream:
            found = similarity(first.patterns.counts[i], second.patterns.counts[j], shared, first.patterns.length)
            differ = (first.digests[i] != second.digests[j]).any(axis=1)  # identical images are not near-duplicates
            pairs = Pairs(first.numbers[i], second.numbers[j], found).where(differ)
            yield pairs.where(~but(pairs)) if but else pairs

    return gathered(near(), lambda pairs: _kept(join, pairs))


def _recall(join: Join, seed: int, one: Images, two: Images, found: Pairs) -> RecallCounts | None:
    """Compare MinHash with the exhaustive search: on the first tile, or on a sample if MinHash searched.

    MinHash verifies its pairs, and signing all images takes longer than comparing them, so it searches only the images
    with pairs.
    """
    if join.method == "all pairs":
        if one.numbers[0] or two.numbers[0]:
            return None
        some = [side.take(np.isin(side.numbers, end)) for side, end in zip((one, two), found[:2], strict=True)]
        asked = near_pairs(join, some[0], some[1], "minhash")
        counts = count_named(found, asked) + count_named(found.seen_from(1), asked.seen_from(1))
        return replace(counts, rows=len(one) + len(two))
    rows = np.isin(two.numbers, sampled(join.second.images, seed))
    truth = near_pairs(join, one, two.take(rows), "all pairs")
    own = found.where(np.isin(found.second, two.numbers[rows]))
    return replace(count_named(truth.seen_from(1), own.seen_from(1)), rows=int(rows.sum()))
